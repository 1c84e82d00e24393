#include "tests/support/ctx.h"

#include <stdlib.h>

#include "node/base/invariant.h"

#define SCRATCH_BYTES ((size_t)64 << 20)
#define EFFECT_ARENA_BYTES ((size_t)16 << 20)

void test_host_init(struct test_host *host, uint64_t seed, int memo)
{
    *host = (struct test_host){.next_request = 0};
    struct store_config config = {.memo_off = memo == TEST_MEMO_OFF};
    store64(config.seed, seed);
    host->shared = store_new(&config);
    host->out = calloc(1, sizeof(*host->out));
    host->memory[0] = aligned_alloc(64, SCRATCH_BYTES);
    host->memory[1] = aligned_alloc(64, EFFECT_ARENA_BYTES);
    invariant(host->shared != NULL && host->out != NULL && host->memory[0] != NULL &&
              host->memory[1] != NULL);
    arena_init(&host->scratch, host->memory[0], SCRATCH_BYTES);
    arena_init(&host->out->arena, host->memory[1], EFFECT_ARENA_BYTES);
    rng_init_stream(&host->rng, seed, RNG_TEST, 0);
    host->c = (struct ctx){.out = host->out,
                           .scratch = &host->scratch,
                           .rng = &host->rng,
                           .shared = host->shared,
                           .next_request = &host->next_request};
}

void test_host_step_end(struct test_host *host)
{
    struct effects *out = host->out;
    for (size_t i = 0; i < out->count; i++) {
        struct effect *effect = &out->list[i];
        if (effect->kind == EFFECT_SEND) {
            blob_drop(host->shared, effect->send.frame);
        } else if (effect->kind == EFFECT_DATAGRAM) {
            blob_drop(host->shared, effect->datagram.frame);
        } else if (effect->kind == EFFECT_WRITE) {
            for (size_t op = 0; op < effect->write.count; op++) {
                blob_drop(host->shared, effect->write.ops[op].value);
            }
        }
    }
    out->count = 0;
    memset(out->charge, 0, sizeof(out->charge));
    arena_reset(&out->arena);
    arena_reset(&host->scratch);
}

uint64_t test_host_end(struct test_host *host)
{
    test_host_step_end(host);
    struct store_stats stats;
    store_stats(host->shared, &stats);
    store_free(host->shared);
    free(host->out);
    free(host->memory[0]);
    free(host->memory[1]);
    return stats.plain + stats.named;
}
