/* Where the trusted block is further up than the tree reaches: first the headers from it down to
 * where it does, each named by the one above it. Of their ids every so many are kept, and are
 * trusted one after the other on the way up, until the trusted block itself is near. */
#include "node/chain/sync_private.h"

/* Between two that are kept: the one trusted next is a quarter to a half of the tree up. */
static uint64_t stride(const struct sync *sync)
{
    uint64_t reach = chain_reach(sync->chain);
    return reach < 2 ? 1 : reach / 2;
}

static bool near(const struct sync *sync)
{
    return sync->config->trusted_height <= sync_base(sync) + chain_reach(sync->chain);
}

static uint8_t *kept_at(struct sync *sync, uint64_t height)
{
    return sync->parts->kept[height / stride(sync) % WALK_KEPT];
}

/* Of what is trusted on the way to a trusted block that is far. */
static uint64_t next_height(const struct sync *sync)
{
    return (sync_base(sync) + chain_reach(sync->chain)) / stride(sync) * stride(sync);
}

static bool next_kept(const struct sync *sync)
{
    return next_height(sync) >= sync->walk.low && next_height(sync) <= sync->walk.high;
}

bool walk_wanted(const struct sync *sync)
{
    return chain_trust_pending(sync->chain) && !near(sync) && !next_kept(sync);
}

void walk_trust(struct sync *sync, const struct ctx *c)
{
    if (!chain_trust_pending(sync->chain)) {
        return;
    }
    if (near(sync)) {
        chain_trust(sync->chain, c, sync->config->trusted_height, sync->config->trusted_id);
    } else if (next_kept(sync)) {
        chain_trust(sync->chain, c, next_height(sync), kept_at(sync, next_height(sync)));
    }
}

void walk_ask(struct sync *sync, struct ctx *c, uint32_t link)
{
    struct sync_walk *walk = &sync->walk;
    if (walk->height == 0) {
        walk->height = sync->config->trusted_height;
        memcpy(walk->id, sync->config->trusted_id, 32);
        walk->low = walk->high = 0;
    }
    sync_back_send(sync, c, ASK_WALK, link, walk->id, walk->height);
}

/* What was kept first, the highest, makes room: when those below it are used up the walk is made
 * again. */
static void keep(struct sync *sync, uint64_t height, const uint8_t id[32])
{
    struct sync_walk *walk = &sync->walk;
    uint64_t span = (WALK_KEPT - 1) * stride(sync);
    memcpy(kept_at(sync, height), id, 32);
    walk->low = height;
    if (walk->high == 0 || walk->high > height + span) {
        walk->high = walk->high == 0 ? height : height + span;
    }
}

enum err walk_answer(struct sync *sync, struct ctx *c, uint32_t link, struct varlist headers)
{
    struct sync_walk *walk = &sync->walk;
    uint64_t before = walk->height;
    struct header header;
    struct span bytes;
    uint8_t id[32];
    while (!next_kept(sync) && varlist_next(&headers, &bytes)) {
        TRY(header_decode(&header, bytes));
        header_id(id, bytes.data);
        ctx_charge(c, COST_HASH_KIB, 1);
        if (memcmp(id, walk->id, 32) != 0) {
            return ERR_INVALID;
        }
        if (header.height != walk->height) {
            break; /* the operator's error: no block of that height has this id */
        }
        if (walk->height % stride(sync) == 0) {
            keep(sync, walk->height, id);
        }
        memcpy(walk->id, header.parent, 32);
        walk->height--;
    }
    if (walk->height == before) {
        sync_distrust(sync, c, link); /* it claimed to be above the trusted block */
    } else if (sync->links[link].strikes > 0) {
        sync->links[link].strikes--;
    }
    walk->height = next_kept(sync) ? 0 : walk->height;
    sync_start(sync, c);
    return ERR_OK;
}
