/* attendance (0x51): the prevotes of one instance (see attendance.h). Sent by the proposer of its
 * round 0, or by a member that adds its own vote alone. Only while the instance's epoch runs. */
#include "node/chain/execution.h"

enum err tx_attendance_check(const struct tx *tx, struct tx_check *check)
{
    (void)check;
    struct attendance_walk walk;
    TRY(attendance_walk_begin(&walk, tx->body));
    enum err err;
    while ((err = attendance_walk_next(&walk)) == ERR_OK) {
        uint8_t body[VOTE_BODY_BYTES];
        struct vote vote;
        vote_body_encode(body, &walk.vote);
        TRY(vote_body_decode(&vote, body)); /* jr within its bounds */
    }
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

/* The call of an instance in the epoch's leaf, added when it is new. */
static enum err call_find(size_t *at, struct attendance *attendance, uint64_t instance)
{
    *at = 0;
    while (*at < attendance->count && attendance->calls[*at].instance != instance) {
        ++*at;
    }
    if (*at == ATTENDANCE_CALLS_MAX) {
        return ERR_FULL;
    }
    if (*at == attendance->count) {
        attendance->count++;
        attendance->calls[*at].instance = instance;
        memset(attendance->calls[*at].present, 0, ATTENDANCE_MAP_BYTES);
    }
    return ERR_OK;
}

/* Marks the voters of the body that are not marked yet. whole: the body may name others than the
 * sender. */
static enum err voters_mark(uint8_t present[ATTENDANCE_MAP_BYTES], uint32_t *added,
                            struct execution *x, const struct committee *committee,
                            const struct tx *tx, bool whole)
{
    uint8_t seen[ATTENDANCE_MAP_BYTES] = {0};
    struct attendance_walk walk;
    TRY(attendance_walk_begin(&walk, tx->body));
    enum err err;
    *added = 0;
    while ((err = attendance_walk_next(&walk)) == ERR_OK) {
        uint32_t voter = walk.vote.voter;
        if (voter >= committee->count) {
            return ERR_RANGE;
        }
        uint8_t bit = (uint8_t)(1u << (voter % 8));
        if ((seen[voter / 8] & bit) != 0) {
            return ERR_NONCANONICAL;
        }
        seen[voter / 8] = (uint8_t)(seen[voter / 8] | bit);
        const uint8_t *key = committee_key(committee, voter);
        if (!whole && memcmp(key, tx->sender, 32) != 0) {
            return ERR_INVALID;
        }
        if ((present[voter / 8] & bit) == 0) {
            x->verify++;
            TRY(vote_verify(&walk.vote, x->shared, x->genesis->hash, key));
            present[voter / 8] = (uint8_t)(present[voter / 8] | bit);
            ++*added;
        }
    }
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static enum err attendance_get(struct attendance *attendance, struct execution *x,
                               const uint8_t key[32])
{
    struct span value;
    enum err err = state_edit_get(&value, x->edit, key);
    if (err == ERR_NOT_FOUND) {
        attendance->epoch = x->epoch;
        attendance->count = 0;
        return ERR_OK;
    }
    TRY(err);
    return attendance_decode(attendance, value);
}

/* ERR_STALE, ERR_EARLY: another epoch's instance, or one that is not reached; ERR_INVALID: not
 * called for. */
static enum err instance_check(const struct execution *x, uint64_t instance)
{
    if (!attendance_called(&x->params, instance) ||
        instance > UINT64_MAX / x->params.checkpoint_blocks) {
        return ERR_INVALID;
    }
    uint64_t height = instance * x->params.checkpoint_blocks;
    if (height > x->height) {
        return ERR_EARLY;
    }
    return (height - 1) / x->params.epoch_blocks == x->epoch ? ERR_OK : ERR_STALE;
}

enum err tx_attendance_apply(struct execution *x, const struct tx *tx, struct account *sender)
{
    (void)sender;
    struct attendance_walk walk;
    struct committee committee;
    struct attendance attendance;
    size_t call;
    uint32_t added;
    TRY(attendance_walk_begin(&walk, tx->body));
    uint64_t instance = walk.vote.instance;
    TRY(instance_check(x, instance));
    enum err err = committee_get(&committee, x->shared, x->parent_root, x->epoch);
    if (err != ERR_OK) {
        return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
    }
    uint32_t proposer = committee_proposer(&committee, &x->params, instance, 0);
    bool by_proposer =
        proposer != UINT32_MAX && memcmp(committee_key(&committee, proposer), tx->sender, 32) == 0;
    if (!by_proposer && committee_find(&committee, tx->sender) == UINT32_MAX) {
        return ERR_INVALID; /* before any signature is looked at */
    }
    uint8_t key[32];
    leaf_key_u64(key, STATE_ATTENDANCE, x->epoch);
    TRY(attendance_get(&attendance, x, key));
    TRY(call_find(&call, &attendance, instance));
    TRY(voters_mark(attendance.calls[call].present, &added, x, &committee, tx, by_proposer));
    if (added == 0) {
        return ERR_DUPLICATE;
    }
    uint8_t bytes[ATTENDANCE_BYTES_MAX];
    size_t len;
    attendance_encode(bytes, &len, &attendance, committee.count);
    return state_edit_put(x->edit, key, span_of(bytes, len));
}
