#define _GNU_SOURCE
/* The REST interface over four whole nodes: every answer is held against the table that routes it,
 * and what it says is checked by other code (Merkle proofs, state proofs, decisions). */
#include <criterion/criterion.h>
#include <stdio.h>
#include <strings.h>

#include "node/chain/certificate.h"
#include "node/crypto/hash.h"
#include "node/crypto/merkle.h"
#include "node/daemon/verdicts.h"
#include "tests/support/rest_net.h"
#include "tests/support/vectors.h"

static unsigned status;

/* Asks, demands the status, and holds the answer against the shape of its route. */
static json_t *ask(struct rest_net *net, unsigned expected, enum api_method method,
                   const char *target, const char *body)
{
    struct span values[API_PARAMS_MAX];
    bool known;
    char why[128] = "";
    json_t *json = rest_net_ask(net, &status, method, target, body);
    cr_assert_eq(status, expected, "%s: %u, not %u: %s", target, status, expected,
                 json == NULL ? "no JSON" : json_dumps(json, 0));
    size_t path = strcspn(target, "?");
    const struct route *route = api_route(method, span_of(target, path), values, &known);
    if (status >= 400 && !(status == 503 && route != NULL && strstr(target, "health"))) {
        cr_assert(shape_check(json, "Error", why), "%s: %s", target, why);
    } else if (status != 302 && route->answer != NULL) {
        cr_assert(shape_check(json, route->answer, why), "%s: %s", target, why);
    }
    return json;
}

static json_t *get(struct rest_net *net, const char *target)
{
    return ask(net, 200, API_GET, target, NULL);
}

static void refuse(struct rest_net *net, unsigned expected, const char *code,
                   enum api_method method, const char *target, const char *body)
{
    json_t *json = ask(net, expected, method, target, body);
    cr_assert_str_eq(json_string_value(json_object_get(json, "code")), code, "%s", target);
    json_decref(json);
}

static uint64_t u64_of(const json_t *json, const char *name)
{
    const json_t *pair = json_object_get(json, name);
    return (uint64_t)json_integer_value(json_array_get(pair, 1)) << 32 |
           (uint64_t)json_integer_value(json_array_get(pair, 0));
}

static const char *text_of(const json_t *json, const char *name)
{
    return json_string_value(json_object_get(json, name));
}

static void announce(struct rest_net *net, uint8_t id[32], unsigned from, const uint8_t to[32],
                     uint64_t nonce, uint64_t amount)
{
    char hex[1024];
    char body[1200];
    char name[65];
    rest_net_transfer(net, hex, id, from, to, nonce, amount);
    (void)snprintf(body, sizeof(body), "{\"payload\":\"%s\"}", hex);
    json_t *json = ask(net, 202, API_PUT, "/transaction", body);
    hex_encode(name, id, 32);
    cr_assert_eq(strcasecmp(name, text_of(json, "hash")), 0);
    json_decref(json);
}

static char *path_of(const char *before, const uint8_t id[32], const char *after)
{
    static char path[256];
    char hex[65];
    hex_encode(hex, id, 32);
    (void)snprintf(path, sizeof(path), "%s%s%s", before, hex, after);
    return path;
}

/* Every route without parameters, and a few with them, on a chain of some minutes. */
static void routes_answer(struct rest_net *net)
{
    size_t count;
    const struct route *routes = api_routes(&count);
    for (size_t i = 0; i < count; i++) {
        if (routes[i].method == API_GET && strchr(routes[i].pattern, '{') == NULL) {
            json_decref(get(net, routes[i].pattern));
        }
    }
    json_t *json = get(net, "/chain/height");
    uint64_t height = u64_of(json, "height");
    cr_assert_eq(height, api_tip(&net->api)->height);
    json_decref(json);
    char above[65] = "";
    for (uint64_t h = height + 1; h-- > 0;) { /* each the parent of the one above */
        char path[64];
        (void)snprintf(path, sizeof(path), "/block/%lu", h);
        json = get(net, path);
        const json_t *block = json_object_get(json, "block");
        const char *hash = text_of(json_object_get(json, "meta"), "hash");
        cr_assert_eq(u64_of(block, "height"), h);
        cr_assert(h == height || strcmp(hash, above) == 0, "block %lu", h);
        (void)snprintf(above, sizeof(above), "%s", text_of(block, "previousBlockHash"));
        json_decref(json);
    }
    json = get(net, "/chain/finalized");
    cr_assert_gt(u64_of(json, "height"), 0);
    cr_assert_eq(u64_of(json, "height"), index_height(net->api.index));
    json_decref(json);
    json = get(net, "/blocks/1/limit/25");
    cr_assert_eq(json_array_size(json), height < 25 ? height : 25);
    json_decref(json);
    json = ask(net, 302, API_GET, "/blocks/30/limit/30", NULL);
    cr_assert_str_eq(json_string_value(json), "/blocks/1/limit/50");
    json_decref(json);
}

/* Bad requests of every kind get the code that the original's clients know. */
static void errors_answer(struct rest_net *net)
{
    static const char *const lost[] = {
        "/",        "",   "/nothing",        "/block",         "/block/1/transactions/2",
        "/account", "//", "/chain/height/x", "/%63hain/height"};
    static const char *const odd[] = {"/block/x",
                                      "/block/-1",
                                      "/block/01",
                                      "/block/18446744073709551616",
                                      "/transaction/00",
                                      "/transaction/zz/status",
                                      "/account/short",
                                      "/account/00/proof",
                                      "/blocks/1/limit/x",
                                      "/finality/proof/0x10",
                                      "/block/1/transactions?pageSize=x",
                                      "/block/1/transactions?ordering=up",
                                      "/block/1/transactions?id=1"};
    for (size_t i = 0; i < sizeof(lost) / sizeof(lost[0]); i++) {
        json_decref(rest_net_ask(net, &status, API_GET, lost[i], NULL));
        cr_assert(status == 404 || (status == 405 && strcmp(lost[i], "/account") == 0), "%s: %u",
                  lost[i], status);
    }
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        refuse(net, 409, "InvalidArgument", API_GET, odd[i], NULL);
    }
    refuse(net, 405, "MethodNotAllowed", API_PUT, "/chain/height", "{}");
    refuse(net, 404, "ResourceNotFound", API_GET, "/block/1000000", NULL);
    refuse(net, 404, "ResourceNotFound", API_GET, "/finality/proof/1000000", NULL);
    static const char *const bad[] = {
        "", "x", "[]", "{\"payload\":", "\xff\xfe", "{\"a\":1,\"a\":2}", "{\"payload\":\"00\"}}"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        refuse(net, 400, "InvalidContent", API_PUT, "/transaction", bad[i]);
    }
    static const char *const wrong[] = {"{}", "{\"payload\":1}", "{\"payload\":\"0\"}",
                                        "{\"payload\":\"zz\"}", "{\"payload\":\"00\"}"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        refuse(net, 409, "InvalidArgument", API_PUT, "/transaction", wrong[i]);
    }
    refuse(net, 409, "InvalidArgument", API_POST, "/transaction", "{\"transactionIds\":[\"00\"]}");
    refuse(net, 409, "InvalidArgument", API_POST, "/account", "{}");
    refuse(net, 409, "InvalidArgument", API_POST, "/account", "{\"addresses\":[1]}");
    char *large = calloc(1, API_BODY_BYTES_MAX + 2);
    memset(large, ' ', API_BODY_BYTES_MAX + 1);
    refuse(net, 413, "RequestEntityTooLarge", API_PUT, "/transaction", large);
    free(large);
}

/* The path leads from the id to the root of the header. */
static void merkle_holds(struct rest_net *net, const uint8_t id[32], uint64_t height)
{
    char path[256];
    char hex[65];
    uint8_t nodes[MERKLE_DEPTH_MAX][32];
    uint8_t root[32];
    hex_encode(hex, id, 32);
    (void)snprintf(path, sizeof(path), "/block/%lu/transaction/%s/merkle", height, hex);
    json_t *json = get(net, path);
    const json_t *list = json_object_get(json, "merklePath");
    uint8_t at[32];
    const struct span leaf[] = {SPAN_TEXT("\0"), span_of(id, 32)};
    hash256_parts(at, leaf, 2);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *node = json_array_get(list, i);
        hex_decode(nodes[i], 32, text_of(node, "hash"));
        bool left = strcmp(text_of(node, "position"), "left") == 0;
        const struct span parts[] = {SPAN_TEXT("\1"), span_of(left ? nodes[i] : at, 32),
                                     span_of(left ? at : nodes[i], 32)};
        uint8_t up[32];
        hash256_parts(up, parts, 3);
        memcpy(at, up, 32);
    }
    hex_decode(root, 32, text_of(json, "root"));
    cr_assert_arr_eq(at, root, 32, "sides and siblings");
    cr_assert_eq(merkle_verify(root, id,
                               (uint64_t)json_integer_value(json_object_get(json, "index")),
                               (uint64_t)json_integer_value(json_object_get(json, "count")),
                               (const uint8_t(*)[32])nodes, json_array_size(list)),
                 ERR_OK);
    (void)snprintf(path, sizeof(path), "/block/%lu", height);
    json_t *block = get(net, path);
    cr_assert_str_eq(text_of(json_object_get(block, "block"), "blockTransactionsHash"),
                     text_of(json, "root"));
    json_decref(block);
    json_decref(json);
}

/* A client that trusts the decision alone: header by its id, state by the header, leaf by proof. */
static void state_proof_holds(struct rest_net *net, const uint8_t key[32], bool present)
{
    uint8_t header[HEADER_BYTES], id[32], hash[32], root[32], leaf[32];
    static uint8_t value[ACCOUNT_BYTES_MAX], proof[STATE_PROOF_BYTES_MAX];
    struct header h;
    json_t *json = get(net, path_of("/account/", key, "/proof"));
    cr_assert_eq(hex_decode(header, sizeof(header), text_of(json, "header")), HEADER_BYTES);
    hex_decode(hash, 32, text_of(json, "hash"));
    hex_decode(root, 32, text_of(json, "stateHash"));
    hex_decode(leaf, 32, text_of(json, "key"));
    size_t value_len = hex_decode(value, sizeof(value), text_of(json, "value"));
    size_t len = hex_decode(proof, sizeof(proof), text_of(json, "proof"));
    header_id(id, header);
    cr_assert_arr_eq(id, hash, 32);
    cr_assert_eq(header_decode(&h, span_of(header, HEADER_BYTES)), ERR_OK);
    cr_assert_arr_eq(h.state_root, root, 32);
    cr_assert_eq(value_len > 0, present);
    cr_assert_eq(json_object_get(json, "account") != NULL, present);
    cr_assert_eq(state_verify(root, leaf, present ? span_of(value, value_len) : span_of(NULL, 0),
                              span_of(proof, len)),
                 ERR_OK);
    json_decref(json);
}

static void finality_proof_holds(struct rest_net *net, uint64_t height)
{
    char path[64];
    struct decision_facts facts;
    static uint8_t decision[CERTIFICATE_BYTES_MAX];
    uint8_t header[HEADER_BYTES], id[32];
    (void)snprintf(path, sizeof(path), "/finality/proof/%lu", height);
    json_t *json = get(net, path);
    size_t len = hex_decode(decision, sizeof(decision), text_of(json, "decision"));
    struct committee committee;
    cr_assert_eq(committee_get(&committee, net->api.shared, api_final(&net->api)->state_root,
                               u64_of(json, "epoch")),
                 ERR_OK);
    struct ctx c = wire_ctx(net->peers->wire, 0);
    cr_assert_eq(
        decision_verify(&facts, &c, net->api.config->genesis, &committee, span_of(decision, len)),
        ERR_OK);
    const json_t *headers = json_object_get(json, "headers");
    uint8_t last[32] = {0};
    for (size_t i = 0; i < json_array_size(headers); i++) {
        struct header h;
        hex_decode(header, sizeof(header), json_string_value(json_array_get(headers, i)));
        cr_assert_eq(header_decode(&h, span_of(header, HEADER_BYTES)), ERR_OK);
        cr_assert_eq(h.height, height + i);
        cr_assert(i == 0 || memcmp(h.parent, last, 32) == 0);
        header_id(last, header);
        if (i == 0) {
            hex_decode(id, 32, text_of(json, "hash"));
            cr_assert_arr_eq(id, last, 32);
        }
    }
    cr_assert_arr_eq(facts.value, last, 32, "the headers end at the decided block");
    json_decref(json);
}

static const char *group_of(struct rest_net *net, const uint8_t id[32])
{
    static char group[32];
    json_t *json = get(net, path_of("/transaction/", id, "/status"));
    (void)snprintf(group, sizeof(group), "%s", text_of(json, "group"));
    cr_log_info("%s", text_of(json, "status"));
    json_decref(json);
    return group;
}

static void pages_and_names(struct rest_net *net, const uint8_t *alice, const uint8_t *stranger,
                            const uint8_t first[32], uint64_t height)
{
    /* Pages, both ways and both directions. */
    json_t *json = get(net, path_of("/account/", stranger, "/transactions/incoming"));
    cr_assert_eq(json_array_size(json), 2);
    json_decref(json);
    json = get(net, path_of("/account/", stranger, "/transactions/outgoing"));
    cr_assert_eq(json_array_size(json), 0);
    json_decref(json);
    char path[400];
    char hex[65];
    hex_encode(hex, first, 32);
    (void)snprintf(path, sizeof(path), "%s?ordering=id&id=%s",
                   path_of("/account/", alice, "/transactions"), hex);
    json = get(net, path);
    cr_assert_eq(json_array_size(json), 1, "after the first comes the second");
    json_decref(json);

    /* An address is another name of the key. */
    json = get(net, path_of("/account/", stranger, ""));
    const json_t *account = json_object_get(json, "account");
    cr_assert_eq(u64_of(account, "addressHeight"), height);
    (void)snprintf(path, sizeof(path), "/account/%s", text_of(account, "address"));
    json_t *same = get(net, path);
    cr_assert(json_equal(json, same));
    path[20] = path[20] == 'A' ? 'B' : 'A';
    json_decref(json);
    json_decref(same);
    refuse(net, 409, "InvalidArgument", API_GET, path, NULL);
}

Test(rest, answers_over_a_chain)
{
    struct rest_net *net = rest_net_new(1);
    uint8_t id[3][32];
    uint8_t stranger[32] = {7, 7};
    const uint8_t *alice = net->peers->account[2].public_key;

    rest_net_run(net, 60);
    announce(net, id[0], 2, stranger, 0, 5);
    cr_assert_str_eq(group_of(net, id[0]), "unconfirmed");
    json_t *json = get(net, path_of("/account/", alice, "/transactions/unconfirmed"));
    cr_assert_eq(json_array_size(json), 1);
    json_decref(json);
    refuse(net, 404, "ResourceNotFound", API_GET, path_of("/account/", stranger, ""), NULL);
    announce(net, id[1], 2, stranger, 1, 6);
    announce(net, id[2], 2, stranger, 5000, UINT64_MAX); /* refused: beyond its balance */

    /* Unconfirmed, confirmed, finalized. */
    const char *groups[] = {"unconfirmed", "confirmed", "finalized"};
    unsigned reached = 0;
    for (unsigned i = 0; i < 600 && reached < 2; i++) {
        const char *group = group_of(net, id[0]);
        if (strcmp(group, groups[reached]) != 0) {
            cr_assert_str_eq(group, groups[++reached]);
        }
        rest_net_run(net, 1);
    }
    cr_assert_eq(reached, 2);
    rest_net_run(net, 120);
    peers_leave_loser(net->peers, 0, 2);
    peers_leave_loser(net->peers, 0, 3);
    routes_answer(net);
    errors_answer(net);

    json = get(net, path_of("/transaction/", id[0], ""));
    uint64_t height = u64_of(json_object_get(json, "meta"), "height");
    cr_assert_eq(
        u64_of(json_array_get(json_object_get(json_object_get(json, "transaction"), "mosaics"), 0),
               "amount"),
        5);
    json_decref(json);
    merkle_holds(net, id[0], height);
    finality_proof_holds(net, height);
    finality_proof_holds(net, 1);
    state_proof_holds(net, stranger, true);
    stranger[0] ^= 1;
    state_proof_holds(net, stranger, false);
    stranger[0] ^= 1;

    pages_and_names(net, alice, stranger, id[0], height);
    cr_assert_gt(net->events[FEED_BLOCK], 0);
    cr_assert_gt(net->events[FEED_FINAL], 0);
    cr_assert_geq(net->events[FEED_WAITING], 2); /* and what the nodes themselves submit */
    cr_assert_geq(net->events[FEED_PASSED], 2);
    cr_assert_eq(rest_net_end(net), 0);
}

/* 24 hours are 24 hours: a millisecond before, the answer is no. */
Test(rest, the_faucet_keeps_its_window)
{
    struct rest_net *net = rest_net_new(2);
    uint8_t who[32] = {9, 9, 9};
    char hex[65];
    char body[200];
    rest_net_run(net, 30);
    hex_encode(hex, who, 32);
    (void)snprintf(body, sizeof(body), "{\"recipient\":\"%s\"}", hex);
    json_t *json = ask(net, 202, API_POST, "/faucet", body);
    uint8_t tx[32];
    hex_decode(tx, 32, text_of(json, "hash"));
    json_decref(json);
    refuse(net, 429, "TooManyRequests", API_POST, "/faucet", body); /* it is on its way */
    while (strcmp(group_of(net, tx), "finalized") != 0) {
        rest_net_run(net, 5);
    }
    rest_net_run(net, 5);
    json = get(net, path_of("/transaction/", tx, ""));
    uint64_t paid_ms = u64_of(json_object_get(json, "meta"), "timestamp");
    json_decref(json);
    uint64_t now_ms = net->api.host.now(net).wall_ms;
    cr_assert_eq(FAUCET_WINDOW_MS, 24ull * 3600 * 1000);
    net->clock_ms = (int64_t)(paid_ms + FAUCET_WINDOW_MS - 1 - now_ms);
    refuse(net, 429, "TooManyRequests", API_POST, "/faucet", body);
    net->clock_ms++;
    json_decref(ask(net, 202, API_POST, "/faucet", body));
    /* More than an address may get, in one request or in two. */
    (void)snprintf(body, sizeof(body), "{\"recipient\":\"%064d\",\"amount\":[100000001,0]}", 7);
    refuse(net, 429, "TooManyRequests", API_POST, "/faucet", body);
    (void)snprintf(body, sizeof(body), "{\"recipient\":\"%064d\",\"amount\":[0,0]}", 7);
    refuse(net, 409, "InvalidArgument", API_POST, "/faucet", body);
    refuse(net, 409, "InvalidArgument", API_POST, "/faucet", "{\"recipient\":\"x\"}");
    /* Whoever owns enough gets nothing. */
    hex_encode(hex, net->peers->account[2].public_key, 32);
    (void)snprintf(body, sizeof(body), "{\"recipient\":\"%s\"}", hex);
    refuse(net, 429, "TooManyRequests", API_POST, "/faucet", body);
    cr_assert_eq(rest_net_end(net), 0);
}

/* A client counts by its address, and of IPv6 by its network, which has more addresses than the
 * faucet has coins. */
Test(rest, the_faucet_counts_clients)
{
    struct rest_net *net = rest_net_new(4);
    char body[200];
    rest_net_run(net, 30);
    net->remote = true;
    net->from[0] = 0x20;
    for (int i = 0; i <= 10; i++) {
        (void)snprintf(body, sizeof(body), "{\"recipient\":\"%064d\",\"amount\":[1,0]}", 100 + i);
        net->from[15] = (uint8_t)i;
        if (i < 10) {
            json_decref(ask(net, 202, API_POST, "/faucet", body));
        } else {
            refuse(net, 429, "TooManyRequests", API_POST, "/faucet", body);
        }
    }
    net->from[7] = 1;
    json_decref(ask(net, 202, API_POST, "/faucet", body));
    cr_assert_eq(rest_net_end(net), 0);
}

/* A flood of invalid transactions takes no more memory than the verdicts' limit, and they go. */
Test(rest, verdicts_are_bounded)
{
    struct verdicts *v = verdicts_new(1);
    uint8_t id[32] = {0};
    for (uint64_t i = 0; i < 3 * VERDICTS_MAX; i++) {
        store64(id, i % (2 * VERDICTS_MAX));
        verdicts_add(v, id, ERR_BALANCE, i);
        cr_assert_leq(verdicts_count(v, i), (size_t)VERDICTS_MAX);
    }
    cr_assert_eq(verdicts_get(v, id, 3 * VERDICTS_MAX), ERR_BALANCE);
    cr_assert_eq(verdicts_get(v, id, VERDICT_LIFE_NS + 3 * VERDICTS_MAX), ERR_OK);
    cr_assert_eq(verdicts_count(v, VERDICT_LIFE_NS + 3 * VERDICTS_MAX), 0);
    verdicts_free(v);
}

/* The page lists every route and every metric. */
Test(rest, the_page_is_complete)
{
    static char page[1 << 16];
    static const char *const metrics[] = {
#define COUNTER(name, text) "`" #name "_total`",
#define HISTOGRAM(name, text, buckets) "`" #name "`",
#include "node/daemon/metrics.def"
#undef COUNTER
#undef HISTOGRAM
    };
    char path[1024];
    size_t count;
    const struct route *routes = api_routes(&count);

    source_path(path, sizeof(path), "docs/rest-api.md");
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file);
    page[fread(page, 1, sizeof(page) - 1, file)] = 0;
    fclose(file);
    for (size_t i = 0; i < count; i++) {
        static const char *const methods[] = {"GET", "POST", "PUT"};
        char line[200];
        (void)snprintf(line, sizeof(line), "| %s `%s` |", methods[routes[i].method],
                       routes[i].pattern);
        cr_assert_not_null(strstr(page, line), "%s", line);
    }
    for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++) {
        cr_assert_not_null(strstr(page, metrics[i]), "%s", metrics[i]);
    }
}
