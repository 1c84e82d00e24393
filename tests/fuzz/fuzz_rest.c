/* The REST parser on a chain of some minutes: paths, queries and bodies. Input: method (one byte),
 * the target up to a newline, the body. Every answer must be JSON of its route's shape (or the text
 * of /metrics), and an error must be one of those that the route names. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>

#include "node/base/invariant.h"
#include "tests/support/rest_net.h"

static struct rest_net *net;

static void answer_check(const struct api_request *request, const struct api_answer *answer)
{
    struct span values[API_PARAMS_MAX];
    bool known;
    char why[128] = "";
    const struct route *route = api_route(request->method, request->path, values, &known);
    json_t *json = json_loadb(answer->text, answer->len, 0, NULL);

    if (answer->status == 302) {
        invariant(answer->location[0] == '/');
    } else if (answer->status >= 400 && (route == NULL || route->handler != api_node_health)) {
        invariant(shape_check(json, "Error", why));
        invariant(answer->status != 500);
    } else if (route->answer != NULL) {
        if (!shape_check(json, route->answer, why)) {
            fprintf(stderr, "%s\n", why);
            abort();
        }
    }
    json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (net == NULL) {
        net = rest_net_new(1);
        rest_net_run(net, 200);
    }
    if (size == 0) {
        return 0;
    }
    const uint8_t *target = data + 1;
    const uint8_t *end = memchr(target, '\n', size - 1);
    size_t len = end == NULL ? size - 1 : (size_t)(end - target);
    const uint8_t *query = memchr(target, '?', len);
    size_t path = query == NULL ? len : (size_t)(query - target);
    struct api_request request = {
        .method = (enum api_method)(data[0] % API_METHODS),
        .path = span_of(target, path),
        .query = query == NULL ? span_of(NULL, 0) : span_of(query + 1, len - path - 1),
        .body = end == NULL ? span_of(NULL, 0) : span_of(end + 1, size - 1 - len - 1),
        .local = (data[0] & 0x80) != 0};
    struct api_answer answer;
    api_answer(&net->api, &answer, &request);
    answer_check(&request, &answer);
    api_answer_free(&answer);
    return 0;
}
