/* People at work: arrivals are handed to the engine one epoch ahead, between slots. */
#include <stdlib.h>

#include "node/wire/codec.h"
#include "sim/world/internal.h"

#define TX_TRANSFER 0x01
#define TX_BOND 0x02
#define TX_UNBOND 0x03
#define TX_WITHDRAW 0x04
#define BODY_BYTES_MAX (2 + 32 + 8 + 3 + 1024)

enum err loads_build(struct world *w, struct settings_error *error)
{
    const struct scenario *s = w->scenario;

    w->loads = calloc(s->loads_count + 1, sizeof(*w->loads));
    invariant(w->loads != NULL);
    for (uint64_t i = 0; i < s->loads_count; i++) {
        struct load_state *load = &w->loads[i];
        load->spec = &s->loads[i];
        for (uint64_t g = 0; g < s->groups_count; g++) {
            if (strcmp(s->groups[g].name, load->spec->group) == 0) {
                load->first = w->population.group_first[g];
                load->count = (uint32_t)s->groups[g].count;
            }
        }
        if (load->count == 0 || !w->population.members[load->first].has_account) {
            snprintf(error->text, sizeof(error->text),
                     "load %llu: group %s has no nodes with an account (stake.free)",
                     (unsigned long long)i + 1, load->spec->group);
            error->line = load->spec->line;
            return ERR_INVALID;
        }
        struct load_config config = {.arrivals = load->spec->poisson ? LOAD_POISSON : LOAD_CONSTANT,
                                     .rate_num = load->spec->per_s.num,
                                     .rate_den = load->spec->per_s.den,
                                     .start_ns = load->spec->start_ns,
                                     .end_ns = load->spec->end_ns != 0 ? load->spec->end_ns
                                                                       : s->duration_ns,
                                     .entry_count = load->count};
        if (load_init(&load->load, &config, &w->exponential, s->seed, (uint32_t)i) != ERR_OK) {
            snprintf(error->text, sizeof(error->text), "load %llu: rate out of range",
                     (unsigned long long)i + 1);
            return ERR_RANGE;
        }
        load->more = load_next(&load->load, &load->next);
    }
    return ERR_OK;
}

void load_feed(struct world *w, uint64_t until_ns)
{
    for (uint32_t i = 0; i < w->scenario->loads_count; i++) {
        struct load_state *load = &w->loads[i];
        while (load->more && load->next.at_ns < until_ns) {
            engine_send(w->engine, 0, engine_world(w->engine), load->first + load->next.entry,
                        load->next.at_ns, payload_make(PAYLOAD_LOAD, load->next.number << 16 | i));
            load->more = load_next(&load->load, &load->next);
        }
    }
}

/* Another member of the same group. */
static const struct member *payee(const struct world *w, uint32_t number, uint32_t index,
                                  uint64_t count)
{
    const struct load_state *load = &w->loads[number];
    uint64_t u = draw(w->scenario->seed, DRAW_LOAD_ENTRY, number, ~index, count);
    uint32_t other = load->count > 1 ? (uint32_t)draw_below(u, load->count - 1) : 0;

    other += load->first;
    return &w->population.members[load->count > 1 && other >= index ? other + 1 : other];
}

void load_arrive(struct world *w, unsigned thread, uint32_t index, uint64_t now_ns,
                 uint64_t payload)
{
    struct host *h = &w->hosts[index];
    uint32_t number = (uint32_t)(payload >> 4 & 0xffff);
    uint64_t count = payload >> 20;
    const struct scenario_load *spec = w->loads[number].spec;
    uint8_t body[BODY_BYTES_MAX];
    struct writer out;
    struct event event = {.kind = EVENT_SUBMIT};

    if (!h->up) {
        return;
    }
    writer_init(&out, body, sizeof(body));
    switch (spec->kind) {
    case LOAD_TRANSFER:
        writer_u16(&out, TX_TRANSFER);
        writer_hash(&out, payee(w, number, index, count)->account);
        writer_u64(&out, spec->amount);
        writer_var(&out, spec->memo_bytes);
        memset(writer_room(&out, spec->memo_bytes), 'm', spec->memo_bytes);
        break;
    case LOAD_BOND:
    case LOAD_UNBOND:
    case LOAD_WITHDRAW:
        writer_u16(&out, spec->kind == LOAD_BOND     ? TX_BOND
                         : spec->kind == LOAD_UNBOND ? TX_UNBOND
                                                     : TX_WITHDRAW);
        writer_u64(&out, spec->amount);
        break;
    }
    event.submit.request = count;
    event.submit.kind = SUBMIT_BODY;
    event.submit.expiry_blocks = (uint32_t)spec->expiry_blocks;
    event.submit.data = span_of(body, writer_len(&out));
    step_run(w, thread, index, cpu_free_ns(&h->cpu, now_ns), &event);
}
