/* Keystores: what goes in comes out, anything else is refused with a reason. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "node/daemon/keystore.h"

static const struct seal_cost cheap = {.passes = 1, .memory_kib = 8};

static struct span text(const char *t)
{
    return span_of(t, strlen(t));
}

static struct keystore sample(void)
{
    struct keystore k = {.count = 0};

    cr_assert_eq(keystore_make_node(&k, true), ERR_OK);
    cr_assert_eq(keystore_add(&k, KEYSTORE_ACCOUNT, "savings", (const uint8_t[32]){1, 2, 3}),
                 ERR_OK);
    return k;
}

static void expect_same(const struct keystore *a, const struct keystore *b)
{
    cr_assert_eq(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        cr_expect_eq(a->entries[i].kind, b->entries[i].kind);
        cr_expect_str_eq(a->entries[i].name, b->entries[i].name);
        cr_expect_arr_eq(a->entries[i].seed, b->entries[i].seed, 32);
    }
}

Test(keystore, round_trip_and_every_flipped_byte)
{
    struct keystore k = sample();
    struct keystore back;
    static uint8_t bytes[KEYSTORE_BYTES_MAX];
    size_t len;

    for (int sealed = 0; sealed < 2; sealed++) {
        struct span passphrase = text(sealed ? "correct horse" : "");
        cr_assert_eq(keystore_encode(bytes, &len, &k, passphrase, cheap), ERR_OK);
        cr_expect_eq(keystore_sealed(span_of(bytes, len)), sealed == 1);
        cr_assert_eq(keystore_decode(&back, span_of(bytes, len), passphrase), ERR_OK);
        expect_same(&k, &back);
        for (size_t i = 0; i < len; i++) {
            if (sealed && i >= 9 && i < 17) {
                continue; /* the cost: a large one takes long to refuse; below */
            }
            bytes[i] ^= 0x40;
            cr_expect_neq(keystore_decode(&back, span_of(bytes, len), passphrase), ERR_OK,
                          "byte %zu", i);
            bytes[i] ^= 0x40;
        }
        for (size_t cut = 0; cut < len; cut++) {
            cr_expect_neq(keystore_decode(&back, span_of(bytes, cut), passphrase), ERR_OK);
        }
    }
    cr_expect_eq(keystore_decode(&back, span_of(bytes, len), text("wrong")), ERR_SIGNATURE);
    cr_expect_eq(keystore_decode(&back, span_of(bytes, len), text("")), ERR_USAGE);
    store32(bytes + 13, 2u << 20);
    cr_expect_eq(keystore_decode(&back, span_of(bytes, len), text("correct horse")), ERR_RANGE);
}

Test(keystore, names)
{
    struct keystore k = sample();

    cr_expect_eq(keystore_add(&k, KEYSTORE_ACCOUNT, "savings", k.entries[0].seed), ERR_DUPLICATE);
    cr_expect_eq(keystore_add(&k, KEYSTORE_ACCOUNT, "a b", k.entries[0].seed), ERR_SYNTAX);
    cr_expect_eq(
        keystore_add(&k, KEYSTORE_ACCOUNT, "123456789012345678901234567890123", k.entries[0].seed),
        ERR_SYNTAX);
    cr_expect_not_null(keystore_find(&k, KEYSTORE_ACCOUNT, "savings"));
    cr_expect_null(keystore_find(&k, KEYSTORE_NODE, "savings"));
}

Test(keystore, files)
{
    char folder[] = "/tmp/orrery-keys-XXXXXX";
    char path[64];
    char message[KEYSTORE_MESSAGE_BYTES] = "";
    struct keystore k = sample();
    struct keystore back;
    struct stat info;

    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/k", folder);
    cr_expect_eq(keystore_load(&back, path, text(""), message), ERR_NOT_FOUND);
    cr_assert_eq(keystore_save(&k, path, text(""), false, message), ERR_OK, "%s", message);
    cr_assert_eq(stat(path, &info), 0);
    cr_expect_eq(info.st_mode & 0777, 0600);
    cr_expect_eq(keystore_save(&k, path, text(""), false, message), ERR_DUPLICATE);
    cr_expect_eq(keystore_save(&k, path, text(""), true, message), ERR_OK);
    cr_assert_eq(keystore_load(&back, path, text(""), message), ERR_OK);
    expect_same(&k, &back);
    cr_assert_eq(chmod(path, 0640), 0);
    cr_expect_eq(keystore_load(&back, path, text(""), message), ERR_USAGE);
    cr_expect_not_null(strstr(message, "others may read it"));
    (void)unlink(path);
    (void)rmdir(folder);
}

/* Of several that make the same file at once one succeeds, and the file is that one's. */
Test(keystore, one_of_many_makes_a_file)
{
    enum { ROUNDS = 20, MANY = 4 };
    char folder[] = "/tmp/orrery-keystore-XXXXXX";
    char path[64];
    char message[KEYSTORE_MESSAGE_BYTES];
    struct keystore k;

    cr_assert_not_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/node.keys", folder);
    for (int round = 0; round < ROUNDS; round++) {
        pid_t child[MANY];
        uint8_t winner = 0;
        for (uint8_t i = 0; i < MANY; i++) {
            child[i] = fork();
            cr_assert_geq(child[i], 0);
            if (child[i] == 0) {
                k.count = 0;
                bool made =
                    keystore_add(&k, KEYSTORE_ACCOUNT, "", (const uint8_t[32]){i}) == ERR_OK &&
                    keystore_save(&k, path, text(""), false, message) == ERR_OK;
                _exit(made ? 0 : 1);
            }
        }
        for (uint8_t i = 0; i < MANY; i++) {
            int status;
            cr_assert_eq(waitpid(child[i], &status, 0), child[i]);
            cr_assert(WIFEXITED(status));
            if (WEXITSTATUS(status) == 0) {
                cr_assert_eq(winner, 0, "two made it");
                winner = (uint8_t)(i + 1);
            }
        }
        cr_assert_neq(winner, 0);
        cr_assert_eq(keystore_load(&k, path, text(""), message), ERR_OK, "%s", message);
        cr_assert_eq(k.entries[0].seed[0], winner - 1);
        cr_assert_eq(unlink(path), 0);
    }
    cr_assert_eq(rmdir(folder), 0, "something was left beside it");
}
