/* What machines keep: records on a disk with a queue. A batch is durable when its time is over, not
 * before; a crash in between loses it. */
#include <stdlib.h>

#include "sim/world/internal.h"

enum err durable_build(struct world *w, uint32_t index, const struct scenario_profile *profile)
{
    struct host *h = &w->hosts[index];

    return disk_profile_init(&h->disk_profile, profile->disk_latency_ns, profile->disk_bytes_per_s,
                             profile->disk_capacity_bytes);
}

static void value_release(void *context, const void *value)
{
    blob_drop(context, value);
}

static struct records_host records_host(struct world *w)
{
    return (struct records_host){.release = value_release, .context = w->shared};
}

/* A disk that is slow is slow for as long as the fault lasts: what is queued then goes on at its
 * usual speed. */
static uint64_t disk_time(struct world *w, uint32_t index, uint64_t now_ns, uint64_t bytes)
{
    struct host *h = &w->hosts[index];
    uint64_t begin_ns = disk_begin_ns(&h->disk, now_ns);
    uint64_t end_ns = fault_work_until(&w->timeline, FAULT_SLOW_DISK, index, begin_ns,
                                       disk_work_ns(&h->disk_profile, bytes));

    disk_run(&h->disk, begin_ns, end_ns);
    return end_ns;
}

void durable_write(struct world *w, unsigned thread, uint32_t index, uint64_t now_ns,
                   const struct effect *effect)
{
    struct host *h = &w->hosts[index];
    size_t count = effect->write.count;
    struct records_op *ops = arena_alloc_array(&w->workers[thread].scratch, count, sizeof(*ops));
    bool full = fault_active(&w->timeline, &w->workers[thread].cursor, NULL, FAULT_FULL_DISK, index,
                             now_ns);

    invariant(ops != NULL);
    for (size_t i = 0; i < count; i++) {
        const struct record_op *op = &effect->write.ops[i];
        ops[i] = (struct records_op){.key = op->key,
                                     .value = op->value,
                                     .value_bytes = op->value != NULL ? op->value->len : 0};
        engine_mix(w->engine, index,
                   op->value != NULL ? op->value->id[0] : op->key.data[op->key.len - 1]);
    }
    uint64_t bytes = records_batch_bytes(ops, count);
    uint64_t done_ns = disk_time(w, index, now_ns, bytes);
    enum err err = disk_space(&h->disk_profile, records_bytes(&h->records), bytes, full);
    if (err == ERR_OK) {
        err = records_push(&h->records, ops, count, effect->write.request);
    }
    if (err == ERR_OK) {
        h->written_bytes += bytes;
    } else {
        for (size_t i = 0; i < count; i++) {
            blob_drop(w->shared, ops[i].value);
        }
        trace_add(w, thread, index, now_ns, TRACE_KINDS + WORLD_TRACE_disk_error,
                  (uint64_t[TRACE_VALUES_MAX]){(uint64_t)err});
    }
    engine_send(w->engine, thread, index, index, done_ns,
                payload_make(PAYLOAD_WRITE_DONE, (uint64_t)(h->life & 0xffff) << 40 |
                                                     (uint64_t)err << 32 | effect->write.request));
}

bool durable_write_done(struct world *w, uint32_t index, uint64_t payload, struct event *event)
{
    struct host *h = &w->hosts[index];
    struct records_host host = records_host(w);

    if ((payload >> 44 & 0xffff) != (h->life & 0xffff)) {
        return false; /* of the life before the crash */
    }
    event->kind = EVENT_WRITE_DONE;
    event->write_done.request = (uint32_t)(payload >> 4);
    event->write_done.err = (enum err)(payload >> 36 & 0xff);
    if (event->write_done.err == ERR_OK) {
        invariant(records_commit(&h->records, &host) == event->write_done.request);
    }
    return event->write_done.request != 0 || event->write_done.err != ERR_OK;
}

void durable_read(struct world *w, unsigned thread, uint32_t index, uint64_t now_ns,
                  const struct effect *effect)
{
    struct host *h = &w->hosts[index];
    struct pending_read *read = calloc(1, sizeof(*read));
    struct pending_read **last = &h->reads;

    invariant(read != NULL && effect->read.prefix.len <= RECORD_KEY_BYTES_MAX &&
              effect->read.from.len <= RECORD_KEY_BYTES_MAX);
    read->request = effect->read.request;
    read->limit = effect->read.limit;
    read->backwards = effect->read.backwards;
    read->prefix_len = (uint8_t)effect->read.prefix.len;
    read->from_len = (uint8_t)effect->read.from.len;
    if (read->prefix_len > 0) {
        memcpy(read->prefix, effect->read.prefix.data, read->prefix_len);
    }
    if (read->from_len > 0) {
        memcpy(read->from, effect->read.from.data, read->from_len);
    }
    while (*last != NULL) {
        last = &(*last)->next;
    }
    *last = read;
    uint64_t bytes = (uint64_t)effect->read.limit * READ_RECORD_BYTES;
    engine_send(w->engine, thread, index, index, disk_time(w, index, now_ns, bytes),
                payload_make(PAYLOAD_READ_DONE, h->life & 0xffff));
}

/* The value as the disk gives it: a silently damaged one with a bit flipped. */
static const struct blob *value_served(struct world *w, struct host *h, unsigned thread,
                                       const struct record_view *view)
{
    const struct blob *blob = view->value;
    (void)h;

    if (view->damage != RECORD_DAMAGED_SILENT) {
        return blob_keep(w->shared, blob);
    }
    uint8_t *bytes = arena_copy(&w->workers[thread].scratch, blob->data, blob->len);
    invariant(bytes != NULL);
    bytes[view->damage_at / 8] ^= (uint8_t)(1u << (view->damage_at % 8));
    return blob_put(w->shared, bytes, blob->len);
}

bool durable_read_done(struct world *w, unsigned thread, uint32_t index, uint64_t payload,
                       struct event *event)
{
    struct host *h = &w->hosts[index];
    struct pending_read *read = h->reads;
    struct arena *scratch = &w->workers[thread].scratch;
    bool more = false;

    if ((payload >> 4 & 0xffff) != (h->life & 0xffff)) {
        return false;
    }
    invariant(read != NULL);
    h->reads = read->next;
    struct record_view *views = arena_alloc_array(scratch, read->limit, sizeof(*views));
    struct record *records = arena_alloc_array(scratch, read->limit, sizeof(*records));
    invariant(views != NULL && records != NULL);
    size_t n = records_scan(&h->records, views, &more, span_of(read->prefix, read->prefix_len),
                            span_of(read->from, read->from_len), read->limit, read->backwards);
    event->kind = EVENT_READ_DONE;
    event->read_done.request = read->request;
    event->read_done.err = ERR_OK;
    event->read_done.records = records;
    event->read_done.more = more;
    for (size_t i = 0; i < n; i++) {
        if (views[i].damage == RECORD_DAMAGED_DETECTED) {
            event->read_done.err = ERR_CORRUPT;
            continue;
        }
        records[event->read_done.count++] =
            (struct record){.key = arena_copy(scratch, views[i].key.data, views[i].key.len),
                            .key_len = views[i].key.len,
                            .value = value_served(w, h, thread, &views[i])};
        invariant(records[event->read_done.count - 1].key != NULL);
    }
    free(read);
    return true;
}

void durable_read_release(struct world *w, const struct event *event)
{
    for (size_t i = 0; i < event->read_done.count; i++) {
        blob_drop(w->shared, event->read_done.records[i].value);
    }
}

static void reads_drop(struct host *h)
{
    while (h->reads != NULL) {
        struct pending_read *read = h->reads;
        h->reads = read->next;
        free(read);
    }
}

bool durable_crash(struct world *w, unsigned thread, uint32_t index, uint64_t now_ns, bool clean)
{
    struct host *h = &w->hosts[index];
    struct records_host host = records_host(w);
    bool torn = fault_active(&w->timeline, &w->workers[thread].cursor, NULL, FAULT_TORN_DISK, index,
                             now_ns);

    reads_drop(h);
    disk_crash(&h->disk);
    while (clean && records_pending(&h->records)) {
        records_commit(&h->records, &host);
    }
    return records_crash(&h->records, &host, torn,
                         draw(w->scenario->seed, DRAW_DISK_TEAR, index, h->life, 0));
}

void durable_wipe(struct world *w, uint32_t index)
{
    struct records_host host = records_host(w);

    reads_drop(&w->hosts[index]);
    records_wipe(&w->hosts[index].records, &host);
}

void durable_corrupt(struct world *w, uint32_t index, uint32_t entry)
{
    const struct fault *fault = &w->timeline.fault[entry];

    for (int64_t i = 0; i < fault->value_ns; i++) {
        uint64_t u = draw(w->scenario->seed, DRAW_DISK_CORRUPT, index, entry, (uint64_t)i);
        if (records_corrupt(&w->hosts[index].records, u, fault->silent) != ERR_OK) {
            return; /* an empty disk has nothing to damage */
        }
    }
}
