#include "sim/check/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "node/base/invariant.h"
#include "sim/check/check_private.h"

static void byzantine_note(struct checks *checks, const struct checks_config *config)
{
    checks->byzantine_until_ns = calloc(config->nodes, sizeof(*checks->byzantine_until_ns));
    checks->forgetful = calloc(config->nodes, sizeof(*checks->forgetful));
    invariant(checks->byzantine_until_ns != NULL && checks->forgetful != NULL);
    for (uint32_t i = 0; i < config->nodes; i++) {
        uint64_t stake = config->stake_tokens == NULL ? 0 : config->stake_tokens[i];
        if (config->byzantine_until_ns != NULL) {
            checks->byzantine_until_ns[i] = config->byzantine_until_ns[i];
        }
        checks->stake += stake;
        checks->forgetful[i] = config->forgetful != NULL && config->forgetful[i];
        checks->byzantine_stake += check_honest(checks, i) ? 0 : stake;
    }
    checks->beyond_promise =
        checks->byzantine_stake > 0 && 3 * checks->byzantine_stake >= checks->stake;
}

struct checks *checks_new(const struct checks_config *config)
{
    struct checks *checks = calloc(1, sizeof(*checks));

    invariant(checks != NULL);
    checks->scenario = config->scenario;
    checks->params = &config->genesis->params;
    checks->timeline = config->timeline;
    checks->nodes = config->nodes;
    memcpy(checks->genesis_hash, config->genesis->hash, 32);
    statements_begin(&checks->statements, config->accounts, config->nodes);
    byzantine_note(checks, config);
    conduct_begin(checks);
    replay_begin(checks, config->genesis, config->made_on);
    liveness_begin(checks, config->stake_tokens);
    return checks;
}

void checks_free(struct checks *checks)
{
    if (checks == NULL) {
        return;
    }
    agreement_free(checks);
    statements_end(&checks->statements);
    conduct_end(checks);
    free(checks->forgetful);
    replay_free(checks);
    liveness_free(checks);
    free(checks->byzantine_until_ns);
    free(checks);
}

void check_fail(struct checks *checks, enum check_result result, const char *format, ...)
{
    va_list arguments;

    if (checks->result != CHECK_OK) {
        return;
    }
    checks->result = result;
    va_start(arguments, format);
    vsnprintf(checks->text, sizeof(checks->text), format, arguments);
    va_end(arguments);
}

void checks_rows(struct checks *checks, const struct trace_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool honest =
            rows[i].node >= checks->nodes || checks->byzantine_until_ns[rows[i].node] == 0;
        accountability_row(checks, &rows[i]);
        if (!honest && rows[i].kind < TRACE_KINDS) {
            continue; /* whatever it says */
        }
        if (rows[i].kind == TRACE_checkpoint_decided) {
            checkpoints_row(checks, &rows[i]);
            agreement_row(checks, &rows[i]);
        }
        conduct_row(checks, &rows[i]);
        liveness_row(checks, &rows[i]);
    }
}

void checks_heard(struct checks *checks, struct witness *witness)
{
    const struct note *note;
    struct span bytes;
    size_t at = 0;

    while ((note = witness_next(witness, &at, &bytes)) != NULL) {
        accountability_note(checks, note, bytes);
    }
    witness_clear(witness);
}

void checks_byzantine_add(struct checks *checks, uint32_t node)
{
    checks->byzantine_until_ns[node] = UINT64_MAX;
}

static enum err outcome(const struct checks *checks)
{
    return checks->result == CHECK_OK ? ERR_OK : ERR_INVALID;
}

enum err checks_epoch(struct checks *checks, uint64_t now_ns, uint64_t node_bytes)
{
    liveness_now(checks, now_ns);
    memory_node(checks, now_ns, node_bytes);
    return outcome(checks);
}

void checks_measure(struct checks *checks, struct metrics *metrics)
{
    checks->metrics = metrics;
}

void checks_replay_block(struct checks *checks, struct span block)
{
    if (checks->result != CHECK_BROKEN) {
        replay_block(checks, block);
    }
}

enum err checks_end(struct checks *checks, uint64_t now_ns)
{
    checkpoints_end(checks);
    accountability_end(checks);
    liveness_now(checks, now_ns);
    return outcome(checks);
}

enum err checks_stopped(struct checks *checks, uint64_t plain_blobs, uint64_t named_blobs)
{
    memory_left(checks, plain_blobs, named_blobs);
    return outcome(checks);
}

enum check_result checks_verdict(const struct checks *checks, char *text, size_t capacity)
{
    snprintf(text, capacity, "%s", checks->text);
    return checks->result;
}

enum figure {
#define FIGURE(name, unit, text, value) FIGURE_##name,
#include "sim/check/figures.def"
#undef FIGURE
    FIGURES
};

static double figure_value(const struct checks *c, enum figure figure)
{
    switch (figure) {
#define FIGURE(name, unit, text, value)                                                            \
    case FIGURE_##name:                                                                            \
        return (double)(value);
#include "sim/check/figures.def"
#undef FIGURE
    case FIGURES:
        break;
    }
    return 0;
}

bool checks_figure(const struct checks *checks, size_t index, struct metric *figure)
{
    static const struct metric figures[] = {
#define FIGURE(name, unit, text, value) {#name, unit, text, 0, false},
#include "sim/check/figures.def"
#undef FIGURE
    };

    if (index >= FIGURES) {
        return false;
    }
    *figure = figures[index];
    if (checks != NULL) {
        figure->value = figure_value(checks, (enum figure)index);
        figure->known = true;
    }
    return true;
}
