/* The table that routes requests and writes the OpenAPI document. */
#include "node/daemon/api_call.h"

static const struct param params[] = {
    {"height", PARAM_U64, "height of a block; genesis is 0"},
    {"limit", PARAM_LIMIT, "number of blocks: 25, 50, 75 or 100"},
    {"hash", PARAM_HASH, "id of a transaction"},
    {"accountId", PARAM_ACCOUNT, "address or public key of an account"},
    {"publicKey", PARAM_ACCOUNT, "public key (or address) of an account"},
    {"pageSize", PARAM_PAGE, "entries of a page: 10 to 100, 25 when absent"},
    {"id", PARAM_HASH, "transaction after which the page begins"},
    {"ordering", PARAM_ORDER, "-id: newest first; id: oldest first, the default within a block"},
};

const struct param *api_param(const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++) {
        if (strlen(params[i].name) == len && memcmp(params[i].name, name, len) == 0) {
            return &params[i];
        }
    }
    return NULL;
}

#define NONE                                                                                       \
    {                                                                                              \
        API_ERRORS                                                                                 \
    }
#define ERRORS(...)                                                                                \
    {                                                                                              \
        __VA_ARGS__, API_ERRORS                                                                    \
    }
#define PAGED                                                                                      \
    {                                                                                              \
        "pageSize", "id", "ordering", NULL                                                         \
    }

static const struct route routes[] = {
    {API_GET,
     "/chain/height",
     api_chain_height,
     "Height",
     200,
     NULL,
     {NULL},
     NONE,
     "height of the best chain"},
    {API_GET,
     "/chain/score",
     api_chain_score,
     "Score",
     200,
     NULL,
     {NULL},
     NONE,
     "score of the best chain: 128 bits in two halves"},
    {API_GET,
     "/chain/finalized",
     api_chain_finalized,
     "FinalizedBlock",
     200,
     NULL,
     {NULL},
     NONE,
     "the last block that can never be undone"},
    {API_GET,
     "/block/{height}",
     api_block_get,
     "BlockInfo",
     200,
     NULL,
     {NULL},
     ERRORS(API_NOT_FOUND),
     "a block of the best chain"},
    {API_GET,
     "/blocks/{height}/limit/{limit}",
     api_block_list,
     "[BlockInfo]",
     200,
     NULL,
     {NULL},
     NONE,
     "the blocks from an aligned height on, newest first; other heights are redirected"},
    {API_GET, "/block/{height}/transactions", api_block_txs, "[TransactionInfo]", 200, NULL, PAGED,
     ERRORS(API_NOT_FOUND), "transactions of a block"},
    {API_GET,
     "/block/{height}/transaction/{hash}/merkle",
     api_block_merkle,
     "MerkleProof",
     200,
     NULL,
     {NULL},
     ERRORS(API_NOT_FOUND),
     "proof that a transaction stands in a block"},
    {API_GET,
     "/account/{accountId}",
     api_account_get,
     "AccountInfo",
     200,
     NULL,
     {NULL},
     ERRORS(API_NOT_FOUND),
     "an account after the newest block"},
    {API_POST,
     "/account",
     api_account_list,
     "[AccountInfo]",
     200,
     "AccountIds",
     {NULL},
     NONE,
     "several accounts; unknown ones are left out"},
    {API_GET, "/account/{publicKey}/transactions", api_account_txs, "[TransactionInfo]", 200, NULL,
     PAGED, NONE, "confirmed transactions that an account sent or received"},
    {API_GET, "/account/{publicKey}/transactions/incoming", api_account_incoming,
     "[TransactionInfo]", 200, NULL, PAGED, NONE, "those it received"},
    {API_GET, "/account/{publicKey}/transactions/outgoing", api_account_outgoing,
     "[TransactionInfo]", 200, NULL, PAGED, NONE, "those it sent"},
    {API_GET,
     "/account/{publicKey}/transactions/unconfirmed",
     api_account_unconfirmed,
     "[TransactionInfo]",
     200,
     NULL,
     {"pageSize", NULL},
     NONE,
     "those that wait for a block"},
    {API_GET,
     "/account/{accountId}/proof",
     api_account_proof,
     "AccountProof",
     200,
     NULL,
     {NULL},
     ERRORS(API_UNAVAILABLE),
     "an account after the last final block, proven against that block's state root"},
    {API_GET,
     "/transaction/{hash}",
     api_tx_get,
     "TransactionInfo",
     200,
     NULL,
     {NULL},
     ERRORS(API_NOT_FOUND),
     "a transaction, confirmed or waiting"},
    {API_POST,
     "/transaction",
     api_tx_list,
     "[TransactionInfo]",
     200,
     "TransactionIds",
     {NULL},
     NONE,
     "several transactions; unknown ones are left out"},
    {API_PUT,
     "/transaction",
     api_tx_put,
     "Announced",
     202,
     "TransactionPayload",
     {NULL},
     ERRORS(API_UNAVAILABLE),
     "announces a transaction; whether it is valid is learnt later, by status or /ws"},
    {API_GET,
     "/transaction/{hash}/status",
     api_tx_status,
     "TransactionStatus",
     200,
     NULL,
     {NULL},
     ERRORS(API_NOT_FOUND),
     "what has become of a transaction"},
    {API_POST,
     "/transaction/statuses",
     api_tx_statuses,
     "[TransactionStatus]",
     200,
     "TransactionHashes",
     {NULL},
     NONE,
     "the same of several; unknown ones are left out"},
    {API_GET,
     "/finality/proof/{height}",
     api_finality_proof,
     "FinalityProof",
     200,
     NULL,
     {NULL},
     ERRORS(API_NOT_FOUND),
     "the decision that made a block final, and the headers between the two"},
    {API_GET,
     "/network",
     api_network_get,
     "Network",
     200,
     NULL,
     {NULL},
     NONE,
     "the network and its parameters"},
    {API_GET,
     "/network/committee",
     api_network_committee,
     "Committee",
     200,
     NULL,
     {NULL},
     ERRORS(API_UNAVAILABLE),
     "who decides about finality in the current epoch"},
    {API_GET,
     "/network/beacon",
     api_network_beacon,
     "Beacon",
     200,
     NULL,
     {NULL},
     ERRORS(API_UNAVAILABLE),
     "the random beacon that the current committee was drawn from"},
    {API_GET, "/node/info", api_node_info, "NodeInfo", 200, NULL, {NULL}, NONE, "this node"},
    {API_GET,
     "/node/time",
     api_node_time,
     "NodeTime",
     200,
     NULL,
     {NULL},
     NONE,
     "what this node believes the date to be"},
    {API_GET,
     "/node/peers",
     api_node_peers,
     "[Peer]",
     200,
     NULL,
     {NULL},
     NONE,
     "the nodes it is linked with"},
    {API_GET,
     "/node/health",
     api_node_health,
     "Health",
     200,
     NULL,
     {NULL},
     ERRORS(API_UNAVAILABLE),
     "200 when the node follows the network; 503 while it does not"},
    {API_GET,
     "/diagnostic/storage",
     api_diagnostic_storage,
     "Storage",
     200,
     NULL,
     {NULL},
     NONE,
     "how much the node holds"},
    {API_GET,
     "/diagnostic/server",
     api_diagnostic_server,
     "Server",
     200,
     NULL,
     {NULL},
     NONE,
     "versions, and what the host loop did"},
    {API_GET,
     "/faucet",
     api_faucet_get,
     "FaucetInfo",
     200,
     NULL,
     {NULL},
     ERRORS(API_NOT_FOUND),
     "who pays, and how much at most"},
    {API_POST,
     "/faucet",
     api_faucet_pay,
     "FaucetPayment",
     202,
     "FaucetRequest",
     {NULL},
     ERRORS(API_NOT_FOUND, API_TOO_MANY, API_UNAVAILABLE),
     "asks for tokens of a test network"},
    {API_GET,
     "/metrics",
     api_metrics_get,
     NULL,
     200,
     NULL,
     {NULL},
     NONE,
     "measurements in the text format of Prometheus"},
    {API_GET, "/openapi.json", api_openapi_get, "Object", 200, NULL, {NULL}, NONE, "this document"},
};

const struct route *api_routes(size_t *count)
{
    *count = sizeof(routes) / sizeof(routes[0]);
    return routes;
}

/* One pattern against a path, segment by segment. */
static bool matches(const char *pattern, struct span path, struct span values[API_PARAMS_MAX])
{
    const uint8_t *at = path.data;
    const uint8_t *end = at + path.len;
    size_t n = 0;

    while (*pattern != 0) {
        if (*pattern == '{') {
            const uint8_t *start = at;
            while (at < end && *at != '/') {
                at++;
            }
            if (at == start) {
                return false;
            }
            values[n++] = span_of(start, (size_t)(at - start));
            pattern = strchr(pattern, '}') + 1;
        } else if (at < end && *at == (uint8_t)*pattern) {
            at++;
            pattern++;
        } else {
            return false;
        }
    }
    return at == end;
}

const struct route *api_route(enum api_method method, struct span path,
                              struct span values[API_PARAMS_MAX], bool *known)
{
    *known = false;
    if (path.len > 1 && path.data[path.len - 1] == '/') {
        path.len--;
    }
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (matches(routes[i].pattern, path, values)) {
            if (routes[i].method == method) {
                return &routes[i];
            }
            *known = true;
        }
    }
    return NULL;
}
