#include "node/chain/attendance.h"

#include "node/base/invariant.h"
#include "node/chain/leaves.h"
#include "node/wire/codec.h"

#define CALLS_AIM 8

bool attendance_called(const struct params *params, uint64_t instance)
{
    uint64_t instances = params->epoch_blocks / params->checkpoint_blocks;
    uint64_t stride = instances < 2 * CALLS_AIM ? 1 : instances / CALLS_AIM;
    return params->finality != 0 && instance > 0 && instance % stride == 0;
}

static bool map_has(const uint8_t *map, uint32_t voter)
{
    return (map[voter / 8] >> (voter % 8) & 1) != 0;
}

void attendance_encode(uint8_t *out, size_t *len, const struct attendance *attendance,
                       uint32_t voters)
{
    struct writer w;
    writer_init(&w, out, ATTENDANCE_BYTES_MAX);
    writer_u8(&w, STATE_ATTENDANCE);
    writer_u64(&w, attendance->epoch);
    writer_var(&w, attendance->count);
    for (size_t i = 0; i < attendance->count; i++) {
        writer_u64(&w, attendance->calls[i].instance);
        writer_bytes(&w, span_of(attendance->calls[i].present, (voters + 7) / 8),
                     ATTENDANCE_MAP_BYTES);
    }
    enum err err = writer_end(&w, len);
    invariant(err == ERR_OK);
}

enum err attendance_decode(struct attendance *attendance, struct span value)
{
    struct reader r;
    reader_init(&r, value);
    uint8_t kind = reader_u8(&r);
    attendance->epoch = reader_u64(&r);
    attendance->count = (size_t)reader_var_max(&r, ATTENDANCE_CALLS_MAX);
    for (size_t i = 0; i < attendance->count; i++) {
        attendance->calls[i].instance = reader_u64(&r);
        struct span map = reader_bytes(&r, ATTENDANCE_MAP_BYTES);
        memset(attendance->calls[i].present, 0, ATTENDANCE_MAP_BYTES);
        if (map.len > 0) {
            memcpy(attendance->calls[i].present, map.data, map.len);
        }
    }
    TRY(reader_end(&r));
    return kind == STATE_ATTENDANCE ? ERR_OK : ERR_CORRUPT;
}

void attendance_judge(uint8_t absent[ATTENDANCE_MAP_BYTES], const struct attendance *attendance,
                      const struct committee *committee)
{
    bool counts[ATTENDANCE_CALLS_MAX];
    uint32_t calls = 0;
    memset(absent, 0, ATTENDANCE_MAP_BYTES);
    for (size_t i = 0; i < attendance->count; i++) {
        uint64_t weight = 0;
        for (uint32_t voter = 0; voter < committee->count; voter++) {
            bool here = map_has(attendance->calls[i].present, voter);
            weight += here ? committee_weight(committee, voter) : 0;
        }
        counts[i] = committee_quorum(committee, weight);
        calls += counts[i];
    }
    if (calls < ATTENDANCE_CALLS_LEAST) {
        return;
    }
    for (uint32_t voter = 0; voter < committee->count; voter++) {
        uint32_t missing = 0;
        for (size_t i = 0; i < attendance->count; i++) {
            missing += counts[i] && !map_has(attendance->calls[i].present, voter);
        }
        if (2 * missing >= calls) {
            absent[voter / 8] = (uint8_t)(absent[voter / 8] | 1u << (voter % 8));
        }
    }
}

enum err attendance_walk_begin(struct attendance_walk *walk, struct span body)
{
    struct reader r;
    reader_init(&r, body);
    memset(walk, 0, sizeof(*walk));
    walk->vote.kind = VOTE_PREVOTE;
    walk->vote.instance = reader_u64(&r);
    walk->groups = reader_var_max(&r, ATTENDANCE_GROUPS_MAX);
    walk->rest = span_of(r.at, reader_left(&r));
    TRY(r.err);
    return walk->groups == 0 ? ERR_RANGE : ERR_OK;
}

static enum err group_begin(struct attendance_walk *walk, struct reader *r)
{
    struct vote before = walk->vote;
    walk->vote.round = reader_u32(r);
    reader_copy(r, walk->vote.value, 32);
    walk->left = reader_var_max(r, VALIDATORS_LIMIT);
    walk->groups--;
    TRY(r->err);
    if (walk->left == 0) {
        return ERR_RANGE;
    }
    int order = memcmp(before.value, walk->vote.value, 32);
    bool ascends = !walk->begun || before.round < walk->vote.round ||
                   (before.round == walk->vote.round && order < 0);
    walk->begun = true;
    return ascends ? ERR_OK : ERR_NONCANONICAL;
}

enum err attendance_walk_next(struct attendance_walk *walk)
{
    struct reader r;
    reader_init(&r, walk->rest);
    bool fresh = walk->left == 0;
    if (fresh && walk->groups == 0) {
        return reader_left(&r) == 0 ? ERR_NOT_FOUND : ERR_TRAILING;
    }
    if (fresh) {
        TRY(group_begin(walk, &r));
    }
    uint16_t before = walk->vote.voter;
    walk->vote.voter = reader_u16(&r);
    walk->vote.jr = reader_i32(&r);
    reader_copy(&r, walk->vote.sig, SIGN_BYTES);
    walk->left--;
    walk->rest = span_of(r.at, reader_left(&r));
    TRY(r.err);
    return fresh || before < walk->vote.voter ? ERR_OK : ERR_NONCANONICAL;
}

static bool same_group(const struct vote *a, const struct vote *b)
{
    return a->round == b->round && memcmp(a->value, b->value, 32) == 0;
}

enum err attendance_body(uint8_t *out, size_t capacity, size_t *len, const struct vote *votes,
                         size_t count)
{
    uint64_t groups = 0;
    for (size_t i = 0; i < count; i++) {
        groups += i == 0 || !same_group(&votes[i - 1], &votes[i]);
    }
    struct writer w;
    writer_init(&w, out, capacity);
    writer_u64(&w, count > 0 ? votes[0].instance : 0);
    writer_var_max(&w, groups, ATTENDANCE_GROUPS_MAX);
    for (size_t i = 0; i < count;) {
        size_t end = i + 1;
        while (end < count && same_group(&votes[i], &votes[end])) {
            end++;
        }
        writer_u32(&w, votes[i].round);
        writer_raw(&w, votes[i].value, 32);
        writer_var(&w, end - i);
        for (; i < end; i++) {
            writer_u16(&w, votes[i].voter);
            writer_i32(&w, votes[i].jr);
            writer_raw(&w, votes[i].sig, SIGN_BYTES);
        }
    }
    enum err err = writer_end(&w, len);
    return err == ERR_RANGE ? ERR_FULL : err;
}
