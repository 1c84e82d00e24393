/* The text form of a genesis: what it becomes, and that every mistake is named with its line. */
#define _POSIX_C_SOURCE 200809L
#include <criterion/criterion.h>
#include <stdlib.h>

#include "node/chain/genesis.h"
#include "node/crypto/sign.h"
#include "node/crypto/vrf.h"
#include "sim/cli/genesis_tool.h"

static char message[GENESIS_MESSAGE_BYTES];
static uint8_t *bytes;
static size_t len;
static const char *options[2];
static size_t option_count;

static enum err compile(const char *text)
{
    FILE *list = fmemopen((char *)(uintptr_t)text, strlen(text), "r");
    cr_assert_not_null(list);
    free(bytes);
    enum err err = genesis_tool_compile(
        &bytes, &len, message,
        &(struct genesis_text){
            .name = "list", .file = list, .options = options, .option_count = option_count});
    fclose(list);
    cr_assert((err == ERR_OK) == (bytes != NULL));
    cr_assert((err == ERR_OK) == (message[0] == 0), "%s", message);
    return err;
}

#define HEAD "time 1700000000000\nseed seed:dawn\n"

Test(genesis_tool, makes_a_network)
{
    static const char *const text =
        "# a network of two\n"
        "network 7\n" HEAD "governor seed:alice # alice governs\n"
        "set epoch_blocks 480\n"
        "node seed:alice relay,verifier 10.0.0.1:7900,[::1]:7901\n"
        "seed:alice\t1000.5\t500000\n"
        "0A00000000000000000000000000000000000000000000000000000000000000 0 0.000001\n";
    cr_assert_eq(compile(text), ERR_OK, "%s", message);
    struct genesis g;
    cr_assert_eq(genesis_decode(&g, span_of(bytes, len)), ERR_OK);
    cr_assert_eq(g.network, 7);
    cr_assert_eq(g.ts_ms, UINT64_C(1700000000000));
    cr_assert_eq(g.params.epoch_blocks, 480);
    cr_assert_eq(g.accounts.count, 2);
    cr_assert_eq(g.node_count, 1);
    cr_assert_eq(g.minted, UINT64_C(1000500000) + UINT64_C(500000000000) + 1);

    uint8_t seed[32];
    struct sign_secret alice;
    genesis_tool_seed(seed, "account", "alice");
    sign_keypair(&alice, seed);
    cr_assert_eq(memcmp(g.governor, alice.public_key, 32), 0);
    struct genesis_account account;
    struct genesis_account first;
    genesis_account_at(&first, &g, 0);
    genesis_account_at(&account, &g, memcmp(first.key, alice.public_key, 32) == 0 ? 0 : 1);
    cr_assert_eq(memcmp(account.key, alice.public_key, 32), 0);
    cr_assert_eq(account.free, 1000500000);
    cr_assert_eq(account.bonded, UINT64_C(500000000000));

    struct span rest = g.nodes;
    struct genesis_node node;
    struct node_record record;
    struct vrf_secret vrf;
    cr_assert(genesis_next_node(&node, &rest));
    cr_assert_eq(memcmp(node.owner, alice.public_key, 32), 0);
    cr_assert_eq(node_record_decode(&record, node.record), ERR_OK);
    cr_assert_eq(record.roles, ROLE_RELAY | ROLE_VERIFIER);
    cr_assert_eq(record.endpoints.count, 2);
    static const uint8_t ends[] = {0,  0, 0, 0, 0,    0,    0, 0, 0, 0, 0xff, 0xff,
                                   10, 0, 0, 1, 0x1e, 0xdc, 0, 0, 0, 0, 0,    0,
                                   0,  0, 0, 0, 0,    0,    0, 0, 0, 1, 0x1e, 0xdd};
    cr_assert_eq(memcmp(record.endpoints.data, ends, sizeof(ends)), 0);
    genesis_tool_seed(seed, "vrf", "alice");
    vrf_keypair(&vrf, seed);
    cr_assert_eq(memcmp(record.vrf, vrf.public_key, 32), 0);
}

Test(genesis_tool, order_of_lines_does_not_matter)
{
    cr_assert_eq(compile(HEAD "seed:a 1 2\nseed:b 3 4\nseed:c 0 1\nnode seed:b - 1.2.3.4:5\n"),
                 ERR_OK);
    uint8_t *one = malloc(len);
    size_t one_len = len;
    memcpy(one, bytes, len);
    cr_assert_eq(compile("node seed:b - 1.2.3.4:5\nseed:c 0 1\nseed:b 3 4\n" HEAD "seed:a 1 2"),
                 ERR_OK);
    cr_assert_eq(len, one_len);
    cr_assert_eq(memcmp(one, bytes, len), 0);
    free(one);
}

static const struct {
    const char *text;
    enum err err;
    const char *message;
} mistakes[] = {
    {HEAD "seed:a 1 x\n", ERR_SYNTAX, "list:3: 'x' is no amount (tokens, at most six decimals)"},
    {HEAD "\n\nseed:a 1 0.0000001", ERR_SYNTAX,
     "list:5: '0.0000001' is no amount (tokens, at most six decimals)"},
    {HEAD "seed:a 1 1.", ERR_SYNTAX, "list:3: '1.' is no amount"},
    {HEAD "seed:a 1 99999999999999999999", ERR_RANGE,
     "list:3: 99999999999999999999 is more than all tokens there can be"},
    {HEAD "seed:a 0 0", ERR_RANGE, "list:3: an account of nothing"},
    {HEAD "seed:a 1", ERR_SYNTAX,
     "list:3: expected KEY FREE BONDED, or network, time, seed, governor, set, node"},
    {HEAD "alice 1 1", ERR_SYNTAX, "list:3: 'alice' is neither 64 hex digits nor seed:TEXT"},
    {HEAD "seed: 1 1", ERR_SYNTAX, "list:3: no text after seed:"},
    {HEAD "seed:a 1 1\nseed:b 1 1\nseed:a 2 2", ERR_DUPLICATE,
     "list:5: the account of line 3 again"},
    {HEAD "set target 5", ERR_UNKNOWN, "list:3: no parameter is called 'target'"},
    {HEAD "set target_ms 5", ERR_RANGE, "list:3: target_ms is 100 to 3600000 ms"},
    {HEAD "set epoch_blocks 481\nseed:a 1 1", ERR_INVALID,
     "list: epoch_blocks must be a multiple of checkpoint_blocks"},
    {HEAD "network 4294967296", ERR_RANGE, "list:3: a network is a number of 32 bits"},
    {HEAD "network", ERR_SYNTAX, "list:3: expected network and one value"},
    {HEAD "node seed:a relay 1.2.3.4:80", ERR_UNKNOWN,
     "list:3: no line gives the account of this node"},
    {HEAD "node seed:a king 1.2.3.4:80", ERR_UNKNOWN, "list:3: no role is called 'king'"},
    {HEAD "node seed:a relay 1.2.3:80", ERR_SYNTAX,
     "list:3: '1.2.3' is no address, or its port is not 1 to 65535"},
    {HEAD "seed:a 1 1\nnode seed:a - 1.2.3.4:1\nnode seed:a - 1.2.3.4:2", ERR_DUPLICATE,
     "list:5: a second node of one account"},
    {"seed seed:x\nseed:a 1 1", ERR_SYNTAX, "list: no line 'time MS'"},
    {"time 1\nseed:a 1 1", ERR_SYNTAX, "list: no line 'seed KEY'"},
    {HEAD "seed:a 1 0.5", ERR_INVALID,
     "list: no valid genesis: breaks a protocol rule (does anybody hold stake?)"},
};

Test(genesis_tool, names_every_mistake)
{
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
        cr_assert_eq(compile(mistakes[i].text), mistakes[i].err, "%zu: %s", i, message);
        cr_assert_str_eq(message, mistakes[i].message);
    }
}

Test(genesis_tool, options_come_last)
{
    struct genesis g;
    options[0] = "network 9";
    options[1] = "set target_ms 4000";
    option_count = 2;
    cr_assert_eq(compile(HEAD "network 8\nseed:a 1 1\n"), ERR_OK, "%s", message);
    cr_assert_eq(genesis_decode(&g, span_of(bytes, len)), ERR_OK);
    cr_assert_eq(g.network, 9);
    cr_assert_eq(g.params.target_ms, 4000);
    options[1] = "set target_ms many";
    cr_assert_eq(compile(HEAD "seed:a 1 1\n"), ERR_SYNTAX);
    cr_assert_str_eq(message, "option: 'many' is no whole number");
}
