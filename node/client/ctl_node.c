#define _DEFAULT_SOURCE
#include "node/client/ctl_node.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "node/client/ctl_wallet.h"
#include "node/daemon/api_text.h"

enum { ANSWER_BYTES_MAX = 64 << 20, CONNECT_S = 5, ANSWER_S = 30, WAIT_POLL_MS = 250 };

void ctl_node_begin(struct ctl_node *node)
{
    const char *given = getenv("ORRERY_NODE");
    *node = (struct ctl_node){.url = given != NULL && given[0] != 0 ? given : CTL_NODE_DEFAULT};
}

struct answer {
    char *data;
    size_t len;
};

static size_t collect(char *data, size_t size, size_t count, void *context)
{
    struct answer *answer = context;
    size_t bytes = size * count;
    char *more =
        bytes > ANSWER_BYTES_MAX - answer->len ? NULL : realloc(answer->data, answer->len + bytes);
    if (more == NULL) {
        return 0;
    }
    memcpy(more + answer->len, data, bytes);
    answer->data = more;
    answer->len += bytes;
    return bytes;
}

static CURLcode perform(CURL *curl, struct answer *answer, const char *url, const char *method,
                        const char *text)
{
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)ANSWER_S);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, collect);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    if (text != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, text);
        (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    }
    CURLcode code = curl_easy_perform(curl);
    curl_slist_free_all(headers);
    return code;
}

/* The answer, or NULL; *status 0 when the node cannot be reached. */
static json_t *request(const struct ctl_node *node, long *status, const char *method,
                       const char *path, json_t *body)
{
    char url[1024];
    struct answer answer = {NULL, 0};
    char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);
    size_t base = strlen(node->url);
    CURL *curl = curl_easy_init();

    *status = 0;
    json_decref(body);
    while (base > 0 && node->url[base - 1] == '/') {
        base--;
    }
    (void)snprintf(url, sizeof(url), "%.*s%s", (int)base, node->url, path);
    CURLcode code = curl == NULL ? CURLE_FAILED_INIT : perform(curl, &answer, url, method, text);
    if (code != CURLE_OK) {
        (void)ctl_fail("%s: %s", url, curl_easy_strerror(code));
    } else {
        (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
    }
    curl_easy_cleanup(curl);
    free(text);
    json_t *json =
        answer.len == 0 ? NULL : json_loadb(answer.data, answer.len, JSON_DECODE_ANY, NULL);
    free(answer.data);
    return json;
}

json_t *ctl_get(const struct ctl_node *node, long *status, const char *path)
{
    return request(node, status, "GET", path, NULL);
}

int ctl_ask(const struct ctl_node *node, json_t **out, const char *method, const char *path,
            json_t *body, long wanted)
{
    long status;
    json_t *json = request(node, &status, method, path, body);
    *out = NULL;
    if (status == wanted && json != NULL) {
        *out = json;
        return CTL_OK;
    }
    if (status == 0) {
        return CTL_UNREACHABLE;
    }
    const char *message = ctl_json_text(json, "message");
    (void)ctl_fail("the node says: %s (%ld)", message[0] != 0 ? message : "nothing readable",
                   status);
    json_decref(json);
    return CTL_REFUSED;
}

/* --- values --- */

json_t *ctl_json_path(const json_t *object, const char *path)
{
    const json_t *at = object;
    while (*path != 0) {
        char name[64];
        size_t len = strcspn(path, ".");
        (void)snprintf(name, sizeof(name), "%.*s", (int)len, path);
        at = json_object_get(at, name);
        path += len + (path[len] == '.');
    }
    return (json_t *)(uintptr_t)at;
}

uint64_t ctl_json_u64(const json_t *object, const char *name)
{
    const json_t *pair = ctl_json_path(object, name);
    if (json_is_integer(pair)) {
        return (uint64_t)json_integer_value(pair);
    }
    return (uint64_t)json_integer_value(json_array_get(pair, 1)) << 32 |
           (uint64_t)json_integer_value(json_array_get(pair, 0));
}

/* The bytes of a character that could steer a terminal: C0, delete or, in UTF-8, C1. 0: it is none.
 */
static size_t steering(const char *at)
{
    unsigned char c = (unsigned char)at[0];
    unsigned char next = (unsigned char)at[1];
    return c < ' ' || c == 0x7f ? 1 : c == 0xc2 && next >= 0x80 && next < 0xa0 ? 2 : 0;
}

const char *ctl_json_text(const json_t *object, const char *path)
{
    json_t *string = ctl_json_path(object, path);
    const char *text = json_string_value(string);
    char *clean = text == NULL ? NULL : strdup(text);
    bool steers = false;

    for (char *at = clean; at != NULL && *at != 0; at++) {
        for (size_t left = steering(at); left > 0; left--, steers = true) {
            *at = '?';
            at += left > 1;
        }
    }
    if (steers) {
        (void)json_string_set_nocheck(string, clean);
        text = json_string_value(string);
    }
    free(clean);
    return text == NULL ? "" : text;
}

bool ctl_json_hash(uint8_t out[32], const json_t *object, const char *path)
{
    return ctl_hex(out, 32, ctl_json_text(object, path));
}

bool ctl_amount(uint64_t *atomic, const char *text)
{
    char whole[24] = {0};
    size_t n = strspn(text, "0123456789");
    uint64_t tokens;
    uint64_t part = 0;
    const char *at = text + n;

    if (n == 0 || n >= sizeof(whole)) {
        return false;
    }
    memcpy(whole, text, n);
    if (!ctl_u64(&tokens, whole)) {
        return false;
    }
    if (*at == '.') {
        size_t digits = strspn(++at, "0123456789");
        if (digits == 0 || digits > 6 || at[digits] != 0) {
            return false;
        }
        for (size_t i = 0; i < 6; i++) {
            part = 10 * part + (i < digits ? (uint64_t)(at[i] - '0') : 0);
        }
    } else if (*at != 0) {
        return false;
    }
    return !__builtin_mul_overflow(tokens, (uint64_t)1000000, atomic) &&
           !__builtin_add_overflow(*atomic, part, atomic);
}

const char *ctl_amount_text(char text[CTL_AMOUNT_BYTES], uint64_t atomic)
{
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%" PRIu64, atomic / 1000000);
    size_t n = 0;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0) {
            text[n++] = ',';
        }
        text[n++] = digits[i];
    }
    (void)snprintf(text + n, CTL_AMOUNT_BYTES - n, ".%06" PRIu64, atomic % 1000000);
    n = strlen(text);
    while (text[n - 1] == '0') {
        text[--n] = 0;
    }
    if (text[n - 1] == '.') {
        text[n - 1] = 0;
    }
    return text;
}

int ctl_network(const struct ctl_node *node, uint32_t *network, uint8_t genesis[32])
{
    json_t *info;
    int code = ctl_ask(node, &info, "GET", "/node/info", NULL, 200);
    if (code != CTL_OK) {
        return code;
    }
    *network = (uint32_t)ctl_json_u64(info, "networkIdentifier");
    bool good = ctl_json_hash(genesis, info, "genesisHash");
    json_decref(info);
    return good ? CTL_OK : ctl_fail("%s does not look like a node", node->url);
}

bool ctl_account(const struct ctl_node *node, uint8_t key[32], const char *who)
{
    uint8_t genesis[32];
    uint32_t network;
    size_t len = strlen(who);

    if (len == 64 && ctl_hex(key, 32, who)) {
        return true;
    }
    if (ctl_wallet_key(key, who)) {
        return true;
    }
    if (len < ADDRESS_CHARS) {
        (void)ctl_fail("%s is no wallet, no address and no public key", who);
        return false;
    }
    if (ctl_network(node, &network, genesis) != CTL_OK) {
        return false;
    }
    enum err err = address_parse(key, network, span_of(who, len));
    if (err != ERR_OK) {
        (void)ctl_fail("%s: %s", who,
                       err == ERR_NETWORK ? "a slip, or an address of another network"
                                          : "no address");
    }
    return err == ERR_OK;
}

/* --- output --- */

void ctl_print_json(const json_t *json)
{
    (void)json_dumpf(json, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
    putchar('\n');
}

void ctl_row(const char *name, const char *format, ...)
{
    va_list arguments;
    printf("%-18s ", name);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
}

static int rank(const char *group)
{
    static const char *const groups[] = {"unconfirmed", "confirmed", "finalized"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(group, groups[i]) == 0) {
            return i;
        }
    }
    return -1;
}

bool ctl_wait_known(const char *group)
{
    if (group != NULL && rank(group) < 0) {
        (void)ctl_fail("--wait %s: unconfirmed, confirmed or finalized", group);
        return false;
    }
    return true;
}

int ctl_wait(const struct ctl_node *node, const char *hash, const char *group, uint64_t timeout_s)
{
    char path[128];
    char last[16] = "";
    time_t end = time(NULL) + (time_t)timeout_s;

    if (!ctl_wait_known(group)) {
        return CTL_FAILED;
    }
    (void)snprintf(path, sizeof(path), "/transaction/%s/status", hash);
    for (;;) {
        long status;
        json_t *json = ctl_get(node, &status, path);
        const char *now = ctl_json_text(json, "group");
        int code = -1;
        if (status == 0) {
            code = CTL_UNREACHABLE;
        } else if (status == 200 && strcmp(now, "failed") == 0) {
            (void)ctl_fail("the transaction failed: %s", ctl_json_text(json, "status"));
            code = CTL_REFUSED;
        } else if (status == 200 && strcmp(now, last) != 0) {
            (void)snprintf(last, sizeof(last), "%s", now);
            if (!node->json) {
                ctl_row("status", "%s", now);
                fflush(stdout);
            }
        }
        if (code < 0 && rank(last) >= rank(group)) {
            code = CTL_OK;
            if (node->json) {
                ctl_print_json(json);
            }
        }
        json_decref(json);
        if (code >= 0) {
            return code;
        }
        if (time(NULL) >= end) {
            (void)ctl_fail("not %s after %" PRIu64 " s", group, timeout_s);
            return CTL_TIMEOUT;
        }
        const struct timespec pause = {.tv_nsec = WAIT_POLL_MS * 1000000L};
        (void)nanosleep(&pause, NULL);
    }
}
