#include "node/chain/genesis.h"

#include "node/base/invariant.h"
#include "node/chain/production.h"
#include "node/crypto/hash.h"

#define GENESIS_VERSION 1
#define PARAM_BYTES (2 + 8)

static void params_write(struct writer *w, const struct params *params)
{
    size_t count;
    const struct param_info *table = params_table(&count);
    uint64_t changed = 0;
    for (size_t i = 0; i < count; i++) {
        changed += params_get(params, table[i].code) != table[i].value;
    }
    writer_var_max(w, changed, GENESIS_PARAMS_MAX);
    for (size_t i = 0; i < count; i++) {
        uint64_t value = params_get(params, table[i].code);
        if (value != table[i].value) {
            writer_u16(w, table[i].code);
            writer_u64(w, value);
        }
    }
}

enum err genesis_encode(uint8_t *out, size_t capacity, size_t *len, const struct genesis *facts,
                        const struct genesis_account *accounts, size_t account_count,
                        const struct genesis_node *nodes, size_t node_count)
{
    struct writer w;
    writer_init(&w, out, capacity);
    writer_u16(&w, GENESIS_VERSION);
    writer_u32(&w, facts->network);
    writer_u64(&w, facts->ts_ms);
    writer_raw(&w, facts->seed, 32);
    writer_raw(&w, facts->governor, 32);
    params_write(&w, &facts->params);
    writer_var_max(&w, account_count, GENESIS_ACCOUNTS_MAX);
    for (size_t i = 0; i < account_count; i++) {
        writer_raw(&w, accounts[i].key, 32);
        writer_u64(&w, accounts[i].free);
        writer_u64(&w, accounts[i].bonded);
    }
    writer_var_max(&w, node_count, GENESIS_NODES_MAX);
    for (size_t i = 0; i < node_count; i++) {
        writer_raw(&w, nodes[i].owner, 32);
        writer_raw(&w, nodes[i].record.data, nodes[i].record.len);
    }
    TRY(writer_end(&w, len));
    struct genesis check;
    return genesis_decode(&check, span_of(out, *len));
}

static enum err params_read(struct params *params, struct reader *r)
{
    params_defaults(params);
    struct list list = reader_list(r, PARAM_BYTES, GENESIS_PARAMS_MAX);
    for (size_t i = 0; i < list.count; i++) {
        const uint8_t *at = list.data + i * PARAM_BYTES;
        uint16_t code = load16(at);
        if (i > 0 && code <= load16(at - PARAM_BYTES)) {
            return ERR_NONCANONICAL;
        }
        struct params before = *params;
        TRY(params_set(params, code, load64(at + 2)));
        if (params_get(&before, code) == load64(at + 2)) {
            return ERR_NONCANONICAL; /* the default has one form: absence */
        }
    }
    return ERR_OK;
}

void genesis_account_at(struct genesis_account *account, const struct genesis *genesis, size_t i)
{
    invariant(i < genesis->accounts.count);
    const uint8_t *at = genesis->accounts.data + i * GENESIS_ACCOUNT_BYTES;
    memcpy(account->key, at, 32);
    account->free = load64(at + 32);
    account->bonded = load64(at + 40);
}

/* Sums the accounts; stake_tokens gets what weighs in production (decision 9). */
static enum err accounts_check(struct genesis *genesis, uint64_t *stake_tokens)
{
    uint64_t free_tokens = 0;
    genesis->minted = 0;
    genesis->bonded_tokens = 0;
    struct genesis_account last;
    struct genesis_account account;
    for (size_t i = 0; i < genesis->accounts.count; i++) {
        genesis_account_at(&account, genesis, i);
        if (i > 0 && memcmp(last.key, account.key, 32) >= 0) {
            return ERR_NONCANONICAL;
        }
        const uint64_t most = TOKENS_MAX * TOKEN_ATOMIC;
        if (account.free > most || account.bonded > most ||
            account.free + account.bonded == 0) { /* such a leaf does not exist */
            return ERR_RANGE;
        }
        genesis->minted += account.free + account.bonded;
        if (genesis->minted >= most) {
            return ERR_RANGE;
        }
        genesis->bonded_tokens += account.bonded / TOKEN_ATOMIC;
        free_tokens += account.free / TOKEN_ATOMIC;
        last = account;
    }
    bool rule_2018 = genesis->params.production == PRODUCTION_SIRIUS2018;
    *stake_tokens = rule_2018 ? free_tokens : genesis->bonded_tokens;
    bool committee = genesis->params.finality == 0 || genesis->bonded_tokens > 0;
    return *stake_tokens > 0 && committee ? ERR_OK : ERR_INVALID;
}

static bool account_exists(const struct genesis *genesis, const uint8_t key[32])
{
    size_t low = 0;
    size_t high = genesis->accounts.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = memcmp(genesis->accounts.data + middle * GENESIS_ACCOUNT_BYTES, key, 32);
        if (order == 0) {
            return true;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return false;
}

static enum err nodes_read(struct genesis *genesis, struct reader *r)
{
    genesis->node_count = (size_t)reader_var_max(r, GENESIS_NODES_MAX);
    const uint8_t *start = r->at;
    const uint8_t *last = NULL;
    for (size_t i = 0; i < genesis->node_count && r->err == ERR_OK; i++) {
        struct node_record record;
        const uint8_t *owner = reader_raw(r, 32);
        node_record_read(&record, r);
        if (r->err != ERR_OK) {
            break;
        }
        if (last != NULL && memcmp(last, owner, 32) >= 0) {
            return ERR_NONCANONICAL;
        }
        if (!account_exists(genesis, owner)) {
            return ERR_UNKNOWN;
        }
        last = owner;
    }
    TRY(reader_end(r));
    genesis->nodes = span_of(start, (size_t)(r->at - start));
    return ERR_OK;
}

bool genesis_next_node(struct genesis_node *node, struct span *rest)
{
    if (rest->len == 0) {
        return false;
    }
    struct reader r;
    struct node_record record;
    reader_init(&r, *rest);
    reader_copy(&r, node->owner, 32);
    node_record_read(&record, &r);
    invariant(r.err == ERR_OK); /* genesis_decode has read it before */
    node->record = record.bytes;
    *rest = span_of(r.at, reader_left(&r));
    return true;
}

static void block_zero(struct genesis *genesis, uint64_t stake_tokens)
{
    const struct span name = SPAN_TEXT("xpx/genesis/1");
    const struct span whole[] = {name, genesis->bytes};
    hash256_parts(genesis->hash, whole, 2);
    genesis->bt = production_bt_genesis(&genesis->params, stake_tokens);
    production_gs_genesis(genesis->gs, &genesis->params, genesis->seed);
    memset(genesis->state_root, 0, 32);
}

enum err genesis_decode(struct genesis *genesis, struct span bytes)
{
    struct reader r;
    reader_init(&r, bytes);
    genesis->bytes = bytes;
    uint16_t version = reader_u16(&r);
    genesis->network = reader_u32(&r);
    genesis->ts_ms = reader_u64(&r);
    reader_copy(&r, genesis->seed, 32);
    reader_copy(&r, genesis->governor, 32);
    if (r.err == ERR_OK && version != GENESIS_VERSION) {
        return ERR_VERSION;
    }
    TRY(params_read(&genesis->params, &r));
    genesis->accounts = reader_list(&r, GENESIS_ACCOUNT_BYTES, GENESIS_ACCOUNTS_MAX);
    TRY(r.err);
    const char *why;
    TRY(params_check(&genesis->params, &why));
    uint64_t stake_tokens;
    TRY(accounts_check(genesis, &stake_tokens));
    TRY(nodes_read(genesis, &r));
    block_zero(genesis, stake_tokens);
    return ERR_OK;
}
