/* Who prevoted: what the chain knows of it, and the seats that absence costs (spec: chain 1.6;
 * docs/ wire.md 6, kind 14). Some instances of each epoch are called: for those the proposer of
 * round 0 puts the prevotes it saw on the chain (transaction `attendance`), and whoever it left out
 * may add its own. At the end of the epoch members of the committee that were missing in half of
 * the calls or more are left out of the next committee that is drawn. No stake is lost. */
#ifndef ORRERY_CHAIN_ATTENDANCE_H
#define ORRERY_CHAIN_ATTENDANCE_H

#include "node/chain/execute.h"
#include "node/chain/vote.h"

#define ATTENDANCE_CALLS_MAX 16
#define ATTENDANCE_CALLS_LEAST 4 /* fewer judge nobody */
#define ATTENDANCE_MAP_BYTES 512
#define ATTENDANCE_GROUPS_MAX 8

/* Whether the prevotes of an instance are called for: 8 to 15 instances of an epoch, all when there
 * are fewer. */
bool attendance_called(const struct params *params, uint64_t instance);

/* One epoch's leaf. */
struct attendance {
    uint64_t epoch;
    size_t count;
    struct {
        uint64_t instance;
        uint8_t present[ATTENDANCE_MAP_BYTES]; /* bit i % 8 of byte i / 8: voter i */
    } calls[ATTENDANCE_CALLS_MAX];             /* as they came */
};
#define ATTENDANCE_BYTES_MAX (1 + 8 + 1 + ATTENDANCE_CALLS_MAX * (8 + 2 + ATTENDANCE_MAP_BYTES))
/* voters: of the epoch's committee; maps are as long as they need. */
void attendance_encode(uint8_t *out, size_t *len, const struct attendance *attendance,
                       uint32_t voters);
enum err attendance_decode(struct attendance *attendance, struct span value) MUST_CHECK;

/* Voters of the committee that were missing too often, as a map like `present`. A call counts when
 * voters of more than two thirds of the weight were there. */
void attendance_judge(uint8_t absent[ATTENDANCE_MAP_BYTES], const struct attendance *attendance,
                      const struct committee *committee);

/* The body of an `attendance` transaction: instance u64 | list<(round u32, value hash,
 * list<justified, 4096>), 8>, made from prevotes of one instance, ordered by round, value and
 * voter. */
struct attendance_walk {
    struct span rest;
    uint64_t groups, left;
    bool begun;
    struct vote vote; /* kind and instance are set */
};
enum err attendance_walk_begin(struct attendance_walk *walk, struct span body) MUST_CHECK;
/* ERR_NOT_FOUND at the end; ERR_NONCANONICAL when groups or voters do not ascend. */
enum err attendance_walk_next(struct attendance_walk *walk) MUST_CHECK;
/* Encodes votes that are in that order. ERR_FULL: out is too small, or too many groups. */
enum err attendance_body(uint8_t *out, size_t capacity, size_t *len, const struct vote *votes,
                         size_t count) MUST_CHECK;

#endif
