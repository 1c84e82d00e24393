/* A chain of blocks for tests of execution: a genesis with accounts that all keys are known of, and
 * blocks made and executed on it by the real code. Consensus fields of headers that execution does
 * not look at are zero. Link `host`. */
#ifndef ORRERY_TESTS_SUPPORT_LEDGER_H
#define ORRERY_TESTS_SUPPORT_LEDGER_H

#include "node/chain/execute.h"
#include "node/chain/tx.h"
#include "node/crypto/vrf.h"
#include "tests/support/ctx.h"

#define LEDGER_ACCOUNTS_MAX 300
#define LEDGER_TXS_MAX 512

struct ledger_config {
    uint64_t seed;
    int memo;
    size_t accounts, nodes; /* the first `nodes` accounts own a node each */
    uint64_t free, bonded;  /* of each account; bonded of account i plus i * bonded_step */
    uint64_t bonded_step;
    struct params params;
};

struct ledger {
    struct test_host host;
    struct genesis genesis; /* governor: account 0 */
    uint8_t *genesis_bytes;
    size_t accounts;
    struct sign_secret account[LEDGER_ACCOUNTS_MAX]; /* ascending public keys */
    struct sign_secret node[LEDGER_ACCOUNTS_MAX];
    struct vrf_secret vrf[LEDGER_ACCOUNTS_MAX];
    uint8_t root[32];
    const struct blob *blob; /* of root */
    uint64_t height;
    uint8_t *txs; /* bytes of the transactions of the next block */
    size_t txs_used;
    uint64_t beta_salt; /* other betas: another branch */
};

void ledger_init(struct ledger *ledger, const struct ledger_config *config);
/* Returns blobs that leak, as test_host_end. */
uint64_t ledger_end(struct ledger *ledger);

const uint8_t *ledger_key(const struct ledger *ledger, size_t account);
void ledger_account(struct account *account, struct ledger *ledger, size_t index);

/* The encoded record of a node of account `index` with node key `node` and VRF key `vrf`. */
size_t ledger_record(uint8_t *out, const struct ledger *ledger, size_t node, size_t vrf,
                     uint16_t port);
/* A body of register_node or update_node by `owner`. */
size_t ledger_registration(uint8_t *out, const struct ledger *ledger, size_t owner, size_t node,
                           size_t vrf, uint16_t port);

/* A signed transaction; valid until the next block. fee_max and expiry generous. */
struct span ledger_tx(struct ledger *ledger, size_t from, uint64_t nonce, uint16_t type,
                      struct span body);
struct span ledger_tx_with(struct ledger *ledger, size_t from, const struct tx *tx);
/* bond, unbond, withdraw. */
struct span ledger_tx_amount(struct ledger *ledger, size_t from, uint64_t nonce, uint16_t type,
                             uint64_t amount);
struct span ledger_tx_transfer(struct ledger *ledger, size_t from, uint64_t nonce, size_t to,
                               uint64_t amount);

void ledger_beta(uint8_t beta[64], const struct ledger *ledger, uint64_t height);

/* Executes the next block with these transactions; adopts its state when it is valid. */
enum err ledger_block(struct ledger *ledger, size_t signer, uint32_t multiplier,
                      const struct span *txs, size_t count);
/* Drafts, takes what is valid, and demands that the block has the drafted root. */
void ledger_draft(struct ledger *ledger, size_t signer, uint32_t multiplier, bool *taken,
                  const struct span *txs, size_t count);
/* Empty blocks up to height. */
void ledger_advance(struct ledger *ledger, uint64_t height);

#endif
