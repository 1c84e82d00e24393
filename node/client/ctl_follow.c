/* orreryctl follow: blocks and finality as they happen, over /ws. */
#define _DEFAULT_SOURCE
#include <inttypes.h>
#include <libwebsockets.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "node/client/ctl_node.h"

enum { MESSAGE_BYTES_MAX = 1 << 20, ASKS = 2 };

static const char usage[] =
    "usage: orreryctl follow [--count N] [--node URL] [--json]\n"
    "\n"
    "Shows each new block and each checkpoint until it is interrupted, or N messages.\n";

struct follow {
    struct ctl_node node;
    uint64_t left; /* messages to show; 0: no end */
    bool limited, over, connected;
    int code;
    unsigned asked;
    char *text; /* a message that comes in pieces */
    size_t len;
};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

static void block_show(const json_t *json)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    double age = (double)now.tv_sec + (double)now.tv_nsec / 1e9 -
                 (double)ctl_json_u64(json, "block.timestamp") / 1e3;
    printf("block %8" PRIu64 "  %.16s  %5" PRIu64 " txs %9" PRIu64 " bytes  by %.12s  %+.2f s\n",
           ctl_json_u64(json, "block.height"), ctl_json_text(json, "meta.hash"),
           ctl_json_u64(json, "meta.numTransactions"), ctl_json_u64(json, "meta.size"),
           ctl_json_text(json, "block.beneficiary"), age);
}

static void message_show(struct follow *f, const char *text, size_t len)
{
    json_t *json = json_loadb(text, len, 0, NULL);
    bool block = json_object_get(json, "block") != NULL;
    bool final = json_object_get(json, "finalizationEpoch") != NULL;

    if (json_object_get(json, "code") != NULL) {
        (void)ctl_fail("the node says: %s", ctl_json_text(json, "message"));
    }
    if (!block && !final) {
        json_decref(json);
        return;
    }
    if (f->node.json) {
        (void)json_dumpf(json, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
        putchar('\n');
    } else if (block) {
        block_show(json);
    } else {
        printf("FINAL %8" PRIu64 "  %.16s  instance %" PRIu64 "\n", ctl_json_u64(json, "height"),
               ctl_json_text(json, "hash"), ctl_json_u64(json, "finalizationEpoch"));
    }
    fflush(stdout);
    json_decref(json);
    if (f->limited && --f->left == 0) {
        f->over = true;
    }
}

static int received(struct follow *f, struct lws *wsi, const char *in, size_t len)
{
    char *more = f->len + len > MESSAGE_BYTES_MAX ? NULL : realloc(f->text, f->len + len + 1);
    if (more == NULL) {
        return -1;
    }
    memcpy(more + f->len, in, len);
    f->text = more;
    f->len += len;
    if (lws_is_final_fragment(wsi) && lws_remaining_packet_payload(wsi) == 0) {
        message_show(f, f->text, f->len);
        f->len = 0;
    }
    return 0;
}

static int ask(struct follow *f, struct lws *wsi)
{
    static const char *const texts[ASKS] = {"{\"subscribe\":\"block\"}",
                                            "{\"subscribe\":\"finalizedBlock\"}"};
    uint8_t buffer[LWS_PRE + 64];
    if (f->asked == ASKS) {
        return 0;
    }
    size_t len = strlen(texts[f->asked]);
    memcpy(buffer + LWS_PRE, texts[f->asked], len);
    if (lws_write(wsi, buffer + LWS_PRE, len, LWS_WRITE_TEXT) < (int)len) {
        return -1;
    }
    return ++f->asked < ASKS ? lws_callback_on_writable(wsi) < 0 : 0;
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t len)
{
    struct follow *f = lws_context_user(lws_get_context(wsi));
    (void)user;
    switch (reason) {
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
        f->connected = true;
        (void)lws_callback_on_writable(wsi);
        return 0;
    case LWS_CALLBACK_CLIENT_WRITEABLE:
        return ask(f, wsi);
    case LWS_CALLBACK_CLIENT_RECEIVE:
        return received(f, wsi, in, len);
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        f->code = CTL_UNREACHABLE;
        f->over = true;
        (void)ctl_fail("%s: %s", f->node.url, in != NULL ? (const char *)in : "no connection");
        return 0;
    case LWS_CALLBACK_CLIENT_CLOSED:
        if (!f->over) {
            f->code = CTL_UNREACHABLE;
            (void)ctl_fail("%s: the node closed the connection", f->node.url);
        }
        f->over = true;
        return 0;
    default:
        return 0;
    }
}

static const struct lws_protocols protocols[] = {
    {.name = "orrery", .callback = callback, .rx_buffer_size = 65536}, {.name = NULL}};

/* http://host:port/... taken apart in place. */
static bool url_split(char *url, const char **host, int *port)
{
    uint64_t number = 80;
    if (strncmp(url, "http://", 7) != 0) {
        return false;
    }
    char *at = url + 7;
    char *end = at[0] == '[' ? strchr(at, ']') : at + strcspn(at, ":/");
    if (end == NULL) {
        return false;
    }
    *host = at[0] == '[' ? at + 1 : at;
    char after = at[0] == '[' ? end[1] : *end;
    char *digits = at[0] == '[' ? end + 2 : end + 1;
    *end = 0;
    if (after == ':') {
        digits[strcspn(digits, "/")] = 0;
        if (!ctl_u64(&number, digits) || number == 0 || number > 65535) {
            return false;
        }
    }
    *port = (int)number;
    return true;
}

static int run(struct follow *f)
{
    struct lws_context_creation_info info;
    struct lws_client_connect_info connect;
    char url[512];

    memset(&info, 0, sizeof(info));
    memset(&connect, 0, sizeof(connect));
    (void)snprintf(url, sizeof(url), "%s", f->node.url);
    if (!url_split(url, &connect.address, &connect.port)) {
        return ctl_fail("%s is no http://host:port", f->node.url);
    }
    lws_set_log_level(0, NULL);
    info.port = CONTEXT_PORT_NO_LISTEN;
    info.protocols = protocols;
    info.user = f;
    struct lws_context *lws = lws_create_context(&info);
    if (lws == NULL) {
        return ctl_fail("out of memory");
    }
    connect.context = lws;
    connect.path = "/ws";
    connect.host = connect.address;
    connect.origin = connect.address;
    connect.local_protocol_name = "orrery";
    if (lws_client_connect_via_info(&connect) == NULL && !f->over) {
        f->code = CTL_UNREACHABLE;
        f->over = true;
    }
    while (!f->over && interrupted == 0 && lws_service(lws, 0) >= 0) {
    }
    f->over = true;
    lws_context_destroy(lws);
    free(f->text);
    return f->code;
}

int ctl_follow(int argc, char **argv)
{
    struct follow f = {.code = CTL_OK};
    const char *count = NULL;

    ctl_node_begin(&f.node);
    const struct ctl_option options[] = {CTL_NODE_OPTIONS(f.node), {"--count", &count, NULL}};
    if (argc > 1 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return CTL_OK;
    }
    if (!ctl_options(argc, argv, options, 3, NULL, 0)) {
        return CTL_FAILED;
    }
    if (count != NULL && (!ctl_u64(&f.left, count) || f.left == 0)) {
        return ctl_fail("--count %s is no number of messages", count);
    }
    f.limited = count != NULL;
    (void)signal(SIGINT, on_interrupt);
    (void)signal(SIGTERM, on_interrupt);
    return run(&f);
}
