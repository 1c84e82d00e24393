/* node.yaml: what it gives, and what it refuses with a place. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <stdlib.h>
#include <unistd.h>

#include "node/chain/record.h"
#include "node/daemon/config.h"
#include "tests/support/vectors.h"

static char path[64];

static enum err read_text(struct daemon_config *config, struct settings_error *error,
                          const char *text)
{
    snprintf(path, sizeof(path), "/tmp/orrery-config-XXXXXX");
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    enum err err = config_read(config, path, error);
    unlink(path);
    return err;
}

#define LEAST "data: d\ngenesis: g\nkeys: /k\n"
#define ID "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"

Test(config, defaults)
{
    struct daemon_config config;
    struct settings_error error;
    struct link_limits limits;
    cr_assert_eq(read_text(&config, &error, LEAST), ERR_OK, "%s", error.text);
    cr_assert_str_eq(config.data, "/tmp/d", "relative to the file");
    cr_assert_str_eq(config.keys, "/k");
    cr_assert_str_eq(config.passphrase, "");
    cr_assert_eq(config.listen_count, 0);
    cr_assert_eq(config.roles, ROLE_RELAY);
    cr_assert_eq(config.log, LOG_INFO);
    cr_assert_eq(config.rest.listen.port, 3000);
    link_limits_default(&limits);
    cr_assert_eq(config.limits.links_max, limits.links_max);
    cr_assert_eq(config.limits.links_prefix_max, limits.links_prefix_max);
    cr_assert_eq(config.limits.handshakes_max, limits.handshakes_max);
    cr_assert_eq(config.limits.handshakes_prefix_max, limits.handshakes_prefix_max);
    cr_assert_eq(config.limits.handshake_ns, limits.handshake_ns);
    cr_assert_eq(config.limits.message_ns, limits.message_ns);
    cr_assert_eq(config.limits.stall_ns, limits.stall_ns);
    cr_assert_eq(config.limits.connect_ns, limits.connect_ns);
    cr_assert_eq(config.limits.send_bytes_max, limits.send_bytes_max);
    cr_assert_eq(config.limits.local_exempt, limits.local_exempt);
    config_free(&config);
}

Test(config, everything)
{
    struct daemon_config config;
    struct settings_error error;
    cr_assert_eq(read_text(&config, &error,
                           LEAST
                           "listen: ['0.0.0.0:7900', '[::]:7901']\n"
                           "seeds: [{endpoint: '192.0.2.1:7900', node: " ID ", transport: " ID "},"
                           " {endpoint: '[2001:db8::1]:7'}]\n"
                           "roles: [relay, verifier]\nlog: debug\ntrace: t\nsync: checkpoint\n"
                           "trusted: {height: 5760, id: " ID "}\n"
                           "limits: {handshake_timeout: 250 ms, send_queue: 4 MiB}\n"
                           "policy: {links_out: 3}\n"
                           "rest: {listen: '', faucet: {keys: f, amount: '1.5'}}\n"),
                 ERR_OK, "%s", error.text);
    cr_assert_eq(config.listen_count, 2);
    cr_assert_eq(config.listen[1].port, 7901);
    cr_assert_eq(config.advertise.port, 7900);
    cr_assert_eq(config.seed_count, 2);
    cr_assert_eq(config.seeds[0].node_id[31], 0xff);
    cr_assert_eq(config.seed_transport[0][1], 0x11);
    cr_assert_eq(config.seeds[1].node_id[31], 0);
    cr_assert_eq(config.seed_transport[1][1], 0);
    cr_assert_eq(config.seeds[1].endpoint.address[0], 0x20);
    cr_assert_eq(config.roles, ROLE_RELAY | ROLE_VERIFIER);
    cr_assert_eq(config.sync, SYNC_FROM_CHECKPOINT);
    cr_assert_eq(config.trusted_height, 5760);
    cr_assert_eq(config.limits.handshake_ns, 250000000);
    cr_assert_eq(config.limits.send_bytes_max, 4 << 20);
    cr_assert_eq(config.policy.links_out, 3);
    cr_assert_eq(config.rest.listen.port, 0);
    cr_assert_str_eq(config.trace, "/tmp/t");
    cr_assert_str_eq(config.rest.faucet.keys, "/tmp/f");
    cr_assert_eq(config.rest.faucet.amount, 1500000);
    config_free(&config);
}

Test(config, refused)
{
    static const struct {
        const char *text, *says;
        int line;
    } row[] = {
        {LEAST "lstn: []\n", "listen", 4},
        {LEAST "data: twice\n", "data", 4},
        {LEAST "listen: ['nowhere']\n", "nowhere", 4},
        {LEAST "listen: ['1.2.3.4:99999']\n", "99999", 4},
        {LEAST "seeds:\n  - {endpoint: '1.2.3.4:5', node: xyz}\n", "64 hex digits", 5},
        {LEAST "seeds:\n  - {endpoint: '1.2.3.4:5', node: " ID "0}\n", "64 hex digits", 5},
        {LEAST "seeds:\n  - {endpoint: ''}\n", "endpoint", 5},
        {LEAST "seeds:\n  - {endpoint: '1.2.3.4:5', transport: " ID "}\n", "without", 5},
        {LEAST "roles: [king]\n", "king", 4},
        {LEAST "sync: snapshot\n", "trusted", 4},
        {LEAST "log: loud\n", "log", 4},
        {LEAST "limits: {handshake_timeout: 5}\n", "handshake_timeout", 4},
        {"data: d\n", "genesis", 0},
        {LEAST "policy: [\n", "", 0},
    };
    for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        struct daemon_config config;
        struct settings_error error = {.text = ""};
        cr_assert_neq(read_text(&config, &error, row[i].text), ERR_OK, "%s", row[i].text);
        cr_assert(strstr(error.text, row[i].says) != NULL, "%zu: '%s'", i, error.text);
        cr_assert(row[i].line == 0 || error.line == row[i].line, "%zu: line %d", i, error.line);
        config_free(&config);
    }
}

/* The file that is installed reads as it is. */
Test(config, installed_example)
{
    struct daemon_config config;
    struct settings_error error;
    char example[1024];
    source_path(example, sizeof(example), "node/daemon/install/node.yaml");
    cr_assert_eq(config_read(&config, example, &error), ERR_OK, "%s", error.text);
    cr_assert_str_eq(config.data, "/var/lib/orrery");
    cr_assert_eq(config.listen_count, 2);
    config_free(&config);
}
