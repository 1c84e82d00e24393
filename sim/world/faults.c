/* The timeline of a run: the scenario's lines, and its random processes expanded, over the nodes as
 * they are placed. */
#include <stdlib.h>

#include "sim/fault/process.h"
#include "sim/fault/text.h"
#include "sim/world/internal.h"

enum { DOMAIN_REGION, DOMAIN_CITY, DOMAIN_OPERATOR, DOMAIN_GROUP, DOMAINS };

/* Names and membership of every domain, as the fault reader wants them. */
struct domains {
    struct fault_domain list[DOMAINS];
    const char **name[DOMAINS];
    uint32_t *of_node[DOMAINS];
    uint64_t *stake;
    struct fault_domains all;
};

static void domain_make(struct domains *d, int which, const char *word, uint32_t count,
                        uint32_t nodes)
{
    d->name[which] = calloc(count + 1, sizeof(char *));
    d->of_node[which] = calloc(nodes, sizeof(uint32_t));
    invariant(d->name[which] != NULL && d->of_node[which] != NULL);
    d->list[which] = (struct fault_domain){
        .word = word, .count = count, .name = d->name[which], .of_node = d->of_node[which]};
}

static uint32_t operators_number(const struct scenario *s)
{
    uint32_t count = 0;

    for (uint64_t g = 0; g < s->groups_count; g++) {
        count += (uint32_t)s->groups[g].operators_count;
    }
    return count;
}

static void domains_make(struct domains *d, const struct world *w)
{
    const struct scenario *s = w->scenario;
    uint32_t operators = operators_number(s);

    domain_make(d, DOMAIN_REGION, "region", w->cities.region_count, w->count);
    domain_make(d, DOMAIN_CITY, "city", w->cities.count, w->count);
    domain_make(d, DOMAIN_OPERATOR, "operator", operators, w->count);
    domain_make(d, DOMAIN_GROUP, "group", (uint32_t)s->groups_count, w->count);
    d->stake = calloc(w->count, sizeof(*d->stake));
    invariant(d->stake != NULL);
    for (uint32_t i = 0; i < w->cities.region_count; i++) {
        d->name[DOMAIN_REGION][i] = w->cities.region[i];
    }
    for (uint32_t i = 0; i < w->cities.count; i++) {
        d->name[DOMAIN_CITY][i] = w->cities.city[i].name;
    }
    uint32_t first_operator = 0;
    for (uint32_t g = 0; g < s->groups_count; g++) {
        const struct scenario_group *group = &s->groups[g];
        d->name[DOMAIN_GROUP][g] = group->name;
        for (uint32_t o = 0; o < group->operators_count; o++) {
            d->name[DOMAIN_OPERATOR][first_operator + o] = group->operators[o];
        }
        for (uint32_t i = w->population.group_first[g]; i < w->population.group_first[g + 1]; i++) {
            const struct member *m = &w->population.members[i];
            d->of_node[DOMAIN_REGION][i] = m->region;
            d->of_node[DOMAIN_CITY][i] = m->city;
            d->of_node[DOMAIN_GROUP][i] = g;
            d->of_node[DOMAIN_OPERATOR][i] =
                group->operators_count == 0 ? operators : first_operator + m->operator_index;
            d->stake[i] = m->stake_tokens;
        }
        first_operator += (uint32_t)group->operators_count;
    }
    d->all = (struct fault_domains){.domain_count = DOMAINS, .domain = d->list, .stake = d->stake};
}

static void domains_free(struct domains *d)
{
    for (int i = 0; i < DOMAINS; i++) {
        free(d->name[i]);
        free(d->of_node[i]);
    }
    free(d->stake);
}

static enum err lines_add(struct world *w, const struct domains *d, struct settings_error *error)
{
    const struct scenario *s = w->scenario;
    struct fault_text_error why = {0};

    for (uint64_t i = 0; i < s->faults_count; i++) {
        enum err err = fault_entry_parse(&w->timeline, &why, &d->all, s->faults[i].text);
        if (err != ERR_OK) {
            snprintf(error->text, sizeof(error->text), "fault `%s`, column %u: %s",
                     s->faults[i].text, why.column, why.text);
            error->line = s->faults[i].line;
            return err;
        }
    }
    return ERR_OK;
}

static enum err process_add(struct world *w, const struct domains *d, uint32_t number,
                            struct settings_error *error)
{
    const struct scenario_process *spec = &w->scenario->processes[number];
    struct fault_text_error why = {0};
    struct node_bits candidates;
    char targets[128] = "all";

    TRY(node_bits_make(&candidates, w->count));
    if (spec->group != NULL && spec->group[0] != 0) {
        snprintf(targets, sizeof(targets), "group %s", spec->group);
    }
    struct fault_process process;
    enum err err = fault_targets_parse(&candidates, &why, &d->all, targets);
    if (err == ERR_OK) {
        err = fault_process_parse(&process, &why, &d->all, spec->kind,
                                  spec->arguments != NULL ? spec->arguments : "");
    }
    if (err == ERR_OK) {
        process.candidates = &candidates;
        process.rate_num = spec->per_hour.num;
        process.rate_den = spec->per_hour.den;
        process.least_ns = spec->least_ns;
        process.most_ns = spec->most_ns;
        process.from_ns = spec->start_ns;
        process.until_ns = spec->end_ns == 0 ? w->scenario->duration_ns : spec->end_ns;
        err = fault_process_expand(&w->timeline, &process, &w->exponential, w->scenario->seed,
                                   number);
        snprintf(why.text, sizeof(why.text), "%s", err == ERR_OK ? "" : err_text(err));
    }
    node_bits_free(&candidates);
    if (err != ERR_OK) {
        snprintf(error->text, sizeof(error->text), "random fault %u (%s): %s", number + 1,
                 spec->kind, why.text);
        error->line = spec->line;
    }
    return err;
}

static enum err timeline_record(struct world *w)
{
    for (uint32_t i = 0; i < w->timeline.count && w->options.record != NULL; i++) {
        const struct fault *fault = &w->timeline.fault[i];
        char *text = NULL;
        size_t len = 0;
        FILE *out = open_memstream(&text, &len);
        if (out == NULL) {
            return ERR_NO_MEMORY;
        }
        fault_entry_print(out, &w->timeline, i);
        fclose(out);
        if (len > 0 && text[len - 1] == '\n') {
            text[len - 1] = 0;
        }
        uint64_t span =
            fault->until_ns == FAULT_FOREVER ? FAULT_FOREVER : fault->until_ns - fault->at_ns;
        enum err err = record_fault(w->options.record, fault->at_ns, span, text);
        free(text);
        TRY(err);
    }
    return ERR_OK;
}

enum err faults_build(struct world *w, struct settings_error *error)
{
    struct domains domains;
    enum err err;

    fault_timeline_init(&w->timeline, w->count);
    domains_make(&domains, w);
    err = lines_add(w, &domains, error);
    for (uint32_t i = 0; i < w->scenario->processes_count && err == ERR_OK; i++) {
        err = process_add(w, &domains, i, error);
    }
    if (err == ERR_OK) {
        err = world_adversaries_build(w, &domains.all, error);
    }
    domains_free(&domains);
    if (err == ERR_OK) {
        err = fault_timeline_seal(&w->timeline);
    }
    return err == ERR_OK ? timeline_record(w) : err;
}
