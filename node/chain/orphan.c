#include "node/chain/orphan.h"

#include "node/base/plant.h"

static void remove_at(struct orphans *orphans, uint32_t at)
{
    orphans->bytes -= orphans->list[at].block->len;
    orphans->count--;
    memmove(&orphans->list[at], &orphans->list[at + 1],
            (orphans->count - at) * sizeof(orphans->list[0]));
}

/* The reference goes last: it may be the only one, and remove_at reads the block's length. */
static void drop_at(struct orphans *orphans, struct shared *shared, uint32_t at)
{
    const struct blob *block = orphans->list[at].block;

    remove_at(orphans, at);
    blob_drop(shared, block);
}

void orphans_clear(struct orphans *orphans, struct shared *shared)
{
    for (uint32_t i = 0; i < orphans->count; i++) {
        blob_drop(shared, orphans->list[i].block);
    }
    orphans->count = 0;
    orphans->bytes = 0;
}

static uint32_t find(const struct orphans *orphans, const uint8_t id[32])
{
    for (uint32_t i = 0; i < orphans->count; i++) {
        if (memcmp(orphans->list[i].id, id, 32) == 0) {
            return i;
        }
    }
    return ORPHANS_MAX;
}

bool orphans_hold(const struct orphans *orphans, const uint8_t id[32])
{
    return find(orphans, id) != ORPHANS_MAX;
}

bool orphans_want(const struct orphans *orphans, const uint8_t parent[32])
{
    for (uint32_t i = 0; i < orphans->count; i++) {
        if (memcmp(orphans->list[i].parent, parent, 32) == 0) {
            return true;
        }
    }
    return false;
}

/* The highest block is the last to become useful; of equals the last to arrive. */
static uint32_t furthest(const struct orphans *orphans)
{
    uint32_t at = 0;

    for (uint32_t i = 1; i < orphans->count; i++) {
        if (orphans->list[i].height >= orphans->list[at].height) {
            at = i;
        }
    }
    return at;
}

enum err orphans_add(struct orphans *orphans, struct shared *shared, bool *kept,
                     const struct orphan *orphan)
{
    enum err err = ERR_OK;

    *kept = false;
    if (orphans_hold(orphans, orphan->id)) {
        return ERR_DUPLICATE;
    }
    if (orphan->block->len > ORPHAN_BYTES_MAX) {
        return ERR_FULL;
    }
    while (orphans->count == ORPHANS_MAX ||
           orphans->bytes + orphan->block->len > ORPHAN_BYTES_MAX) {
        uint32_t victim = furthest(orphans);
        err = ERR_FULL;
        if (orphans->list[victim].height <= orphan->height) {
            return err;
        }
        drop_at(orphans, shared, victim);
    }
    struct orphan *slot = &orphans->list[orphans->count++];
    *slot = *orphan;
    slot->block = blob_keep(shared, orphan->block);
    orphans->bytes += orphan->block->len;
    *kept = true;
    return err;
}

uint32_t orphans_root(const struct orphans *orphans, uint8_t id[32])
{
    uint32_t steps = 0;

    /* Ids are hashes over the parent's id: there is no cycle, so this ends. */
    for (uint32_t at = find(orphans, id); at != ORPHANS_MAX; at = find(orphans, id)) {
        memcpy(id, orphans->list[at].parent, 32);
        steps++;
    }
    return steps;
}

void orphans_take(struct orphans *orphans, struct orphan *out, uint32_t at)
{
    *out = orphans->list[at];
    remove_at(orphans, at);
}

bool orphans_take_due(struct orphans *orphans, struct orphan *out, uint64_t ts_ms)
{
    for (uint32_t i = 0; i < orphans->count; i++) {
        if (orphans->list[i].deferred && orphans->list[i].ts_ms <= ts_ms) {
            orphans_take(orphans, out, i);
            return true;
        }
    }
    return false;
}

uint64_t orphans_due_ts_ms(const struct orphans *orphans)
{
    uint64_t due = UINT64_MAX;

    for (uint32_t i = 0; i < orphans->count; i++) {
        if (orphans->list[i].deferred && orphans->list[i].ts_ms < due) {
            due = orphans->list[i].ts_ms;
        }
    }
    return due;
}

void orphans_prune(struct orphans *orphans, struct shared *shared, uint64_t height)
{
    uint32_t i = 0;

    while (i < orphans->count) {
        if (orphans->list[i].height > height) {
            i++;
        } else if (planted(ORPHAN_LEAK)) {
            remove_at(orphans, i);
        } else {
            drop_at(orphans, shared, i);
        }
    }
}
