/* Validity: every block is held against the rules of headers and executed again, on a store of its
 * own without memo; its state root must be the header's, and the one that nodes traced when they
 * decided it. Blocks come by ascending height, so a parent is always one height below. Signatures
 * and proofs that a node of this run made from its key are known to be good for exactly these bytes
 * (checks_config.made_on); all others are checked, and without a memo all are. */
#include <stdlib.h>
#include <sys/mman.h>

#include "node/base/invariant.h"
#include "node/chain/execute.h"
#include "node/seam/ctx.h"
#include "sim/check/check_private.h"
#include "sim/store/store.h"

#define SCRATCH_BYTES ((size_t)64 << 20) /* address space; a node has less */

static struct replayed *append(struct replay *r)
{
    if (r->count == r->room) {
        r->room = r->room == 0 ? 256 : 2 * r->room;
        r->blocks = realloc(r->blocks, r->room * sizeof(*r->blocks));
        invariant(r->blocks != NULL);
    }
    return &r->blocks[r->count++];
}

static void genesis_begin(struct checks *checks, const struct genesis *genesis)
{
    struct replay *r = &checks->replay;
    struct replayed *zero = append(r);

    r->genesis = *genesis;
    *zero = (struct replayed){
        .height = 0, .ts_ms = genesis->ts_ms, .bt = genesis->bt, .parent = REPLAY_NONE};
    memcpy(zero->id, genesis->hash, 32);
    memcpy(zero->gs, genesis->gs, 32);
    enum err err = genesis_build_state(&r->genesis, &zero->state, r->shared, &r->scratch);
    memcpy(zero->root, r->genesis.state_root, 32);
    arena_reset(&r->scratch);
    if (err != ERR_OK || memcmp(r->genesis.state_root, genesis->state_root, 32) != 0) {
        check_fail(checks, CHECK_BROKEN,
                   "validity: the state of genesis is %016" PRIx64 ", the reference has %016" PRIx64
                   " (%s)",
                   load64(genesis->state_root), load64(r->genesis.state_root), err_text(err));
    }
}

void replay_begin(struct checks *checks, const struct genesis *genesis, struct shared *made_on)
{
    struct replay *r = &checks->replay;
    struct store_config config = {.memo_off = true, .made_on = made_on};

    r->shared = store_new(&config);
    r->effects = calloc(1, sizeof(*r->effects));
    r->memory = mmap(NULL, SCRATCH_BYTES, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    invariant(r->shared != NULL && r->effects != NULL && r->memory != MAP_FAILED);
    arena_init(&r->scratch, r->memory, SCRATCH_BYTES);
    genesis_begin(checks, genesis);
}

void replay_free(struct checks *checks)
{
    struct replay *r = &checks->replay;

    for (uint32_t i = 0; i < r->count; i++) {
        blob_drop(r->shared, r->blocks[i].state);
    }
    store_free(r->shared);
    munmap(r->memory, SCRATCH_BYTES);
    free(r->effects);
    free(r->blocks);
}

static uint32_t parent_find(struct replay *r, const struct header *header)
{
    for (uint32_t i = r->below; i < r->count; i++) {
        if (r->blocks[i].height + 1 == header->height &&
            memcmp(r->blocks[i].id, header->parent, 32) == 0) {
            return i;
        }
    }
    return REPLAY_NONE;
}

/* A block of a new height: what lies two heights below is no longer built upon. */
static void level_up(struct replay *r)
{
    for (uint32_t i = r->below; i < r->level; i++) {
        blob_drop(r->shared, r->blocks[i].state);
        r->blocks[i].state = NULL;
    }
    r->below = r->level;
    r->level = r->count;
}

static enum err execute(struct replay *r, struct replayed *block, const struct replayed *parent,
                        struct span bytes, const uint8_t beta[64])
{
    struct ctx c = {.out = r->effects, .scratch = &r->scratch, .shared = r->shared};
    enum err err =
        execute_block(block->root, &block->state, &c, &r->genesis, parent->root, bytes, beta);

    memset(r->effects->charge, 0, sizeof(r->effects->charge));
    arena_reset(&r->scratch);
    return err;
}

static void state_compare(struct checks *checks, const struct replayed *block,
                          const struct header *header)
{
    uint64_t distance = checks->params->checkpoint_blocks;

    if (memcmp(block->root, header->state_root, 32) != 0) {
        check_fail(checks, CHECK_BROKEN,
                   "validity: block %016" PRIx64 " of height %" PRIu64 " says state %016" PRIx64
                   ", the replay gives %016" PRIx64,
                   load64(block->id), block->height, load64(header->state_root),
                   load64(block->root));
        return;
    }
    const struct decision *d =
        block->height % distance == 0 ? agreement_decision(checks, block->height / distance) : NULL;
    if (d == NULL || d->block != load64(block->id)) {
        return;
    }
    checks->replay.states_compared++;
    if (d->state != load64(block->root)) {
        check_fail(checks, CHECK_BROKEN,
                   "validity: node %u decided block %016" PRIx64 " of height %" PRIu64
                   " at " SECONDS " with state %016" PRIx64 ", the replay gives %016" PRIx64,
                   d->node, d->block, block->height, SECONDS_OF(d->time_ns), d->state,
                   load64(block->root));
    }
}

static void refused(struct checks *checks, const struct replayed *block, const char *why)
{
    check_fail(checks, CHECK_BROKEN,
               "validity: block %016" PRIx64 " of height %" PRIu64 " was accepted, but %s",
               load64(block->id), block->height, why);
}

void replay_block(struct checks *checks, struct span bytes)
{
    struct replay *r = &checks->replay;
    struct block_view view;
    struct header header;
    uint8_t beta[64];
    const char *why = "";

    if (block_view(&view, bytes) != ERR_OK || header_decode(&header, view.header) != ERR_OK) {
        check_fail(checks, CHECK_BROKEN, "validity: a stored block of %zu bytes does not decode",
                   bytes.len);
        return;
    }
    uint32_t above = parent_find(r, &header);
    if (above == REPLAY_NONE) {
        r->skipped++;
        return;
    }
    if (header.height > r->blocks[r->count - 1].height) {
        level_up(r);
    }
    struct replayed block = {
        .height = header.height, .ts_ms = header.ts_ms, .bt = header.bt, .parent = above};
    header_id(block.id, view.header.data);
    const struct replayed *parent = &r->blocks[above];
    if (header_check(beta, &why, r, parent, &header, view.header) != ERR_OK) {
        refused(checks, &block, why);
        return;
    }
    if (checks->params->production == PRODUCTION_SIRIUS2018) {
        memcpy(block.gs, beta, 32);
    } else {
        production_gs_child(block.gs, beta);
    }
    enum err err = execute(r, &block, parent, bytes, beta);
    if (err != ERR_OK) {
        refused(checks, &block, err_text(err));
        return;
    }
    memcpy(block.beta, beta, 64);
    *append(r) = block;
    state_compare(checks, &block, &header);
    conservation_state(checks, &block);
    ledger_block(checks, r->count - 1, bytes);
    epochs_block(checks, r->count - 1);
    committees_state(checks, &block);
}
