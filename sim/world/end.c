/* The end of a world: everything that was on its way is taken back, and what is then still alive is
 * a leak. */
#include <stdlib.h>
#include <sys/mman.h>

#include "sim/world/internal.h"

static void machines_empty(struct world *w)
{
    for (uint32_t i = 0; i < w->count && w->hosts != NULL; i++) {
        if (w->hosts[i].up) {
            node_drop(w->hosts[i].node);
        }
        if (w->hosts[i].adversary != NULL) {
            adversary_drop(w->hosts[i].adversary);
        }
        waiting_drop(w, 0, i);
        durable_wipe(w, i);
    }
}

enum err world_stop(struct world *w)
{
    struct store_stats left;

    w->stopped = true; /* from now on events only give back what they carry */
    machines_empty(w);
    engine_run(w->engine, ENGINE_NEVER, UINT64_MAX);
    blob_drop(w->shared, w->population.genesis_state);
    w->population.genesis_state = NULL;
    store_stats(w->shared, &left);
    return checks_stopped(w->checks, left.plain, left.named);
}

static void workers_free(struct world *w)
{
    for (unsigned t = 0; t < w->lanes && w->workers != NULL; t++) {
        struct worker *worker = &w->workers[t];
        while (worker->spare != NULL) {
            struct waiting *next = worker->spare->next;
            free(worker->spare);
            worker->spare = next;
        }
        munmap(worker->memory, SCRATCH_BYTES + EFFECT_BYTES);
        witness_free(worker->witness);
        free(worker->rows);
    }
    free(w->workers);
}

void world_free(struct world *w)
{
    if (w == NULL) {
        return;
    }
    if (!w->stopped) {
        machines_empty(w);
    }
    free(w->hosts);
    if (w->slab != NULL) {
        munmap(w->slab, w->slab_bytes);
    }
    if (w->engine != NULL) {
        engine_free(w->engine);
    }
    workers_free(w);
    adversaries_free(w->adversaries);
    if (w->shared != NULL) {
        population_free(&w->population, w->shared);
        store_free(w->shared);
    }
    fault_timeline_free(&w->timeline);
    cities_free(&w->cities);
    laws_free(w->laws);
    checks_free(w->checks);
    free(w->churns);
    free(w->loads);
    free(w->samples);
    free(w->merged);
    free(w->city_of_node);
    free(w->bandwidth);
    free(w->zone);
    free(w);
}
