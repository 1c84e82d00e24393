#include "sim/fault/text.h"

#include <stdarg.h>
#include <stdlib.h>

#include "node/base/invariant.h"

static const struct unit {
    const char *word;
    uint64_t ns;
} units[] = {
    {"ns", 1},
    {"us", 1000},
    {"ms", 1000000},
    {"s", 1000000000},
    {"min", 60000000000},
    {"h", 3600000000000},
    {"d", 86400000000000},
};

enum { UNIT_COUNT = sizeof units / sizeof units[0] };

/* The line being read, and where. */
struct text {
    const char *line;
    const char *at;
    struct fault_text_error *error;
};

__attribute__((format(printf, 3, 4))) static enum err text_fail(struct text *t, enum err err,
                                                                const char *format, ...)
{
    va_list list;
    va_start(list, format);
    t->error->column = (unsigned)(t->at - t->line) + 1;
    vsnprintf(t->error->text, sizeof t->error->text, format, list);
    va_end(list);
    return err;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void skip_spaces(struct text *t)
{
    while (is_space(*t->at)) {
        t->at++;
    }
}

/* Length of the word at the current place. */
static size_t word_length(const struct text *t)
{
    size_t n = 0;
    while (t->at[n] != 0 && !is_space(t->at[n])) {
        n++;
    }
    return n;
}

static bool word_is(const struct text *t, const char *word)
{
    size_t n = word_length(t);
    return n == strlen(word) && memcmp(t->at, word, n) == 0;
}

/* Takes the word if it stands here. */
static bool take_word(struct text *t, const char *word)
{
    skip_spaces(t);
    if (!word_is(t, word)) {
        return false;
    }
    t->at += strlen(word);
    skip_spaces(t);
    return true;
}

static bool at_end(struct text *t)
{
    skip_spaces(t);
    return *t->at == 0;
}

/* A decimal number as value / 10^decimals. */
struct decimal {
    uint64_t value;
    uint64_t scale;
};

static enum err read_decimal(struct text *t, struct decimal *out)
{
    *out = (struct decimal){.scale = 1};
    bool point = false;
    if (!is_digit(*t->at)) {
        return text_fail(t, ERR_SYNTAX, "expected a number");
    }
    for (; is_digit(*t->at) || (*t->at == '.' && !point); t->at++) {
        if (*t->at == '.') {
            point = true;
            continue;
        }
        if (out->value > UINT64_MAX / 100 || out->scale >= 1000000000) {
            return text_fail(t, ERR_RANGE, "number with too many digits");
        }
        out->value = out->value * 10 + (uint64_t)(*t->at - '0');
        out->scale *= point ? 10 : 1;
    }
    return ERR_OK;
}

static enum err read_time(struct text *t, uint64_t *ns)
{
    struct decimal number;
    TRY(read_decimal(t, &number));
    skip_spaces(t);
    for (size_t i = 0; i < UNIT_COUNT; i++) {
        if (!word_is(t, units[i].word)) {
            continue;
        }
        u128 product = (u128)number.value * units[i].ns;
        if (product % number.scale != 0) {
            return text_fail(t, ERR_RANGE, "a time is a whole number of nanoseconds");
        }
        if (product / number.scale >> 61 != 0) {
            return text_fail(t, ERR_RANGE, "time too long");
        }
        *ns = (uint64_t)(product / number.scale);
        t->at += strlen(units[i].word);
        return ERR_OK;
    }
    return text_fail(t, ERR_SYNTAX, "expected a unit of time (ns us ms s min h d)");
}

/* "3/100", "0.03", "10". */
static enum err read_ratio(struct text *t, uint32_t *num, uint32_t *den)
{
    struct decimal number;
    TRY(read_decimal(t, &number));
    uint64_t over = number.scale;
    if (*t->at == '/' && number.scale == 1) {
        t->at++;
        struct decimal divisor;
        TRY(read_decimal(t, &divisor));
        if (divisor.scale != 1 || divisor.value == 0) {
            return text_fail(t, ERR_SYNTAX, "expected a whole number above 0 after '/'");
        }
        over = divisor.value;
    }
    if (number.value > UINT32_MAX || over > UINT32_MAX) {
        return text_fail(t, ERR_RANGE, "number too large");
    }
    *num = (uint32_t)number.value;
    *den = (uint32_t)over;
    return ERR_OK;
}

/* "0-59,71" */
static enum err read_ranges(struct text *t, struct node_bits *bits)
{
    for (;;) {
        struct decimal first;
        struct decimal last;
        skip_spaces(t);
        TRY(read_decimal(t, &first));
        last = first;
        if (*t->at == '-') {
            t->at++;
            TRY(read_decimal(t, &last));
        }
        if (first.scale != 1 || last.scale != 1 || first.value > last.value) {
            return text_fail(t, ERR_SYNTAX, "expected node numbers as in 0-59,71");
        }
        if (last.value >= bits->node_count) {
            return text_fail(t, ERR_RANGE, "node %llu, but there are %u nodes",
                             (unsigned long long)last.value, bits->node_count);
        }
        node_bits_add_range(bits, (uint32_t)first.value, (uint32_t)last.value);
        skip_spaces(t);
        if (*t->at != ',') {
            return ERR_OK;
        }
        t->at++;
    }
}

struct holder {
    uint64_t stake;
    uint32_t node;
};

static int compare_holder(const void *a, const void *b)
{
    const struct holder *x = a;
    const struct holder *y = b;
    if (x->stake != y->stake) {
        return x->stake < y->stake ? 1 : -1;
    }
    return (x->node > y->node) - (x->node < y->node);
}

/* The set that `stake num/den` names. */
static enum err share_of_stake(struct node_bits *bits, const uint64_t *stake, uint32_t num,
                               uint32_t den)
{
    struct holder *holder = malloc(((size_t)bits->node_count + 1) * sizeof *holder);
    if (holder == NULL) {
        return ERR_NO_MEMORY;
    }
    uint32_t holders = 0;
    uint64_t others = 0;
    u128 total = 0;
    for (uint32_t node = 0; node < bits->node_count; node++) {
        if (stake != NULL && stake[node] > 0) {
            holder[holders++] = (struct holder){stake[node], node};
            total += stake[node];
        } else {
            if ((others + 1) * num / den > others * num / den) {
                node_bits_add(bits, node);
            }
            others++;
        }
    }
    qsort(holder, holders, sizeof *holder, compare_holder);
    u128 limit = total / den * num + total % den * num / den;
    u128 sum = 0;
    for (uint32_t i = 0; i < holders; i++) {
        if (sum + holder[i].stake <= limit) {
            sum += holder[i].stake;
            node_bits_add(bits, holder[i].node);
        }
    }
    free(holder);
    return ERR_OK;
}

/* Names of one domain, separated by commas; they may hold spaces. `end` is past the last. */
static enum err read_names(struct text *t, struct node_bits *bits,
                           const struct fault_domain *domain, const char *end)
{
    for (;;) {
        skip_spaces(t);
        size_t n = 0;
        while (t->at + n < end && t->at[n] != ',') {
            n++;
        }
        size_t trimmed = n;
        while (trimmed > 0 && is_space(t->at[trimmed - 1])) {
            trimmed--;
        }
        uint32_t value = 0;
        while (value < domain->count && (strlen(domain->name[value]) != trimmed ||
                                         memcmp(domain->name[value], t->at, trimmed) != 0)) {
            value++;
        }
        if (value == domain->count) {
            return text_fail(t, ERR_UNKNOWN, "unknown %s '%.*s'", domain->word,
                             trimmed > 60 ? 60 : (int)trimmed, t->at);
        }
        for (uint32_t node = 0; node < bits->node_count; node++) {
            if (domain->of_node[node] == value) {
                node_bits_add(bits, node);
            }
        }
        t->at += n;
        if (t->at == end) {
            return ERR_OK;
        }
        t->at++; /* the comma */
    }
}

/* The end of a target: the next keyword or the end of the line, without spaces before it. */
static const char *target_end(const struct text *start)
{
    static const char *const keywords[] = {"from", "to", "by", "silent", "as"};
    struct text t = *start;
    const char *end = t.at;
    while (*t.at != 0) {
        for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++) {
            if (word_is(&t, keywords[i])) {
                return end;
            }
        }
        t.at += word_length(&t);
        end = t.at;
        skip_spaces(&t);
    }
    return end;
}

static enum err read_targets(struct text *t, struct node_bits *bits,
                             const struct fault_domains *domains)
{
    node_bits_clear(bits);
    skip_spaces(t);
    const char *end = target_end(t);
    if (take_word(t, "all")) {
        node_bits_complement(bits);
        return ERR_OK;
    }
    if (take_word(t, "none")) {
        return ERR_OK;
    }
    if (take_word(t, "node")) {
        return read_ranges(t, bits);
    }
    if (take_word(t, "stake")) {
        uint32_t num;
        uint32_t den;
        TRY(read_ratio(t, &num, &den));
        if (num > den) {
            return text_fail(t, ERR_RANGE, "a share is at most 1");
        }
        return share_of_stake(bits, domains->stake, num, den);
    }
    for (uint32_t i = 0; i < domains->domain_count; i++) {
        if (take_word(t, domains->domain[i].word)) {
            return read_names(t, bits, &domains->domain[i], end);
        }
    }
    int n = (int)word_length(t);
    return text_fail(t, n == 0 ? ERR_SYNTAX : ERR_UNKNOWN, "unknown target '%.*s'", n > 60 ? 60 : n,
                     t->at);
}

enum err fault_targets_parse(struct node_bits *bits, struct fault_text_error *error,
                             const struct fault_domains *domains, const char *text)
{
    *error = (struct fault_text_error){0};
    struct text t = {.line = text, .at = text, .error = error};
    TRY(read_targets(&t, bits, domains));
    return at_end(&t) ? ERR_OK : text_fail(&t, ERR_SYNTAX, "unexpected text after the targets");
}

static enum err read_argument(struct text *t, struct fault *fault)
{
    enum fault_argument argument = fault_kind_info(fault->kind)->argument;
    skip_spaces(t);
    bool negative = argument == FAULT_ARGUMENT_STEP && *t->at == '-';
    uint64_t ns;
    struct decimal number;
    switch (argument) {
    case FAULT_ARGUMENT_NONE:
        return text_fail(t, ERR_INVALID, "%s takes no 'by'", fault_kind_info(fault->kind)->word);
    case FAULT_ARGUMENT_TIME:
    case FAULT_ARGUMENT_STEP:
        t->at += negative;
        TRY(read_time(t, &ns));
        fault->value_ns = negative ? -(int64_t)ns : (int64_t)ns;
        return ERR_OK;
    case FAULT_ARGUMENT_PROBABILITY:
    case FAULT_ARGUMENT_FACTOR:
        return read_ratio(t, &fault->num, &fault->den);
    case FAULT_ARGUMENT_COUNT:
        TRY(read_decimal(t, &number));
        if (number.scale != 1 || number.value == 0 || number.value > UINT32_MAX) {
            return text_fail(t, ERR_RANGE, "expected a count of at least 1");
        }
        fault->value_ns = (int64_t)number.value;
        return ERR_OK;
    }
    return ERR_INVALID;
}

enum err fault_argument_parse(struct fault *fault, struct fault_text_error *error, const char *text)
{
    *error = (struct fault_text_error){0};
    struct text t = {.line = text, .at = text, .error = error};
    TRY(read_argument(&t, fault));
    return at_end(&t) ? ERR_OK : text_fail(&t, ERR_SYNTAX, "unexpected text after the argument");
}

/* "at T [for D] KIND" */
static enum err read_head(struct text *t, struct fault *fault)
{
    if (!take_word(t, "at")) {
        return text_fail(t, ERR_SYNTAX, "a fault begins with 'at' and a time");
    }
    TRY(read_time(t, &fault->at_ns));
    uint64_t duration_ns = 0;
    bool has_for = take_word(t, "for");
    if (has_for) {
        TRY(read_time(t, &duration_ns));
    }
    skip_spaces(t);
    char word[32] = {0};
    size_t n = word_length(t);
    if (n < sizeof word) {
        memcpy(word, t->at, n);
    }
    if (fault_kind_find(&fault->kind, word) != ERR_OK) {
        return text_fail(t, ERR_UNKNOWN, "unknown kind of fault '%.*s'", n > 60 ? 60 : (int)n,
                         t->at);
    }
    bool lasts = fault_kind_info(fault->kind)->lasts;
    if (has_for && (!lasts || duration_ns == 0)) {
        return text_fail(t, ERR_INVALID,
                         lasts ? "'for' needs a time above 0"
                               : "this kind happens at an instant: no 'for'");
    }
    t->at += n;
    fault->until_ns = !lasts ? fault->at_ns : has_for ? fault->at_ns + duration_ns : FAULT_FOREVER;
    return ERR_OK;
}

/* The one or two sets. */
static enum err read_sets(struct text *t, struct fault *fault, struct fault_timeline *timeline,
                          const struct fault_domains *domains, struct node_bits *bits)
{
    fault->b = FAULT_NO_SET;
    TRY(read_targets(t, bits, domains));
    TRY(fault_timeline_set(timeline, &fault->a, bits));
    if (fault_kind_info(fault->kind)->sets == 1) {
        return ERR_OK;
    }
    fault->one_way = take_word(t, "to");
    if (!fault->one_way && !take_word(t, "from")) {
        return text_fail(t, ERR_SYNTAX, "expected 'from' or 'to' and a second set");
    }
    if (fault->one_way && fault->kind != FAULT_CUT) {
        return text_fail(t, ERR_INVALID, "only a cut can be one way");
    }
    if (take_word(t, "rest")) {
        node_bits_complement(bits);
    } else {
        TRY(read_targets(t, bits, domains));
    }
    return fault_timeline_set(timeline, &fault->b, bits);
}

static enum err read_tail(struct text *t, struct fault *fault)
{
    const struct fault_kind_info *info = fault_kind_info(fault->kind);
    if (take_word(t, "by")) {
        TRY(read_argument(t, fault));
    } else if (info->argument != FAULT_ARGUMENT_NONE) {
        return text_fail(t, ERR_SYNTAX, "%s needs 'by' and a value", info->word);
    }
    if (take_word(t, "silent")) {
        fault->silent = true;
        if (fault->kind != FAULT_CORRUPT_DISK) {
            return text_fail(t, ERR_INVALID, "only corrupt-disk can be silent");
        }
    }
    if (take_word(t, "as")) {
        size_t n = word_length(t);
        if (n == 0 || n >= FAULT_LABEL_BYTES) {
            return text_fail(t, ERR_SYNTAX, "a label is one word of at most 31 letters");
        }
        memcpy(fault->label, t->at, n);
        t->at += n;
    }
    return at_end(t) ? ERR_OK : text_fail(t, ERR_SYNTAX, "unexpected text at the end");
}

enum err fault_entry_parse(struct fault_timeline *timeline, struct fault_text_error *error,
                           const struct fault_domains *domains, const char *line)
{
    *error = (struct fault_text_error){0};
    struct text t = {.line = line, .at = line, .error = error};
    struct fault fault = {0};
    struct node_bits bits;
    TRY(node_bits_make(&bits, timeline->node_count));
    enum err err = read_head(&t, &fault);
    if (err == ERR_OK) {
        err = read_sets(&t, &fault, timeline, domains, &bits);
    }
    if (err == ERR_OK) {
        err = read_tail(&t, &fault);
    }
    node_bits_free(&bits);
    TRY(err);
    err = fault_timeline_add(timeline, &fault);
    if (err != ERR_OK) {
        return text_fail(&t, err,
                         err == ERR_INVALID ? "the value after 'by' is out of range"
                                            : "too many faults");
    }
    return ERR_OK;
}

static void print_time(FILE *file, uint64_t ns)
{
    size_t i = UNIT_COUNT - 1;
    while (ns == 0 ? units[i].ns != 1000000000 : ns % units[i].ns != 0) {
        i--;
    }
    fprintf(file, "%llu %s", (unsigned long long)(ns / units[i].ns), units[i].word);
}

static void print_set(FILE *file, const struct fault_timeline *timeline, uint32_t number)
{
    const struct fault_set *set = &timeline->set[number];
    if (set->count == timeline->node_count) {
        fputs(" all", file);
        return;
    }
    fputs(set->count == 0 ? " none" : " node", file);
    for (uint32_t i = 0; i < set->range_count; i++) {
        const struct fault_range *r = &set->range[i];
        fprintf(file, "%c%u", i == 0 ? ' ' : ',', r->first);
        if (r->last != r->first) {
            fprintf(file, "-%u", r->last);
        }
    }
}

/* Is set b exactly what set a leaves? */
static bool is_rest(const struct fault_timeline *timeline, uint32_t a, uint32_t b)
{
    const struct fault_set *x = &timeline->set[a];
    const struct fault_set *y = &timeline->set[b];
    if (x->count + y->count != timeline->node_count || y->count == timeline->node_count) {
        return false;
    }
    for (uint32_t node = 0; node < timeline->node_count; node++) {
        if (fault_set_has(x, node) == fault_set_has(y, node)) {
            return false;
        }
    }
    return true;
}

void fault_entry_print(FILE *file, const struct fault_timeline *timeline, uint32_t i)
{
    invariant(i < timeline->count);
    const struct fault *f = &timeline->fault[i];
    const struct fault_kind_info *info = fault_kind_info(f->kind);
    fputs("at ", file);
    print_time(file, f->at_ns);
    if (info->lasts && f->until_ns != FAULT_FOREVER) {
        fputs(" for ", file);
        print_time(file, f->until_ns - f->at_ns);
    }
    fprintf(file, " %s", info->word);
    print_set(file, timeline, f->a);
    if (info->sets == 2) {
        fputs(f->one_way ? " to" : " from", file);
        if (is_rest(timeline, f->a, f->b)) {
            fputs(" rest", file);
        } else {
            print_set(file, timeline, f->b);
        }
    }
    switch (info->argument) {
    case FAULT_ARGUMENT_NONE:
        break;
    case FAULT_ARGUMENT_TIME:
    case FAULT_ARGUMENT_STEP:
        fputs(f->value_ns < 0 ? " by -" : " by ", file);
        print_time(file, (uint64_t)(f->value_ns < 0 ? -f->value_ns : f->value_ns));
        break;
    case FAULT_ARGUMENT_PROBABILITY:
    case FAULT_ARGUMENT_FACTOR:
        fprintf(file, " by %u/%u", f->num, f->den);
        break;
    case FAULT_ARGUMENT_COUNT:
        fprintf(file, " by %lld", (long long)f->value_ns);
        break;
    }
    if (f->silent) {
        fputs(" silent", file);
    }
    if (f->label[0] != 0) {
        fprintf(file, " as %s", f->label);
    }
    fputc('\n', file);
}
