#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "node/daemon/api_call.h"

unsigned api_error_status(enum api_error error)
{
    static const unsigned statuses[] = {
#define E(name, status, code) status,
        API_ERROR_LIST(E)
#undef E
    };
    return statuses[error];
}

const char *api_error_code(enum api_error error)
{
    static const char *const codes[] = {
#define E(name, status, code) code,
        API_ERROR_LIST(E)
#undef E
    };
    return codes[error];
}

static json_t *error_json(enum api_error error, const char *message)
{
    return json_pack("{s:s, s:s}", "code", api_error_code(error), "message", message);
}

void api_fail(struct api_call *call, enum api_error error, const char *format, ...)
{
    char message[256];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    json_decref(call->json);
    call->json = error_json(error, message);
    call->status = api_error_status(error);
}

static bool parse_u64(uint64_t *out, struct span text)
{
    uint64_t v = 0;
    if (text.len == 0 || (text.len > 1 && text.data[0] == '0')) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (c < '0' || c > '9' || __builtin_mul_overflow(v, 10u, &v) ||
            __builtin_add_overflow(v, (uint64_t)(c - '0'), &v)) {
            return false;
        }
    }
    *out = v;
    return true;
}

static bool account_parse(const struct api *api, uint8_t key[32], struct span text)
{
    return text.len == 64 ? hex_parse(key, 32, text) == ERR_OK
                          : address_parse(key, api->config->genesis->network, text) == ERR_OK;
}

static bool text_is(struct span text, const char *word)
{
    return text.len == strlen(word) && memcmp(text.data, word, text.len) == 0;
}

static bool param_parse(const struct api *api, struct param_value *value, const struct param *param,
                        struct span text)
{
    value->given = true;
    switch (param->kind) {
    case PARAM_U64:
    case PARAM_PAGE:
    case PARAM_LIMIT:
        return parse_u64(&value->number, text);
    case PARAM_HASH:
    case PARAM_KEY:
        return hex_parse(value->id, 32, text) == ERR_OK;
    case PARAM_ACCOUNT:
        return account_parse(api, value->id, text);
    case PARAM_ORDER:
        value->ascending = text_is(text, "id");
        return value->ascending || text_is(text, "-id");
    }
    return false;
}

static bool path_params(struct api_call *call, const struct span values[API_PARAMS_MAX])
{
    const char *at = call->route->pattern;
    for (size_t i = 0; (at = strchr(at, '{')) != NULL; i++) {
        size_t len = (size_t)(strchr(at, '}') - at) - 1;
        const struct param *param = api_param(++at, len);
        if (!param_parse(call->api, &call->path[i], param, values[i])) {
            api_fail(call, API_INVALID_ARGUMENT, "%s has an invalid format", param->name);
            return false;
        }
    }
    return true;
}

/* name=value pairs; unknown names are passed over, as clients add their own. */
static bool query_params(struct api_call *call)
{
    const uint8_t *at = call->request->query.data;
    size_t left = call->request->query.len;
    while (left > 0) {
        const uint8_t *end = memchr(at, '&', left);
        size_t len = end == NULL ? left : (size_t)(end - at);
        const uint8_t *equals = memchr(at, '=', len);
        size_t name = equals == NULL ? len : (size_t)(equals - at);
        for (size_t i = 0; call->route->query[i] != NULL; i++) {
            if (!text_is(span_of(at, name), call->route->query[i])) {
                continue;
            }
            struct span value =
                equals == NULL ? span_of(at, 0) : span_of(equals + 1, len - name - 1);
            const struct param *param = api_param(call->route->query[i], name);
            if (!param_parse(call->api, &call->query[i], param, value)) {
                api_fail(call, API_INVALID_ARGUMENT, "%s has an invalid format", param->name);
                return false;
            }
        }
        left -= end == NULL ? len : len + 1;
        at = end == NULL ? at + len : end + 1;
    }
    return true;
}

static bool body_parse(struct api_call *call)
{
    json_error_t error;
    struct span body = call->request->body;
    if (call->route->body == NULL) {
        return true;
    }
    if (body.len > API_BODY_BYTES_MAX) {
        api_fail(call, API_TOO_LARGE, "the body is longer than %d bytes", API_BODY_BYTES_MAX);
        return false;
    }
    call->body = json_loadb((const char *)body.data, body.len, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(call->body)) {
        api_fail(call, API_INVALID_CONTENT, "the body is no JSON object%s%s",
                 call->body == NULL ? ": " : "", call->body == NULL ? error.text : "");
        return false;
    }
    return true;
}

static void answer_json(struct api_answer *answer, unsigned status, json_t *json)
{
    *answer = (struct api_answer){.status = status, .type = "application/json"};
    answer->text = json == NULL ? NULL : json_dumps(json, JSON_COMPACT);
    if (answer->text == NULL) {
        answer->status = api_error_status(API_INTERNAL);
        answer->text = strdup("{\"code\":\"Internal\",\"message\":\"out of memory\"}");
    }
    answer->len = answer->text == NULL ? 0 : strlen(answer->text);
    json_decref(json);
}

void api_answer_error(struct api_answer *answer, unsigned status, const char *message)
{
    enum api_error error = API_BAD_REQUEST;
    for (enum api_error e = 0; e < API_ERRORS; e++) {
        if (api_error_status(e) == status) {
            error = e;
        }
    }
    answer_json(answer, api_error_status(error), error_json(error, message));
}

void api_answer_free(struct api_answer *answer)
{
    free(answer->text);
    answer->text = NULL;
    answer->len = 0;
}

void api_answer(struct api *api, struct api_answer *answer, const struct api_request *request)
{
    struct span values[API_PARAMS_MAX];
    struct api_call call = {.api = api, .request = request, .status = 200};
    bool known;

    if (request->path.len > API_PATH_BYTES_MAX || request->query.len > API_QUERY_BYTES_MAX) {
        api_answer_error(answer, 400, "the path is too long");
        return;
    }
    call.route = api_route(request->method, request->path, values, &known);
    if (call.route == NULL) {
        api_answer_error(answer, known ? 405 : 404,
                         known ? "this path has another method" : "no such path");
        return;
    }
    call.status = call.route->status;
    if (path_params(&call, values) && query_params(&call) && body_parse(&call)) {
        call.route->handler(&call);
    }
    json_decref(call.body);
    if (call.text != NULL) {
        *answer = (struct api_answer){.status = call.status,
                                      .type = "text/plain; version=0.0.4; charset=utf-8",
                                      .text = call.text,
                                      .len = strlen(call.text)};
        json_decref(call.json);
    } else {
        answer_json(answer, call.status, call.json);
    }
    memcpy(answer->location, call.location, sizeof(answer->location));
}
