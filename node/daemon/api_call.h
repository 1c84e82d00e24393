/* One request on its way through its route: what the table parsed, what the handler answers. For
 * api*.c, openapi.c and faucet.c. */
#ifndef ORRERY_DAEMON_API_CALL_H
#define ORRERY_DAEMON_API_CALL_H

#include "node/chain/chain.h"
#include "node/daemon/api.h"
#include "node/daemon/api_text.h"
#include "node/daemon/txfacts.h"

/* Errors: E(name, status, code). The codes are those of the original's REST server. */
#define API_ERROR_LIST(E)                                                                          \
    E(INVALID_ARGUMENT, 409, "InvalidArgument")                                                    \
    E(INVALID_CONTENT, 400, "InvalidContent")                                                      \
    E(BAD_REQUEST, 400, "BadRequest")                                                              \
    E(NOT_FOUND, 404, "ResourceNotFound")                                                          \
    E(METHOD_NOT_ALLOWED, 405, "MethodNotAllowed")                                                 \
    E(TIMEOUT, 408, "RequestTimeout")                                                              \
    E(TOO_LARGE, 413, "RequestEntityTooLarge")                                                     \
    E(TOO_MANY, 429, "TooManyRequests")                                                            \
    E(INTERNAL, 500, "Internal")                                                                   \
    E(UNAVAILABLE, 503, "ServiceUnavailable")

enum api_error {
#define E(name, status, code) API_##name,
    API_ERROR_LIST(E)
#undef E
        API_ERRORS
};
unsigned api_error_status(enum api_error error);
const char *api_error_code(enum api_error error);

/* What a parameter of a path or a query is: how it is parsed, and what OpenAPI says of it. */
enum param_kind {
    PARAM_U64,     /* decimal */
    PARAM_HASH,    /* 64 hex digits */
    PARAM_KEY,     /* the same: a public key */
    PARAM_ACCOUNT, /* address or public key */
    PARAM_PAGE,    /* page size: 10..100, 25 when absent */
    PARAM_LIMIT,   /* block count: 25, 50, 75 or 100; others are redirected */
    PARAM_ORDER    /* "id" ascending, "-id" descending (default) */
};

struct param {
    const char *name;
    enum param_kind kind;
    const char *text;
};

struct param_value {
    bool given;
    bool ascending;
    uint64_t number;
    uint8_t id[32];
};

struct api_call {
    struct api *api;
    const struct route *route;
    const struct api_request *request;
    struct param_value path[API_PARAMS_MAX];  /* in the order of the pattern */
    struct param_value query[API_PARAMS_MAX]; /* in the order of route->query */
    json_t *body;                             /* of POST and PUT */
    unsigned status;                          /* 200 unless the handler says otherwise */
    json_t *json;                             /* the answer, taken over */
    char *text;                               /* or this, to be freed */
    char location[96];
};

#define ROUTE_ERRORS_MAX 4

struct route {
    enum api_method method;
    const char *pattern;                /* "/block/{height}/transactions" */
    void (*handler)(struct api_call *); /* NULL: served elsewhere (/ws) */
    const char *answer;                 /* shape of 200 or 202; "[Shape]": a list of them */
    unsigned status;
    const char *body;                        /* shape of the request's body, or NULL */
    const char *query[4];                    /* names of the parameter table, NULL ends */
    enum api_error errors[ROUTE_ERRORS_MAX]; /* beside those of parameters and body; API_ERRORS ends
                                              */
    const char *text;
};
/* All routes, in the order of the documentation. */
const struct route *api_routes(size_t *count);
const struct param *api_param(const char *name, size_t len); /* NULL: unknown */

/* The route of a path; values get its parameters as text. *known: another method has one. */
const struct route *api_route(enum api_method method, struct span path,
                              struct span values[API_PARAMS_MAX], bool *known);

/* Shapes of answers and bodies: one row per field, rows of one shape together. type: "u64", "int",
 * "bool", "string", "hash" (64 hex digits), "hex", "address", a shape, or "[type]"; a final '?':
 * may be absent. */
struct shape_row {
    const char *shape, *field, *type, *text;
};
const struct shape_row *api_shapes(size_t *count);

/* The OpenAPI 3 document of both tables. */
json_t *openapi_make(const char *version);

/* Sets the answer to an error; message is a printf format. */
void api_fail(struct api_call *call, enum api_error error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* --- handlers --- */
#define API_HANDLERS(X)                                                                            \
    X(chain_height)                                                                                \
    X(chain_score)                                                                                 \
    X(chain_finalized)                                                                             \
    X(block_get)                                                                                   \
    X(block_list)                                                                                  \
    X(block_txs)                                                                                   \
    X(block_merkle)                                                                                \
    X(account_get)                                                                                 \
    X(account_list)                                                                                \
    X(account_txs)                                                                                 \
    X(account_incoming)                                                                            \
    X(account_outgoing)                                                                            \
    X(account_unconfirmed)                                                                         \
    X(account_proof)                                                                               \
    X(finality_proof)                                                                              \
    X(tx_get)                                                                                      \
    X(tx_list)                                                                                     \
    X(tx_put)                                                                                      \
    X(tx_status)                                                                                   \
    X(tx_statuses)                                                                                 \
    X(network_get)                                                                                 \
    X(network_committee)                                                                           \
    X(network_beacon)                                                                              \
    X(node_info)                                                                                   \
    X(node_time)                                                                                   \
    X(node_peers)                                                                                  \
    X(node_health)                                                                                 \
    X(diagnostic_storage)                                                                          \
    X(diagnostic_server)                                                                           \
    X(faucet_get)                                                                                  \
    X(faucet_pay)                                                                                  \
    X(metrics_get)                                                                                 \
    X(openapi_get)
#define X(name) void api_##name(struct api_call *call);
API_HANDLERS(X)
#undef X

/* --- what several handlers need --- */
const struct tree_entry *api_tip(const struct api *api);
const struct tree_entry *api_final(const struct api *api);
/* The encoded block at a height of the best chain; height 0 has none. Valid until the next call of
 * this or of the host. ERR_NOT_FOUND. */
enum err api_block(const struct api *api, struct span *block, uint64_t height) MUST_CHECK;
/* The height of the oldest block held: above 1 when the node began from a snapshot or deletes old
 * blocks. */
uint64_t api_oldest(const struct api *api);
/* Where a transaction of the best chain stands. ERR_NOT_FOUND. */
enum err api_place(const struct api *api, struct tx_place *place, const uint8_t tx[32]) MUST_CHECK;
json_t *api_address(const struct api *api, const uint8_t key[32]);
/* A transaction that was announced here was refused: remembered, and told to listeners. */
void api_tx_refused(struct api *api, const uint8_t id[32], const uint8_t sender[32], enum err err);

/* A block (BlockInfo) from its bytes, or of genesis with bytes empty. */
json_t *api_block_json(const struct api *api, struct span block);
/* A transaction (TransactionInfo); place NULL: it waits in the pool. */
json_t *api_tx_json(const struct api *api, struct span tx, const struct tx_place *place);
/* The same at a place of the best chain; NULL when its block is gone. */
json_t *api_tx_at(const struct api *api, const struct tx_place *place);

#endif
