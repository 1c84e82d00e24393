/* The OpenAPI 3 document, written from the tables that route requests and name the shapes. */
#include <stdio.h>
#include <string.h>

#include "node/daemon/api_call.h"

static json_t *reference(const char *shape, size_t len)
{
    char text[96];
    (void)snprintf(text, sizeof(text), "#/components/schemas/%.*s", (int)len, shape);
    return json_pack("{s:s}", "$ref", text);
}

static json_t *type_json(const char *type, size_t len)
{
    static const struct {
        const char *name, *json;
    } simple[] = {
        {"int", "integer"}, {"bool", "boolean"}, {"string", "string"}, {"Object", "object"}};

    if (len > 0 && type[len - 1] == '?') {
        len--;
    }
    if (type[0] == '[') {
        return json_pack("{s:s, s:o}", "type", "array", "items", type_json(type + 1, len - 2));
    }
    for (size_t i = 0; i < sizeof(simple) / sizeof(simple[0]); i++) {
        if (strlen(simple[i].name) == len && memcmp(simple[i].name, type, len) == 0) {
            return json_pack("{s:s}", "type", simple[i].json);
        }
    }
    return reference(type, len);
}

/* Schemas of the words that shapes use for plain values. */
static json_t *plain_schemas(void)
{
    return json_pack(
        "{s:{s:s, s:s, s:i, s:i, s:{s:s, s:i, s:I}}, s:{s:s, s:s, s:s}, s:{s:s, s:s, s:s},"
        " s:{s:s, s:s, s:s}}",
        "u64", "type", "array", "description", "64 bits as [lower, higher]", "minItems", 2,
        "maxItems", 2, "items", "type", "integer", "minimum", 0, "maximum", (json_int_t)UINT32_MAX,
        "hash", "type", "string", "description", "32 bytes", "pattern", "^[0-9A-Fa-f]{64}$", "hex",
        "type", "string", "description", "bytes", "pattern", "^([0-9A-Fa-f]{2})*$", "address",
        "type", "string", "description", "base32 of key and checksum", "pattern",
        "^[A-Za-z2-7-]{56,}$");
}

static json_t *schemas(void)
{
    json_t *all = plain_schemas();
    size_t count;
    const struct shape_row *rows = api_shapes(&count);
    json_t *required = NULL;
    json_t *properties = NULL;

    for (size_t i = 0; i < count; i++) {
        if (i == 0 || strcmp(rows[i].shape, rows[i - 1].shape) != 0) {
            properties = json_object();
            required = json_array();
            (void)json_object_set_new(all, rows[i].shape,
                                      json_pack("{s:s, s:o, s:o}", "type", "object", "properties",
                                                properties, "required", required));
        }
        size_t len = strlen(rows[i].type);
        /* A reference may not have a description beside it in OpenAPI 3.0. */
        json_t *type = type_json(rows[i].type, len);
        json_t *field = json_object_get(type, "$ref") != NULL
                            ? json_pack("{s:[o], s:s}", "allOf", type, "description", rows[i].text)
                            : type;
        if (field == type) {
            (void)json_object_set_new(field, "description", json_string(rows[i].text));
        }
        (void)json_object_set_new(properties, rows[i].field, field);
        if (rows[i].type[len - 1] != '?') {
            (void)json_array_append_new(required, json_string(rows[i].field));
        }
    }
    for (void *at = json_object_iter(all); at != NULL; at = json_object_iter_next(all, at)) {
        json_t *list = json_object_get(json_object_iter_value(at), "required");
        if (list != NULL && json_array_size(list) == 0) {
            (void)json_object_del(json_object_iter_value(at), "required"); /* may not be empty */
        }
    }
    return all;
}

static json_t *param_json(const struct route *route, const char *name, size_t len, bool in_path)
{
    const struct param *param = api_param(name, len);
    json_t *schema;
    switch (param->kind) {
    case PARAM_U64:
        schema = json_pack("{s:s, s:i}", "type", "integer", "minimum", 0);
        break;
    case PARAM_PAGE:
        schema = json_pack("{s:s, s:i, s:i, s:i}", "type", "integer", "minimum", 10, "maximum", 100,
                           "default", 25);
        break;
    case PARAM_LIMIT:
        schema = json_pack("{s:s, s:[i, i, i, i]}", "type", "integer", "enum", 25, 50, 75, 100);
        break;
    case PARAM_ORDER:
        schema = json_pack("{s:s, s:[s, s], s:s}", "type", "string", "enum", "id", "-id", "default",
                           route->handler == api_block_txs ? "id" : "-id");
        break;
    case PARAM_HASH:
    case PARAM_KEY:
        schema = reference("hash", 4);
        break;
    default:
        schema = json_pack("{s:s}", "type", "string");
    }
    return json_pack("{s:s, s:s, s:b, s:s, s:o}", "name", param->name, "in",
                     in_path ? "path" : "query", "required", in_path, "description", param->text,
                     "schema", schema);
}

static json_t *parameters(const struct route *route)
{
    json_t *list = json_array();
    const char *at = route->pattern;
    while ((at = strchr(at, '{')) != NULL) {
        size_t len = (size_t)(strchr(at, '}') - at) - 1;
        (void)json_array_append_new(list, param_json(route, ++at, len, true));
    }
    for (size_t i = 0; route->query[i] != NULL; i++) {
        (void)json_array_append_new(
            list, param_json(route, route->query[i], strlen(route->query[i]), false));
    }
    return list;
}

static void error_add(json_t *responses, enum api_error error)
{
    char status[8];
    (void)snprintf(status, sizeof(status), "%u", api_error_status(error));
    if (json_object_get(responses, status) == NULL) {
        (void)json_object_set_new(responses, status,
                                  json_pack("{s:s, s:{s:{s:o}}}", "description",
                                            api_error_code(error), "content", "application/json",
                                            "schema", reference("Error", 5)));
    }
}

static json_t *responses_of(const struct route *route, bool has_parameters)
{
    json_t *responses = json_object();
    char status[8];
    json_t *content = route->answer == NULL
                          ? json_pack("{s:{s:{s:s}}}", "text/plain", "schema", "type", "string")
                          : json_pack("{s:{s:o}}", "application/json", "schema",
                                      type_json(route->answer, strlen(route->answer)));
    (void)snprintf(status, sizeof(status), "%u", route->status);
    (void)json_object_set_new(
        responses, status, json_pack("{s:s, s:o}", "description", route->text, "content", content));
    if (route->handler == api_block_list) {
        (void)json_object_set_new(
            responses, "302", json_pack("{s:s}", "description", "to the aligned height and limit"));
    }
    if (route->handler == api_node_health) { /* the same object, for machines that look at codes */
        (void)json_object_set_new(responses, "503",
                                  json_pack("{s:s, s:{s:{s:o}}}", "description", "it does not",
                                            "content", "application/json", "schema",
                                            reference("Health", 6)));
    }
    if (has_parameters || route->body != NULL) {
        error_add(responses, API_INVALID_ARGUMENT);
    }
    if (route->body != NULL) {
        error_add(responses, API_INVALID_CONTENT);
        error_add(responses, API_TOO_LARGE);
    }
    for (size_t i = 0; i < ROUTE_ERRORS_MAX && route->errors[i] != API_ERRORS; i++) {
        error_add(responses, route->errors[i]);
    }
    return responses;
}

static json_t *operation(const struct route *route)
{
    static const char *const methods[] = {"get", "post", "put"};
    char id[128];
    size_t n = (size_t)snprintf(id, sizeof(id), "%s", methods[route->method]);
    for (const char *at = route->pattern; *at != 0 && n + 2 < sizeof(id); at++) {
        id[n++] = *at == '/' || *at == '.' ? '_' : *at == '{' || *at == '}' ? ' ' : *at;
        n -= id[n - 1] == ' ';
    }
    id[n] = 0;
    json_t *params = parameters(route);
    bool has = json_array_size(params) > 0;
    json_t *json = json_pack("{s:s, s:s, s:o, s:o}", "operationId", id, "summary", route->text,
                             "parameters", params, "responses", responses_of(route, has));
    if (route->body != NULL) {
        (void)json_object_set_new(json, "requestBody",
                                  json_pack("{s:b, s:{s:{s:o}}}", "required", true, "content",
                                            "application/json", "schema",
                                            reference(route->body, strlen(route->body))));
    }
    return json;
}

json_t *openapi_make(const char *version)
{
    static const char *const methods[] = {"get", "post", "put"};
    json_t *paths = json_object();
    size_t count;
    const struct route *routes = api_routes(&count);

    for (size_t i = 0; i < count; i++) {
        json_t *path = json_object_get(paths, routes[i].pattern);
        if (path == NULL) {
            path = json_object();
            (void)json_object_set_new(paths, routes[i].pattern, path);
        }
        (void)json_object_set_new(path, methods[routes[i].method], operation(&routes[i]));
    }
    return json_pack(
        "{s:s, s:{s:s, s:s, s:s, s:{s:s}}, s:o, s:{s:o}}", "openapi", "3.0.3", "info", "title",
        "orreryd REST API", "version", version, "description",
        "The REST interface of a node of a Sirius network. WebSocket: /ws (docs/rest-api.md).",
        "license", "name", "Apache-2.0", "paths", paths, "components", "schemas", schemas());
}
