/* evidence (0x50): kind u8 | first bytes<512> | second bytes<512>. Convicts the signer of two
 * objects that exclude each other: burns stake in proportion to how much was slashed lately, jails,
 * pays the reporter. spec: chain 1.5, 1.6; decisions 15 */
#include "node/base/plant.h"
#include "node/chain/block.h"
#include "node/chain/execute.h"
#include "node/chain/execution.h"
#include "node/chain/vote.h"
#include "node/crypto/hash.h"
#include "node/wire/codec.h"

#define EVIDENCE_OBJECT_MAX 512
#define REPORTER_SHARE 20 /* one part in twenty of the burn */
#define SLASH_LEAST 32    /* at least one part in 32 is burned */
#define SLASH_FACTOR 3

struct evidence {
    uint8_t kind;
    struct span first, second;
};

struct offence {
    uint8_t offender[32];
    uint64_t when; /* instance, or height of two headers, as signed */
    bool header;
};

static enum err evidence_read(struct evidence *evidence, struct span body)
{
    struct reader r;
    reader_init(&r, body);
    evidence->kind = reader_u8(&r);
    evidence->first = reader_bytes(&r, EVIDENCE_OBJECT_MAX);
    evidence->second = reader_bytes(&r, EVIDENCE_OBJECT_MAX);
    return reader_end(&r);
}

enum err tx_evidence_check(const struct tx *tx, struct tx_check *check)
{
    struct evidence evidence;
    uint8_t offender[32];
    uint64_t when;
    TRY(evidence_read(&evidence, tx->body));
    check->verify = (uint8_t)(check->verify + 2);
    return evidence_verify(offender, &when, check->shared, check->genesis, evidence.kind,
                           evidence.first, evidence.second);
}

/* Who and when, from objects that tx_evidence_check has seen. */
static enum err offence_read(struct offence *offence, const struct evidence *evidence)
{
    *offence = (struct offence){.header = evidence->kind == EVIDENCE_H};
    if (offence->header) {
        struct header header;
        TRY(header_decode(&header, evidence->first));
        memcpy(offence->offender, header.signer, 32);
        offence->when = header.height;
        return ERR_OK;
    }
    if (evidence->first.len != SIGNED_VOTE_BYTES) {
        return ERR_INVALID;
    }
    struct vote vote;
    memcpy(offence->offender, evidence->first.data, 32);
    TRY(vote_body_decode(&vote, evidence->first.data + 32));
    offence->when = vote.instance;
    return ERR_OK;
}

static enum err offence_epoch(uint64_t *epoch, const struct offence *offence,
                              const struct params *params)
{
    uint64_t each = offence->header ? 1 : params->checkpoint_blocks;
    if (offence->when == 0 || offence->when > UINT64_MAX / each) {
        return ERR_RANGE;
    }
    *epoch = (offence->when * each - 1) / params->epoch_blocks;
    return ERR_OK;
}

/* One leaf per offence, whichever of its many pairs of objects proved it: votes of one instance are
 * one offence, so are headers of one height. */
static void offence_id(uint8_t id[32], const struct offence *offence)
{
    uint8_t tail[41];
    tail[0] = offence->header;
    memcpy(tail + 1, offence->offender, 32);
    store64(tail + 33, offence->when);
    hash256_parts(id, (struct span[]){SPAN_TEXT("xpx/offence/1"), span_of(tail, sizeof(tail))}, 2);
}

/* What was staked then may have been withdrawn. */
static bool too_old(uint64_t then, uint64_t epoch, const struct params *params)
{
    return epoch >= then && epoch - then >= params->unbonding_epochs;
}

bool evidence_void(struct shared *shared, const struct params *params, const uint8_t root[32],
                   uint64_t height, struct span bytes)
{
    uint64_t epoch = (height - 1) / params->epoch_blocks, then;
    struct evidence evidence;
    struct offence offence;
    struct account offender;
    uint8_t id[32], key[32];
    struct span value;
    struct tx tx;
    if (tx_decode(&tx, bytes) != ERR_OK || evidence_read(&evidence, tx.body) != ERR_OK ||
        offence_read(&offence, &evidence) != ERR_OK ||
        offence_epoch(&then, &offence, params) != ERR_OK || too_old(then, epoch, params)) {
        return true;
    }
    offence_id(id, &offence);
    leaf_key_id(key, STATE_EVIDENCE, id);
    if (state_get(&value, shared, root, key) == ERR_OK && !planted(EVIDENCE_TWICE)) {
        return true;
    }
    return state_account(&offender, shared, root, offence.offender) == ERR_OK &&
           offender.bonded + account_unmatured(&offender, params, epoch) == 0;
}

/* ERR_DUPLICATE when it is there. */
static enum err offence_record(struct execution *x, const struct offence *offence)
{
    uint8_t id[32], key[32];
    offence_id(id, offence);
    leaf_key_id(key, STATE_EVIDENCE, id);
    struct span value;
    enum err err = state_edit_get(&value, x->edit, key);
    if (err != ERR_NOT_FOUND) {
        return err == ERR_OK && !planted(EVIDENCE_TWICE) ? ERR_DUPLICATE : err;
    }
    uint8_t bytes[41] = {STATE_EVIDENCE};
    memcpy(bytes + 1, id, 32);
    store64(bytes + 33, x->epoch);
    return state_edit_put(x->edit, key, span_of(bytes, sizeof(bytes)));
}

/* All bonds of the validators as the parent's state has them. */
static enum err bonded_total(uint64_t *total, const struct execution *x)
{
    uint8_t key[32];
    leaf_key_single(key, STATE_VALIDATORS);
    struct span value = span_of(NULL, 0);
    enum err err = state_get(&value, x->shared, x->parent_root, key);
    if (err != ERR_OK && err != ERR_NOT_FOUND) {
        return err;
    }
    struct list keys;
    TRY(validators_decode(&keys, value));
    *total = 0;
    for (size_t i = 0; i < keys.count; i++) {
        struct account account;
        leaf_key_id(key, STATE_ACCOUNT, keys.data + 32 * i);
        TRY(state_get(&value, x->shared, x->parent_root, key));
        TRY(account_decode(&account, value));
        *total += account.bonded;
    }
    return ERR_OK;
}

/* Burns min(1, max(1/32, 3 x slashed / total)) of what can still be slashed; counts it in the
 * totals. */
static enum err slash(uint64_t *burned, struct execution *x, struct account *offender)
{
    uint64_t stake = offender->bonded + account_unmatured(offender, &x->params, x->epoch);
    if (stake == 0) {
        return ERR_NOT_FOUND;
    }
    uint8_t key[32];
    leaf_key_single(key, STATE_TOTALS);
    struct span value;
    struct totals totals;
    TRY(state_edit_get(&value, x->edit, key));
    TRY(totals_decode(&totals, value));
    uint64_t total;
    TRY(bonded_total(&total, x));
    uint64_t slashed = totals_slash(&totals, x->epoch, stake);
    u128 weighted = (u128)slashed * SLASH_FACTOR;
    uint64_t num = 1;
    uint64_t den = 1;
    if (weighted < total) {
        bool least = weighted * SLASH_LEAST <= total;
        num = least ? 1 : (uint64_t)weighted;
        den = least ? SLASH_LEAST : total;
    }
    *burned = account_burn(offender, &x->params, x->epoch, num, den);
    totals.burned += planted(BURN_FORGOTTEN) ? 0 : *burned;
    uint8_t bytes[TOTALS_BYTES_MAX];
    size_t len;
    totals_encode(bytes, &len, &totals);
    return state_edit_put(x->edit, key, span_of(bytes, len));
}

/* The reporter's share is not burned after all. */
static enum err reward(struct execution *x, struct account *reporter, uint64_t burned)
{
    uint8_t key[32];
    leaf_key_single(key, STATE_TOTALS);
    struct span value;
    struct totals totals;
    TRY(state_edit_get(&value, x->edit, key));
    TRY(totals_decode(&totals, value));
    totals.burned -= burned / REPORTER_SHARE;
    reporter->free += burned / REPORTER_SHARE;
    uint8_t bytes[TOTALS_BYTES_MAX];
    size_t len;
    totals_encode(bytes, &len, &totals);
    return state_edit_put(x->edit, key, span_of(bytes, len));
}

static enum err convict(uint64_t *burned, struct execution *x, struct account *offender)
{
    TRY(slash(burned, x, offender));
    uint64_t until = x->epoch + x->params.unbonding_epochs;
    offender->jailed_until = until > offender->jailed_until ? until : offender->jailed_until;
    return ERR_OK;
}

enum err tx_evidence_apply(struct execution *x, const struct tx *tx, struct account *sender)
{
    struct evidence evidence;
    struct offence offence;
    uint64_t burned, then;
    TRY(evidence_read(&evidence, tx->body));
    TRY(offence_read(&offence, &evidence));
    TRY(offence_epoch(&then, &offence, &x->params));
    if (too_old(then, x->epoch, &x->params)) {
        return ERR_STALE;
    }
    TRY(offence_record(x, &offence));
    if (memcmp(offence.offender, tx->sender, 32) == 0) {
        return convict(&burned, x, sender); /* no reward for reporting oneself */
    }
    struct account offender;
    TRY(execution_account_get(&offender, x, offence.offender));
    TRY(convict(&burned, x, &offender));
    TRY(reward(x, sender, burned));
    return execution_account_put(x, offence.offender, &offender);
}
