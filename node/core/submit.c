#include "node/core/submit.h"

#include "node/chain/tx.h"

void submit_init(struct submit *submit, const struct node_config *config)
{
    static const uint8_t none[32];

    submit->has_account = memcmp(config->account_seed, none, sizeof(none)) != 0;
    if (submit->has_account) {
        sign_keypair(&submit->secret, config->account_seed);
    }
}

static uint64_t tip_height(const struct chain *chain)
{
    return chain_entry(chain, chain_tip(chain))->height;
}

static const struct blob *tx_make(const struct submit *submit, struct ctx *c, struct chain *chain,
                                  uint16_t type, struct span body, uint64_t expiry)
{
    size_t len = TX_HEAD_BYTES + body.len + SIGN_BYTES;
    uint8_t *tx = arena_alloc(c->scratch, len);

    if (tx == NULL) {
        return NULL;
    }
    store16(tx, type);
    memcpy(tx + 2, submit->secret.public_key, 32);
    store64(tx + TX_NONCE_AT, chain_account_nonce(chain, c, submit->secret.public_key));
    store64(tx + 42, len * c->config->policy->fee_multiplier);
    store64(tx + 50, expiry);
    memcpy(tx + TX_HEAD_BYTES, body.data, body.len);

    struct sign_message message = {.context = SIGN_CONTEXT("tx"),
                                   .genesis = chain_genesis(chain)->hash,
                                   .body = {span_of(tx, len - SIGN_BYTES), span_of(NULL, 0)}};
    ctx_sign(c, tx + len - SIGN_BYTES, &submit->secret, &message);
    return blob_put(c->shared, tx, len);
}

enum err submit_tx(const struct submit *submit, struct ctx *c, struct chain *chain,
                   const struct blob **tx, const struct event *event)
{
    struct span data = event->submit.data;
    uint32_t expiry = event->submit.expiry_blocks;

    if (event->submit.kind == SUBMIT_TX) {
        *tx = blob_put(c->shared, data.data, data.len);
        return ERR_OK;
    }
    if (data.len < 2) {
        return ERR_TRUNCATED;
    }
    if (data.len > 4096) {
        return ERR_RANGE;
    }
    if (!submit->has_account) {
        return ERR_NOT_FOUND;
    }
    *tx = tx_make(submit, c, chain, load16(data.data), span_of(data.data + 2, data.len - 2),
                  tip_height(chain) + (expiry != 0 ? expiry : SUBMIT_EXPIRY_BLOCKS));
    return *tx == NULL ? ERR_FULL : ERR_OK;
}

/* The last 64 nonces are remembered; older ones are in blocks or void. */
static void proof_note(struct submit *submit, uint64_t nonce)
{
    if (submit->proofs == 0 || nonce < submit->proofs_from) {
        submit->proofs_from = nonce;
        submit->proofs = 0;
    }
    uint64_t past = nonce - submit->proofs_from;
    if (past >= 64) {
        submit->proofs = past - 63 >= 64 ? 0 : submit->proofs >> (past - 63);
        submit->proofs_from = nonce - 63;
        past = 63;
    }
    submit->proofs |= UINT64_C(1) << past;
}

const struct blob *submit_own(struct submit *submit, struct ctx *c, struct chain *chain,
                              uint16_t type, struct span body, uint64_t expiry)
{
    if (!submit->has_account) {
        return NULL;
    }
    const struct blob *tx = tx_make(submit, c, chain, type, body, expiry);
    if (tx != NULL && type == TX_evidence) {
        proof_note(submit, load64(tx->data + TX_NONCE_AT));
    }
    return tx;
}

const struct blob *submit_gap(struct submit *submit, struct ctx *c, struct chain *chain)
{
    const uint8_t *account = submit->secret.public_key;
    uint64_t tip = load64(chain_entry(chain, chain_tip(chain))->id);
    uint8_t body[32 + 8 + 1] = {0};

    if (submit->proofs == 0 || tip == submit->tip) {
        return NULL;
    }
    submit->tip = tip;
    uint64_t open = chain_account_nonce(chain, c, account);
    uint64_t past = open - submit->proofs_from;
    if (open < submit->proofs_from || past >= 64 || (submit->proofs >> past & 1) == 0) {
        return NULL;
    }
    if (!chain_tx_waits(chain, account, open)) {
        return NULL; /* the account's next transaction takes it */
    }
    memcpy(body, account, 32);
    return tx_make(submit, c, chain, TX_transfer, span_of(body, sizeof(body)),
                   tip_height(chain) + SUBMIT_EXPIRY_BLOCKS);
}
