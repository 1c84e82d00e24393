#include "node/daemon/faucet.h"

#include <stdlib.h>

#include "node/chain/txpool.h"
#include "node/crypto/hash.h"
#include "node/crypto/secret.h"
#include "node/crypto/sign.h"
#include "node/daemon/api_call.h"
#include "node/daemon/index.h"
#include "node/daemon/recent.h"

enum {
    ASKERS_MAX = 1024,    /* client addresses remembered; the oldest makes room */
    ON_THE_WAY_MAX = 16,  /* payments handed to the node and not answered yet */
    LOOK_BACK_MAX = 4096, /* incoming transactions of an address looked at */
    TRANSFER_BYTES = TX_HEAD_BYTES + 32 + 8 + 1 + SIGN_BYTES,
    EXPIRY_BLOCKS = 240,
};

struct asker {
    uint8_t from[16];
    uint64_t since_ms;
    uint32_t count; /* 0: free */
};

struct payment {
    struct faucet *faucet; /* NULL: free */
    uint8_t recipient[32], id[32];
};

struct faucet {
    struct api *api;
    struct faucet_options options;
    struct sign_secret secret;
    uint32_t asker_next;
    struct asker askers[ASKERS_MAX];
    struct payment way[ON_THE_WAY_MAX];
};

void faucet_defaults(struct faucet_options *options)
{
    *options = (struct faucet_options){.amount_max = 100 * TOKEN_ATOMIC,
                                       .balance_max = 1000 * TOKEN_ATOMIC,
                                       .window_ms = FAUCET_WINDOW_MS,
                                       .asks_max = 10};
}

struct faucet *faucet_open(struct api *api, const struct faucet_options *options)
{
    struct faucet *faucet = calloc(1, sizeof(*faucet));
    if (faucet != NULL) {
        faucet->api = api;
        faucet->options = *options;
        sign_keypair(&faucet->secret, options->seed);
        api->faucet = faucet;
    }
    return faucet;
}

void faucet_close(struct faucet *faucet)
{
    if (faucet != NULL) {
        faucet->api->faucet = NULL;
        secret_wipe(faucet, sizeof(*faucet));
        free(faucet);
    }
}

static uint64_t now_ms(const struct api *api)
{
    return api->host.now(api->host.context).wall_ms;
}

/* True when the client may ask once more. Of IPv6 addresses everybody has 2^64: networks are
 * counted. */
static bool asker_admit(struct faucet *f, const struct api_request *request)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    uint64_t now = now_ms(f->api);
    struct asker *found = NULL;
    uint8_t from[16];

    if (f->options.asks_max == 0 || request->local) {
        return true;
    }
    memcpy(from, request->from, 16);
    if (memcmp(from, mapped, sizeof(mapped)) != 0) {
        memset(from + 8, 0, 8);
    }
    for (size_t i = 0; i < ASKERS_MAX; i++) {
        if (f->askers[i].count > 0 && memcmp(f->askers[i].from, from, 16) == 0) {
            found = &f->askers[i];
        }
    }
    if (found == NULL) {
        found = &f->askers[f->asker_next++ % ASKERS_MAX];
        *found = (struct asker){.since_ms = now};
        memcpy(found->from, from, 16);
    }
    if (now >= found->since_ms + f->options.window_ms || now < found->since_ms) {
        found->since_ms = now;
        found->count = 0;
    }
    if (found->count >= f->options.asks_max) {
        return false;
    }
    found->count++;
    return true;
}

/* A transfer of the faucet to `to`: its amount, else false. */
static bool is_payment(const struct faucet *f, uint64_t *amount, struct span bytes,
                       const uint8_t to[32])
{
    struct tx tx;
    if (tx_decode(&tx, bytes) != ERR_OK || tx.type != TX_transfer || tx.body.len < 40 ||
        memcmp(tx.sender, f->secret.public_key, 32) != 0 || memcmp(tx.body.data, to, 32) != 0) {
        return false;
    }
    *amount = load64(tx.body.data + 32);
    return true;
}

static bool is_pending(const struct faucet *f, const uint8_t to[32])
{
    const struct txpool *pool = chain_pool(node_chain(f->api->node));
    uint64_t amount;
    for (size_t i = 0; i < ON_THE_WAY_MAX; i++) {
        if (f->way[i].faucet != NULL && memcmp(f->way[i].recipient, to, 32) == 0) {
            return true;
        }
    }
    for (uint32_t i = 0; i < pool->used; i++) {
        const struct blob *tx = pool->entries[i].tx;
        if (tx != NULL && is_payment(f, &amount, span_of(tx->data, tx->len), to)) {
            return true;
        }
    }
    return false;
}

/* Adds a payment at a place to *paid; false when its block is older than the window, which ends the
 * look back. */
static bool place_count(const struct faucet *f, uint64_t *paid, const struct tx_place *place,
                        const uint8_t to[32])
{
    struct span block;
    struct header h;
    uint64_t amount;
    if (api_block(f->api, &block, place->height) != ERR_OK ||
        header_decode(&h, span_of(block.data, HEADER_BYTES)) != ERR_OK ||
        now_ms(f->api) >= h.ts_ms + f->options.window_ms) {
        return false;
    }
    if (place->offset + (uint64_t)place->len <= block.len &&
        is_payment(f, &amount, span_of(block.data + place->offset, place->len), to)) {
        *paid += amount;
    }
    return true;
}

/* What the faucet paid to an address within the window, by the chain. */
static uint64_t paid_within(const struct faucet *f, const uint8_t to[32])
{
    const struct recent *recent = f->api->recent;
    struct tx_place page[64];
    const struct tx_place *from = NULL;
    uint64_t paid = 0;

    for (size_t b = recent->count; b-- > 0;) {
        const struct recent_block *block = recent->blocks[b];
        size_t count;
        const struct recent_touch *touch = recent_block_touches(block, &count, to);
        for (size_t i = 0; i < count; i++) {
            const struct recent_tx *tx = &block->txs[touch[i].index];
            struct tx_place place = {block->height, touch[i].index, tx->offset, tx->len};
            if (!place_count(f, &paid, &place, to)) {
                return paid;
            }
        }
    }
    for (size_t seen = 0; f->api->index != NULL && seen < LOOK_BACK_MAX; seen += 64) {
        size_t n = index_account(f->api->index, page, 64, to, TOUCH_RECEIVED, from, false);
        for (size_t i = 0; i < n; i++) {
            if (!place_count(f, &paid, &page[i], to)) {
                return paid;
            }
        }
        if (n < 64) {
            return paid;
        }
        from = &page[63];
    }
    return f->api->index == NULL ? paid : UINT64_MAX; /* too much to look at: nothing more today */
}

static void answered(void *context, enum err err, struct span data)
{
    struct payment *p = context;
    (void)data;
    if (p->faucet != NULL) {
        if (err != ERR_OK && err != ERR_DUPLICATE && err != ERR_INTERRUPTED) {
            api_tx_refused(p->faucet->api, p->id, p->faucet->secret.public_key, err);
        }
        p->faucet = NULL;
    }
}

static struct payment *way_free(struct faucet *f, uint64_t *on_the_way)
{
    struct payment *unused = NULL;
    *on_the_way = 0;
    for (size_t i = 0; i < ON_THE_WAY_MAX; i++) {
        if (f->way[i].faucet == NULL) {
            unused = &f->way[i];
        } else {
            ++*on_the_way;
        }
    }
    return unused;
}

static void pay(struct api_call *call, struct faucet *f, const uint8_t to[32], uint64_t amount,
                const struct account *own)
{
    struct api *api = call->api;
    const struct chain *chain = node_chain(api->node);
    uint8_t body[32 + 8 + 1] = {0};
    uint8_t bytes[TRANSFER_BYTES];
    uint64_t on_the_way;
    size_t len;
    struct payment *payment = way_free(f, &on_the_way);

    memcpy(body, to, 32);
    store64(body + 32, amount);
    uint64_t fee = TRANSFER_BYTES * (uint64_t)api->config->policy->fee_multiplier;
    uint64_t nonce = txpool_next_nonce(chain_pool(chain), f->secret.public_key, own->nonce);
    struct tx tx = {.type = TX_transfer,
                    .nonce = nonce + on_the_way,
                    .fee_max = 4 * fee, /* other producers may ask for more */
                    .expiry = api_tip(api)->height + EXPIRY_BLOCKS,
                    .body = span_of(body, sizeof(body))};
    if (payment == NULL || own->free < amount + tx.fee_max) {
        api_fail(call, API_UNAVAILABLE,
                 payment == NULL ? "too many payments are on their way; try again later"
                                 : "the faucet is empty");
        return;
    }
    if (tx_build(bytes, sizeof(bytes), &len, &tx, api->config->genesis->hash, &f->secret) !=
        ERR_OK) {
        api_fail(call, API_INTERNAL, "no transaction could be made");
        return;
    }
    payment->faucet = f;
    memcpy(payment->recipient, to, 32);
    hash256(payment->id, bytes, len);
    call->json = json_pack("{s:o, s:o, s:o}", "hash", json_hash(payment->id), "amount",
                           json_u64(amount), "recipient", api_address(api, to));
    api->host.submit(api->host.context, span_of(bytes, len),
                     (struct host_reply){.done = answered, .context = payment});
}

static bool request_read(struct api_call *call, uint8_t to[32], uint64_t *amount)
{
    const json_t *text = json_object_get(call->body, "recipient");
    const json_t *given = json_object_get(call->body, "amount");
    struct span word = span_of(json_string_value(text), json_string_length(text));
    enum err err = !json_is_string(text) ? ERR_SYNTAX
                   : word.len == 64      ? hex_parse(to, 32, word)
                                    : address_parse(to, call->api->config->genesis->network, word);
    if (err != ERR_OK) {
        api_fail(call, API_INVALID_ARGUMENT, "recipient has an invalid format");
        return false;
    }
    if (given == NULL) {
        return true;
    }
    const json_t *low = json_array_get(given, 0);
    const json_t *high = json_array_get(given, 1);
    if (json_array_size(given) != 2 || !json_is_integer(low) || !json_is_integer(high) ||
        json_integer_value(low) < 0 || json_integer_value(low) > UINT32_MAX ||
        json_integer_value(high) < 0 || json_integer_value(high) > UINT32_MAX) {
        api_fail(call, API_INVALID_ARGUMENT, "amount is no [lower, higher]");
        return false;
    }
    *amount = (uint64_t)json_integer_value(high) << 32 | (uint64_t)json_integer_value(low);
    if (*amount == 0) {
        api_fail(call, API_INVALID_ARGUMENT, "amount is zero");
        return false;
    }
    return true;
}

void api_faucet_pay(struct api_call *call)
{
    struct api *api = call->api;
    struct faucet *f = api->faucet;
    struct account own;
    struct account other;
    uint8_t to[32];

    if (f == NULL) {
        api_fail(call, API_NOT_FOUND, "this node has no faucet");
        return;
    }
    uint64_t amount = f->options.amount_max;
    if (!request_read(call, to, &amount)) {
        return;
    }
    const uint8_t *root = api_tip(api)->state_root;
    if (state_account(&own, api->shared, root, f->secret.public_key) != ERR_OK ||
        state_account(&other, api->shared, root, to) != ERR_OK || node_behind(api->node)) {
        api_fail(call, API_UNAVAILABLE, "the node is catching up");
        return;
    }
    if (is_pending(f, to)) {
        api_fail(call, API_TOO_MANY, "a payment to this address is on its way; try again later");
        return;
    }
    if (other.free >= f->options.balance_max) {
        api_fail(call, API_TOO_MANY, "this address owns enough");
        return;
    }
    uint64_t paid = paid_within(f, to);
    if (amount > f->options.amount_max || paid > f->options.amount_max - amount) {
        uint64_t got = paid == UINT64_MAX ? f->options.amount_max : paid;
        api_fail(call, API_TOO_MANY,
                 "an address gets at most %llu.%06llu tokens in %llu seconds; this one got "
                 "%llu.%06llu",
                 (unsigned long long)(f->options.amount_max / TOKEN_ATOMIC),
                 (unsigned long long)(f->options.amount_max % TOKEN_ATOMIC),
                 (unsigned long long)(f->options.window_ms / 1000),
                 (unsigned long long)(got / TOKEN_ATOMIC),
                 (unsigned long long)(got % TOKEN_ATOMIC));
        return;
    }
    if (!asker_admit(f, call->request)) {
        api_fail(call, API_TOO_MANY, "%u requests in one window are enough", f->options.asks_max);
        return;
    }
    pay(call, f, to, amount, &own);
}

void api_faucet_get(struct api_call *call)
{
    const struct api *api = call->api;
    const struct faucet *f = api->faucet;
    struct account own;
    if (f == NULL) {
        api_fail(call, API_NOT_FOUND, "this node has no faucet");
        return;
    }
    if (state_account(&own, api->shared, api_tip(api)->state_root, f->secret.public_key) !=
        ERR_OK) {
        own.free = 0;
    }
    call->json =
        json_pack("{s:o, s:o, s:o, s:o, s:I}", "address", api_address(api, f->secret.public_key),
                  "balance", json_u64(own.free), "amountMax", json_u64(f->options.amount_max),
                  "balanceMax", json_u64(f->options.balance_max), "windowSeconds",
                  (json_int_t)(f->options.window_ms / 1000));
}
