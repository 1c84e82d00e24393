/* Records: batches go to the store and come back durable, reads are answered after the step that
 * asked. */
#include <stdlib.h>

#include "node/daemon/host_private.h"
#include "node/daemon/store.h"

struct pending_batch {
    struct host *host;
    uint32_t request;
};

static void on_durable(void *context, enum err err)
{
    struct pending_batch *pending = context;
    struct host *host = pending->host;
    struct event event = {.kind = EVENT_WRITE_DONE,
                          .write_done = {.request = pending->request, .err = err}};

    free(pending);
    host->writes_pending--;
    if (err != ERR_OK) {
        const struct host_notice notice = {.kind = HOST_FAILED, .time = host_now(host), .err = err};
        log_line(LOG_ERROR, "store", "error=\"%s\"", err_text(err));
        host_notify(host, &notice);
    }
    if (host->life == HOST_RUNNING && (event.write_done.request != 0 || err != ERR_OK)) {
        host_step(host, &event);
    }
    host_stop_check(host);
}

void durable_write(struct host *host, const struct effect *effect)
{
    struct pending_batch *pending = malloc(sizeof(*pending));

    invariant(pending != NULL);
    *pending = (struct pending_batch){.host = host, .request = effect->write.request};
    host->writes_pending++;
    store_write(host->store, effect->write.ops, effect->write.count, on_durable, pending);
}

void durable_read(struct host *host, const struct effect *effect)
{
    struct later *later = calloc(1, sizeof(*later));

    invariant(later != NULL && effect->read.prefix.len <= RECORD_KEY_BYTES_MAX &&
              effect->read.from.len <= RECORD_KEY_BYTES_MAX);
    later->kind = LATER_READ;
    later->read.request = effect->read.request;
    later->read.limit = effect->read.limit;
    later->read.backwards = effect->read.backwards;
    later->read.prefix_len = (uint8_t)effect->read.prefix.len;
    later->read.from_len = (uint8_t)effect->read.from.len;
    if (effect->read.prefix.len > 0) {
        memcpy(later->read.prefix, effect->read.prefix.data, effect->read.prefix.len);
    }
    if (effect->read.from.len > 0) {
        memcpy(later->read.from, effect->read.from.data, effect->read.from.len);
    }
    later_add(host, later);
}

void durable_read_run(struct host *host, const struct later *later)
{
    struct event event = {.kind = EVENT_READ_DONE};
    struct record *records = calloc(later->read.limit, sizeof(*records));
    size_t count = 0;
    bool more = false;

    invariant(records != NULL);
    event.read_done.err = store_read(
        host->store, records, &count, &more, span_of(later->read.prefix, later->read.prefix_len),
        span_of(later->read.from, later->read.from_len), later->read.limit, later->read.backwards);
    event.read_done.request = later->read.request;
    event.read_done.records = records;
    event.read_done.count = count;
    event.read_done.more = more;
    host_step(host, &event);
    store_read_release(host->store, records, count);
    free(records);
}
