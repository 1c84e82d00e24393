/* The REST interface without its transport: one table of routes that parses paths and queries,
 * answers, and writes the OpenAPI document (docs/rest-api.md). It looks at the node through
 * node/core/view.h between two steps and knows no socket: http.c carries requests to it, tests and
 * the fuzzer call it directly.
 *
 * Conventions follow the Catapult family that the users of the network know (spec: history 3.4):
 * u64 as [lower, higher], hex in upper case, errors as {code, message}. */
#ifndef ORRERY_DAEMON_API_H
#define ORRERY_DAEMON_API_H

#include <jansson.h>

#include "node/core/view.h"
#include "node/daemon/host.h"

struct faucet;
struct feed;
struct metrics;
struct recent;
struct tx_index;
struct verdicts;

enum {
    API_BODY_BYTES_MAX = 160 * 1024, /* a transaction of 64 KiB in hex, and its wrapping */
    API_PATH_BYTES_MAX = 512,
    API_QUERY_BYTES_MAX = 512,
    API_PARAMS_MAX = 3,
    API_LIST_MAX = 100, /* hashes or accounts of one POST */
};

enum api_method { API_GET, API_POST, API_PUT, API_METHODS };

/* What the routes ask of whoever runs the node. */
struct api_host {
    void *context;
    struct host_time (*now)(void *context);
    /* The first record of the node at or after `from` whose key begins with prefix, and whether
     * there are more. key and value are valid until the next call. ERR_NOT_FOUND; ERR_IO,
     * ERR_CORRUPT. */
    enum err (*record)(void *context, struct span *key, struct span *value, bool *more,
                       struct span prefix, struct span from);
    /* As host_submit with SUBMIT_TX. */
    void (*submit)(void *context, struct span tx, struct host_reply reply);
    size_t (*peers)(void *context, struct host_peer peers[LINKS_MAX]);
    void (*stats)(void *context, struct host_stats *stats);
};

struct api {
    const struct node *node;
    const struct node_config *config;
    struct shared *shared;
    struct api_host host;
    struct sign_public {
        uint8_t node[32], account[32]; /* account: zeros when the node has none */
    } keys;
    const char *friendly_name, *host_name; /* of /node/info; never NULL */
    struct recent *recent;                 /* what is not indexed yet */
    struct tx_index *index;                /* NULL: transactions of older blocks are not found */
    struct verdicts *verdicts;
    struct feed *feed;
    struct faucet *faucet;   /* NULL: there is none */
    struct metrics *metrics; /* NULL: none */
    json_t *openapi;         /* made on first use */
};

struct api_request {
    enum api_method method;
    struct span path, query, body; /* as they came: the path with its escapes, query without '?' */
    bool local;                    /* from this machine */
    uint8_t from[16];              /* address of the client, for the faucet */
};

struct api_answer {
    unsigned status;
    const char *type; /* content type */
    char *text;       /* to be freed; NULL: empty */
    size_t len;
    char location[96]; /* of a redirect, else empty */
};

/* Answers any request whatsoever; cannot fail. */
void api_answer(struct api *api, struct api_answer *answer, const struct api_request *request);
void api_answer_free(struct api_answer *answer);
/* The answer to a request that was cut before it was whole (413, 408, 405). */
void api_answer_error(struct api_answer *answer, unsigned status, const char *message);

#endif
