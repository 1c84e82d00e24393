/* Transport keys of nodes met before: links to them begin with IK. Those of nodes that this one
 * dialed are records, `t` node_id -> key, so that a restart knows them; who only came to us cannot
 * make us write. */
#include <stdlib.h>

#include "node/daemon/host_private.h"
#include "node/daemon/store.h"

#define STATIC_KEY_BYTES 33

static void record_put(struct host *host, const uint8_t node_id[32], const uint8_t *key)
{
    uint8_t name[STATIC_KEY_BYTES] = {'t'};
    memcpy(name + 1, node_id, 32);
    struct record_op op = {.key = span_of(name, sizeof(name)),
                           .value =
                               key != NULL ? blob_put(host->shared, key, NOISE_KEY_BYTES) : NULL};
    const struct effect effect = {.kind = EFFECT_WRITE, .write = {.ops = &op, .count = 1}};
    durable_write(host, &effect);
}

static struct known_static *known_find(struct host *host, const uint8_t node_id[32])
{
    for (size_t i = 0; i < STATICS_MAX; i++) {
        struct known_static *known = &host->statics[i];
        if (known->used_ns != 0 && memcmp(known->node_id, node_id, 32) == 0) {
            return known;
        }
    }
    return NULL;
}

const uint8_t *static_find(struct host *host, const uint8_t node_id[32])
{
    struct known_static *known = known_find(host, node_id);

    if (known == NULL) {
        return NULL;
    }
    known->used_ns = uv_hrtime();
    return known->key;
}

void static_forget(struct host *host, const uint8_t node_id[32])
{
    struct known_static *known = known_find(host, node_id);

    if (known != NULL) {
        if (known->kept) {
            record_put(host, node_id, NULL);
        }
        *known = (struct known_static){.used_ns = 0};
    }
}

/* A free place, else that of the one not used for longest. */
static struct known_static *known_room(struct host *host)
{
    struct known_static *room = &host->statics[0];

    for (size_t i = 1; i < STATICS_MAX; i++) {
        room = host->statics[i].used_ns < room->used_ns ? &host->statics[i] : room;
    }
    if (room->used_ns != 0 && room->kept) {
        record_put(host, room->node_id, NULL);
    }
    *room = (struct known_static){.used_ns = 0};
    return room;
}

void static_learn(struct host *host, const uint8_t node_id[32], const uint8_t key[NOISE_KEY_BYTES],
                  bool keep)
{
    struct known_static *known = known_find(host, node_id);
    bool same = known != NULL && memcmp(known->key, key, NOISE_KEY_BYTES) == 0;

    if (known == NULL) {
        known = known_room(host);
    }
    if (known->kept ? !same : keep) {
        record_put(host, node_id, key);
        known->kept = true;
    }
    memcpy(known->node_id, node_id, 32);
    memcpy(known->key, key, NOISE_KEY_BYTES);
    known->used_ns = uv_hrtime();
}

void statics_load(struct host *host)
{
    struct record *records = calloc(STATICS_MAX, sizeof(*records));
    size_t count;
    bool more;

    invariant(records != NULL);
    enum err err = store_read(host->store, records, &count, &more, span_of("t", 1),
                              span_of(NULL, 0), STATICS_MAX, false);
    for (size_t i = 0; i < count; i++) { /* of a damaged table what is whole */
        const struct record *record = &records[i];
        const uint8_t *node_id = record->key + 1;
        if (record->key_len == STATIC_KEY_BYTES && record->value->len == NOISE_KEY_BYTES &&
            known_find(host, node_id) == NULL) { /* the settings know better */
            struct known_static *known = known_room(host);
            *known = (struct known_static){.used_ns = 1, .kept = true};
            memcpy(known->node_id, node_id, 32);
            memcpy(known->key, record->value->data, NOISE_KEY_BYTES);
        }
    }
    if (err != ERR_OK) {
        log_line(LOG_WARN, "links", "error=\"%s\" lost=transport-keys", err_text(err));
    }
    store_read_release(host->store, records, count);
    free(records);
}
