/* Lines of text to lines and back. Values are read by the fault reader: one language for both. */
#include <stdarg.h>
#include <stdlib.h>

#include "settings/nearest.h"
#include "sim/adversary/kind.h"

enum { LINE_BYTES_MAX = 400 };

/* A word of the line that begins a part: a parameter (its number), `at`, `for`. */
enum { PART_AT = ADVERSARY_PARAMETERS_MAX, PART_FOR, PART_NONE };

struct line_text {
    char text[LINE_BYTES_MAX];
    struct fault_text_error *error;
    const struct fault_domains *domains;
    uint32_t node_count;
};

__attribute__((format(printf, 4, 5))) static enum err
line_fail(struct line_text *t, size_t at, enum err err, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    t->error->column = (unsigned)at + 1;
    vsnprintf(t->error->text, sizeof(t->error->text), format, list);
    va_end(list);
    return err;
}

static const struct adversary_kind *kind_find(const char *word, size_t len)
{
    for (uint32_t i = 0; adversary_kinds[i] != NULL; i++) {
        const char *name = adversary_kinds[i]->word;
        if (strlen(name) == len && memcmp(name, word, len) == 0) {
            return adversary_kinds[i];
        }
    }
    return NULL;
}

const char *adversary_kind_word(uint32_t number)
{
    for (uint32_t i = 0; adversary_kinds[i] != NULL; i++) {
        if (i == number) {
            return adversary_kinds[i]->word;
        }
    }
    return NULL;
}

static enum err kind_unknown(struct line_text *t, size_t at, size_t len)
{
    char word[61];

    snprintf(word, sizeof(word), "%.*s", (int)len, t->text + at);
    struct nearest near = {.word = word};
    for (uint32_t i = 0; adversary_kinds[i] != NULL; i++) {
        nearest_try(&near, adversary_kinds[i]->word);
    }
    return line_fail(t, at, ERR_UNKNOWN, "unknown kind of adversary '%s'; the nearest is '%s'",
                     word, near.best);
}

static int part_of(const struct adversary_kind *kind, const char *word, size_t len)
{
    for (int p = 0; p < ADVERSARY_PARAMETERS_MAX && kind->parameter[p].word != NULL; p++) {
        const char *name = kind->parameter[p].word;
        if (strlen(name) == len && memcmp(name, word, len) == 0) {
            return p;
        }
    }
    if (len == 2 && memcmp(word, "at", 2) == 0) {
        return PART_AT;
    }
    return len == 3 && memcmp(word, "for", 3) == 0 ? PART_FOR : PART_NONE;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The next word from *at: its place and length; 0 at the end. */
static size_t word_next(const char *text, size_t *at)
{
    size_t len = 0;

    while (is_space(text[*at])) {
        ++*at;
    }
    while (text[*at + len] != 0 && !is_space(text[*at + len])) {
        len++;
    }
    return len;
}

static enum err value_part(struct line_text *t, struct adversary_value *value,
                           enum parameter_type type, size_t at, const char *part, uint64_t most)
{
    static const enum fault_kind kind_of[] = {[PARAMETER_TIME] = FAULT_CLOG,
                                              [PARAMETER_RATIO] = FAULT_SLOW_CPU,
                                              [PARAMETER_COUNT] = FAULT_CORRUPT_DISK};
    struct fault fault = {.kind = kind_of[type]};
    enum err err = fault_argument_parse(&fault, t->error, part);

    if (err != ERR_OK) {
        t->error->column += (unsigned)at;
        return err;
    }
    value->num = type == PARAMETER_RATIO ? fault.num : (uint64_t)fault.value_ns;
    value->den = type == PARAMETER_RATIO ? fault.den : 1;
    if (most != 0 && value->num > most * value->den) {
        return line_fail(t, at, ERR_RANGE, "at most %llu", (unsigned long long)most);
    }
    return ERR_OK;
}

static enum err nodes_part(struct line_text *t, struct fault_set *set, size_t at, const char *part)
{
    struct node_bits bits;

    TRY(node_bits_make(&bits, t->node_count));
    enum err err = fault_targets_parse(&bits, t->error, t->domains, part);
    if (err == ERR_OK) {
        fault_set_free(set);
        err = fault_set_make(set, &bits);
    } else {
        t->error->column += (unsigned)at;
    }
    node_bits_free(&bits);
    return err;
}

/* Who does it. */
static enum err targets_part(struct line_text *t, struct adversary_line *line, size_t at,
                             const char *part)
{
    const struct adversary_kind *kind = line->kind;

    if (part[0] == 0) {
        return line_fail(t, at, ERR_SYNTAX, "%s needs targets, as 'node 0-3' or 'stake 1/3'",
                         kind->word);
    }
    enum err err = nodes_part(t, &line->nodes, at, part);
    if (err == ERR_SYNTAX && strncmp(t->error->text, "unexpected", 10) == 0) {
        size_t len = 0;
        char words[64] = "";
        for (int p = 0; p < ADVERSARY_PARAMETERS_MAX && kind->parameter[p].word != NULL; p++) {
            len += (size_t)snprintf(words + len, sizeof(words) - len, "'%s', ",
                                    kind->parameter[p].word);
        }
        snprintf(t->error->text, sizeof(t->error->text),
                 "behind its targets %s takes %s'at' and 'for'", kind->word, words);
    }
    if (err == ERR_OK && line->nodes.count == 0 && strcmp(part, "none") != 0) {
        return line_fail(t, at, ERR_INVALID, "that is nobody here ('none', if it is meant)");
    }
    return err;
}

static enum err word_part(struct line_text *t, struct adversary_value *value,
                          const struct parameter *parameter, size_t at, const char *part)
{
    for (uint64_t i = 0; parameter->choices[i] != NULL; i++) {
        if (strcmp(parameter->choices[i], part) == 0) {
            value->num = i;
            return ERR_OK;
        }
    }
    char list[64] = "";
    size_t len = 0;
    for (uint64_t i = 0; parameter->choices[i] != NULL; i++) {
        len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s", i > 0 ? ", " : "",
                                parameter->choices[i]);
    }
    return line_fail(t, at, ERR_UNKNOWN, "'%s' takes one of %s, not '%.20s'", parameter->word, list,
                     part);
}

static enum err parameter_part(struct line_text *t, struct adversary_line *line, int number,
                               size_t at, const char *part)
{
    const struct parameter *parameter = &line->kind->parameter[number];
    struct adversary_value *value = &line->value[number];

    switch (parameter->type) {
    case PARAMETER_NODES:
        return nodes_part(t, &value->set, at, part);
    case PARAMETER_WORD:
        return word_part(t, value, parameter, at, part);
    default:
        return value_part(t, value, parameter->type, at, part, parameter->most);
    }
}

static enum err part_read(struct line_text *t, struct adversary_line *line, int which, size_t at,
                          const char *part)
{
    struct adversary_value time;

    switch (which) {
    case PART_NONE:
        return targets_part(t, line, at, part);
    case PART_AT:
        /* "0 s" is a time as well, but not one of the fault reader's arguments. */
        TRY(value_part(t, &time, PARAMETER_TIME, at, part, 0));
        line->at_ns = time.num;
        return ERR_OK;
    case PART_FOR:
        TRY(value_part(t, &time, PARAMETER_TIME, at, part, 0));
        line->until_ns = time.num; /* from at_ns: added when both are known */
        return time.num > 0 ? ERR_OK : line_fail(t, at, ERR_INVALID, "'for' needs a time above 0");
    default:
        return parameter_part(t, line, which, at, part);
    }
}

static enum err defaults_read(struct line_text *t, struct adversary_line *line, unsigned given)
{
    for (int p = 0; p < ADVERSARY_PARAMETERS_MAX && line->kind->parameter[p].word != NULL; p++) {
        const struct parameter *parameter = &line->kind->parameter[p];
        if ((given >> p & 1) != 0) {
            continue;
        }
        if (parameter->value == NULL) {
            return line_fail(t, strlen(t->text), ERR_SYNTAX, "%s needs '%s' and a value",
                             line->kind->word, parameter->word);
        }
        if (parameter->value[0] != 0) {
            TRY(parameter_part(t, line, p, 0, parameter->value));
        }
    }
    return ERR_OK;
}

/* The line is cut at the words that begin a part; what stands between belongs to the one before. */
static enum err parts_read(struct line_text *t, struct adversary_line *line, size_t at)
{
    int which = PART_NONE;
    unsigned given = 0;
    size_t begin = at;

    for (;;) {
        size_t len = word_next(t->text, &at);
        int next = len == 0 ? PART_NONE : part_of(line->kind, t->text + at, len);
        if (len > 0 && next == PART_NONE) {
            at += len;
            continue;
        }
        char part[LINE_BYTES_MAX];
        size_t end = at;
        while (is_space(t->text[begin])) {
            begin++;
        }
        while (end > begin && is_space(t->text[end - 1])) {
            end--;
        }
        snprintf(part, sizeof(part), "%.*s", (int)(end > begin ? end - begin : 0), t->text + begin);
        if ((given >> which & 1) != 0) {
            return line_fail(t, begin, ERR_INVALID, "given twice");
        }
        given |= 1u << which;
        TRY(part_read(t, line, which, begin, part));
        if (len == 0) {
            TRY(defaults_read(t, line, given));
            const char *wrong = line->kind->wrong != NULL ? line->kind->wrong(line) : NULL;
            return wrong == NULL
                       ? ERR_OK
                       : line_fail(t, 0, ERR_INVALID, "%s takes %s", line->kind->word, wrong);
        }
        which = next;
        at += len;
        begin = at;
    }
}

enum err adversary_line_parse(struct adversary_line *line, struct fault_text_error *error,
                              const struct fault_domains *domains, uint32_t node_count,
                              const char *text)
{
    struct line_text t = {.error = error, .domains = domains, .node_count = node_count};
    size_t at = 0;

    *error = (struct fault_text_error){0};
    *line = (struct adversary_line){.until_ns = ADVERSARY_FOREVER};
    snprintf(t.text, sizeof(t.text), "%s", text);
    if (strlen(text) >= LINE_BYTES_MAX) {
        return line_fail(&t, 0, ERR_RANGE, "longer than %d letters", LINE_BYTES_MAX - 1);
    }
    size_t len = word_next(t.text, &at);
    line->kind = kind_find(t.text + at, len);
    if (line->kind == NULL) {
        return kind_unknown(&t, at, len);
    }
    enum err err = parts_read(&t, line, at + len);
    if (err != ERR_OK) {
        adversary_line_free(line);
        return err;
    }
    if (line->until_ns != ADVERSARY_FOREVER) {
        line->until_ns += line->at_ns;
    }
    return ERR_OK;
}

bool line_sets_apart(const struct fault_set *a, const struct fault_set *b)
{
    for (uint32_t i = 0, seen = 0; seen < a->count; i++) {
        if (fault_set_has(a, i) && fault_set_has(b, i)) {
            return false;
        }
        seen += fault_set_has(a, i);
    }
    return true;
}

void adversary_line_free(struct adversary_line *line)
{
    fault_set_free(&line->nodes);
    for (int p = 0; p < ADVERSARY_PARAMETERS_MAX; p++) {
        fault_set_free(&line->value[p].set);
    }
    memset(line, 0, sizeof(*line));
}

static void set_print(FILE *file, const struct fault_set *set)
{
    if (set->count == 0) {
        fputs(" none", file);
        return;
    }
    fputs(" node", file);
    for (uint32_t i = 0; i < set->range_count; i++) {
        const struct fault_range *r = &set->range[i];
        fprintf(file, "%c%u", i == 0 ? ' ' : ',', r->first);
        if (r->last != r->first) {
            fprintf(file, "-%u", r->last);
        }
    }
}

static void time_print(FILE *file, uint64_t ns)
{
    if (ns % 1000000000 == 0) {
        fprintf(file, " %llu s", (unsigned long long)(ns / 1000000000));
    } else {
        fprintf(file, " %llu ns", (unsigned long long)ns);
    }
}

static void value_print(FILE *file, const struct parameter *parameter,
                        const struct adversary_value *value)
{
    switch (parameter->type) {
    case PARAMETER_TIME:
        time_print(file, value->num);
        break;
    case PARAMETER_RATIO:
        fprintf(file, " %llu/%llu", (unsigned long long)value->num, (unsigned long long)value->den);
        break;
    case PARAMETER_COUNT:
        fprintf(file, " %llu", (unsigned long long)value->num);
        break;
    case PARAMETER_NODES:
        set_print(file, &value->set);
        break;
    case PARAMETER_WORD:
        fprintf(file, " %s", parameter->choices[value->num]);
        break;
    }
}

void adversary_line_print(FILE *file, const struct adversary_line *line)
{
    fputs(line->kind->word, file);
    set_print(file, &line->nodes);
    for (int p = 0; p < ADVERSARY_PARAMETERS_MAX && line->kind->parameter[p].word != NULL; p++) {
        const struct parameter *parameter = &line->kind->parameter[p];
        if ((parameter->type == PARAMETER_NODES && line->value[p].set.count == 0) ||
            (parameter->type == PARAMETER_RATIO && line->value[p].den == 0)) {
            continue;
        }
        fprintf(file, " %s", parameter->word);
        value_print(file, parameter, &line->value[p]);
    }
    if (line->at_ns > 0) {
        fputs(" at", file);
        time_print(file, line->at_ns);
    }
    if (line->until_ns != ADVERSARY_FOREVER) {
        fputs(" for", file);
        time_print(file, line->until_ns - line->at_ns);
    }
    fputc('\n', file);
}
