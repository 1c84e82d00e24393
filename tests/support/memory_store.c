#include "tests/support/memory_store.h"

#include <stdlib.h>

#include "node/base/invariant.h"
#include "sim/disk/records.h"

struct store {
    struct shared *shared;
    uv_loop_t *loop;
    struct records records;
};

struct commit {
    uv_work_t work;
    struct store *store;
    void (*done)(void *context, enum err err);
    void *context;
};

static void release(void *context, const void *value)
{
    blob_drop(context, value);
}

struct store *memory_store_new(struct shared *shared, uv_loop_t *loop)
{
    struct store *store = calloc(1, sizeof(*store));
    invariant(store != NULL);
    store->shared = shared;
    store->loop = loop;
    return store;
}

void memory_store_free(struct store *store)
{
    const struct records_host host = {.release = release, .context = store->shared};
    records_wipe(&store->records, &host);
    free(store);
}

struct shared *store_shared(struct store *store)
{
    return store->shared;
}

static void work(uv_work_t *work)
{
    (void)work; /* a disk that takes no time, but a thread's turn */
}

static void committed(uv_work_t *work, int status)
{
    struct commit *commit = (struct commit *)(void *)work;
    const struct records_host host = {.release = release, .context = commit->store->shared};
    invariant(status == 0);
    records_commit(&commit->store->records, &host);
    commit->done(commit->context, ERR_OK);
    free(commit);
}

void store_write(struct store *store, const struct record_op *ops, size_t count,
                 void (*done)(void *context, enum err err), void *context)
{
    struct records_op *copy = calloc(count + 1, sizeof(*copy));
    struct commit *commit = calloc(1, sizeof(*commit));
    invariant(copy != NULL && commit != NULL);
    for (size_t i = 0; i < count; i++) {
        copy[i] = (struct records_op){.key = ops[i].key,
                                      .value = ops[i].value,
                                      .value_bytes = ops[i].value == NULL ? 0 : ops[i].value->len};
    }
    enum err err = records_push(&store->records, copy, count, 0);
    invariant(err == ERR_OK);
    free(copy);
    *commit = (struct commit){.store = store, .done = done, .context = context};
    invariant(uv_queue_work(store->loop, &commit->work, work, committed) == 0);
}

enum err store_read(struct store *store, struct record *records, size_t *count, bool *more,
                    struct span prefix, struct span from, uint32_t limit, bool backwards)
{
    struct record_view *views = calloc(limit, sizeof(*views));
    invariant(views != NULL);
    *count = records_scan(&store->records, views, more, prefix, from, limit, backwards);
    for (size_t i = 0; i < *count; i++) {
        records[i] = (struct record){.key = views[i].key.data,
                                     .key_len = views[i].key.len,
                                     .value = blob_keep(store->shared, views[i].value)};
    }
    free(views);
    return ERR_OK;
}

void store_read_release(struct store *store, struct record *records, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        blob_drop(store->shared, records[i].value);
    }
}
