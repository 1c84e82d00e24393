#include "sim/check/witness.h"

#include <stdlib.h>

#include "node/base/invariant.h"
#include "node/base/rng.h"
#include "node/chain/block.h"
#include "node/chain/vote.h"
#include "node/wire/frames.h"

#define LATELY 4096 /* statements and frames remembered, by mark */

struct witness {
    uint8_t *bytes;
    size_t len, room;
    uint64_t votes[LATELY], frames[LATELY];
};

struct witness *witness_new(void)
{
    struct witness *w = calloc(1, sizeof(*w));

    invariant(w != NULL);
    return w;
}

void witness_free(struct witness *w)
{
    if (w != NULL) {
        free(w->bytes);
        free(w);
    }
}

/* True when this mark was not seen lately. */
static bool fresh(uint64_t *marks, uint64_t mark)
{
    uint64_t *place = &marks[mark % LATELY];
    bool new = *place != mark;

    *place = mark;
    return new;
}

static void note_add(struct witness *w, uint32_t node, uint64_t now_ns, enum note_kind kind,
                     struct span bytes)
{
    size_t need = sizeof(struct note) + ((bytes.len + 7) & ~(size_t)7);

    if (w->len + need > w->room) {
        w->room = 2 * w->room + need + 4096;
        w->bytes = realloc(w->bytes, w->room);
        invariant(w->bytes != NULL);
    }
    struct note note = {
        .time_ns = now_ns, .node = node, .len = (uint32_t)bytes.len, .kind = (uint32_t)kind};
    memcpy(w->bytes + w->len, &note, sizeof(note));
    memcpy(w->bytes + w->len + sizeof(note), bytes.data, bytes.len);
    w->len += need;
}

/* Everything signed is in the mark, and the head of the signature. */
static uint64_t vote_mark(const uint8_t *vote)
{
    uint64_t mark = load16(vote);

    for (size_t i = 0; i < 6; i++) {
        mark = rng_mix64(mark ^ load64(vote + 2 + 8 * i));
    }
    return rng_mix64(mark ^ vote[50] ^ load64(vote + 51));
}

static void votes_note(struct witness *w, uint32_t node, uint64_t now_ns, const struct list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const uint8_t *vote = list->data + i * VOTE_BYTES;
        if (fresh(w->votes, vote_mark(vote))) {
            note_add(w, node, now_ns, NOTE_VOTE, span_of(vote, VOTE_BYTES));
        }
    }
}

static void header_note(struct witness *w, uint32_t node, uint64_t now_ns, struct span block)
{
    if (block.len >= HEADER_BYTES) {
        note_add(w, node, now_ns, NOTE_HEADER, span_of(block.data, HEADER_BYTES));
    }
}

void witness_frame(struct witness *w, uint32_t node, uint64_t now_ns, const struct blob *blob)
{
    struct span frame = span_of(blob->data, blob->len);
    uint8_t code = blob->len > 0 ? blob->data[0] : 0;

    if (code != FRAME_VOTE_BUNDLE && code != FRAME_PROPOSAL && code != FRAME_DECISION &&
        code != FRAME_BLOCK_COMPACT && code != FRAME_BLOCK) {
        return;
    }
    if (!fresh(w->frames, rng_mix64(blob->id[0] ^ rng_mix64(blob->id[1])))) {
        return;
    }
    if (code == FRAME_VOTE_BUNDLE) {
        struct frame_vote_bundle m;
        if (frame_vote_bundle_decode(&m, frame) == ERR_OK) {
            votes_note(w, node, now_ns, &m.votes);
        }
    } else if (code == FRAME_PROPOSAL) {
        struct frame_proposal m;
        if (frame_proposal_decode(&m, frame) == ERR_OK) {
            note_add(w, node, now_ns, NOTE_PROPOSAL, frame);
            votes_note(w, node, now_ns, &m.pol);
        }
    } else if (code == FRAME_DECISION) {
        struct frame_decision m;
        if (frame_decision_decode(&m, frame) == ERR_OK) {
            note_add(w, node, now_ns, NOTE_DECISION, m.decision);
        }
    } else if (code == FRAME_BLOCK_COMPACT) {
        struct frame_block_compact m;
        if (frame_block_compact_decode(&m, frame) == ERR_OK) {
            header_note(w, node, now_ns, m.header);
        }
    } else {
        struct frame_block m;
        if (frame_block_decode(&m, frame) == ERR_OK) {
            header_note(w, node, now_ns, m.block);
        }
    }
}

void witness_taken(struct witness *w, uint32_t node, uint64_t now_ns, const struct taken *taken)
{
    note_add(w, node, now_ns, NOTE_TAKEN, span_of(taken, sizeof(*taken)));
}

const struct note *witness_next(const struct witness *w, size_t *at, struct span *bytes)
{
    if (*at == w->len) {
        return NULL;
    }
    const struct note *note = (const void *)(w->bytes + *at);
    *bytes = span_of(w->bytes + *at + sizeof(*note), note->len);
    *at += sizeof(*note) + ((note->len + 7) & ~(size_t)7);
    return note;
}

void witness_clear(struct witness *w)
{
    w->len = 0;
}
