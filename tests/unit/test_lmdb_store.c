/* The daemon's store: records and state trees in LMDB, against a model; what a disk does to it. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "node/daemon/blobs.h"
#include "tests/support/store_model.h"

static void expect_keys(struct store *store, const char *prefix, const char *from, uint32_t limit,
                        bool backwards, const char *keys, bool more_expected)
{
    struct record records[16];
    size_t count;
    bool more;
    char text[200] = "";

    cr_assert_eq(store_read(store, records, &count, &more, span_of(prefix, strlen(prefix)),
                            span_of(from, strlen(from)), limit, backwards),
                 ERR_OK);
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(text);
        snprintf(text + len, sizeof(text) - len, "%.*s ", (int)records[i].key_len,
                 (const char *)records[i].key);
    }
    cr_expect_str_eq(text, keys);
    cr_expect_eq(more, more_expected);
    store_read_release(store, records, count);
}

Test(lmdb_store, records_are_ordered_and_survive)
{
    struct folder f = folder_make();
    struct store *store = store_small_open(&f, 0);
    static const char *const keys[] = {"a1", "b1", "b2", "b3", "b\xff", "c"};

    for (size_t i = 0; i < 6; i++) {
        cr_assert_eq(store_put(store, keys[i], keys[i], 2), ERR_OK);
    }
    for (int life = 0; life < 2; life++) {
        expect_keys(store, "b", "", 9, false, "b1 b2 b3 b\xff ", false);
        expect_keys(store, "b", "", 2, false, "b1 b2 ", true);
        expect_keys(store, "b", "b2", 9, false, "b2 b3 b\xff ", false);
        expect_keys(store, "b", "", 9, true, "b\xff b3 b2 b1 ", false);
        expect_keys(store, "b", "b25", 9, true, "b2 b1 ", false);
        expect_keys(store, "b", "b2", 1, true, "b2 ", true);
        expect_keys(store, "b\xff", "", 9, true, "b\xff ", false);
        expect_keys(store, "", "", 3, true, "c b\xff b3 ", true);
        expect_keys(store, "d", "", 9, false, "", false);
        expect_keys(store, "d", "", 9, true, "", false);
        store_close(store);
        store = store_small_open(&f, 0);
    }
    struct record_op ops[2] = {
        {span_of("b2", 2), NULL},
        {span_of("c", 1), blob_put(store_shared(store), (const uint8_t *)"", 0)}};
    cr_assert_eq(store_write_now(store, ops, 2), ERR_OK);
    expect_keys(store, "b", "", 9, false, "b1 b3 b\xff ", false);
    store_close(store);
    folder_remove(&f);
}

/* Sixty checkpoints, one or several to a transaction, with holders of old and of unwritten trees;
 * from time to time the process starts again. */
Test(lmdb_store, trees_live_as_long_as_somebody_holds_them)
{
    struct folder f = folder_make();
    struct store *store = store_small_open(&f, 64 << 10); /* the map has to grow */
    struct rng rng;
    struct model base = {.blob = NULL};
    struct model held = {.blob = NULL};
    struct blobs_stats stats;

    rng_init(&rng, (const uint8_t[32]){1});
    for (unsigned round = 0; round < 60; round++) {
        enum err errs[3];
        unsigned steps = 1 + (unsigned)rng_below(&rng, 3);
        for (unsigned k = 0; k < steps; k++) {
            /* a branch that loses, and a block between two checkpoints */
            struct model loser = model_grow(store, &rng, &base, 5);
            struct model between = model_grow(store, &rng, &base, 20);
            struct model next = model_grow(store, &rng, &between, 20);
            model_checkpoint(store, &base, &next, &errs[k]);
            blob_drop(store_shared(store), loser.blob);
            if (round % 7 == 3 && held.blob == NULL) {
                held = base; /* somebody is served an old state */
                if (held.blob != NULL) {
                    blob_keep(store_shared(store), held.blob);
                }
            }
            blob_drop(store_shared(store), base.blob);
            blob_drop(store_shared(store), between.blob);
            base = next;
        }
        store_flush(store);
        for (unsigned k = 0; k < steps; k++) {
            cr_assert_eq(errs[k], ERR_OK);
        }
        model_expect(store, &base);
        if (held.blob != NULL) {
            model_expect(store, &held);
        }
        if (round % 7 == 6) {
            blob_drop(store_shared(store), held.blob);
            held = (struct model){.blob = NULL};
        }
        if (round % 10 == 9) {
            blob_drop(store_shared(store), held.blob);
            held = (struct model){.blob = NULL};
            blob_drop(store_shared(store), base.blob);
            blobs_stats(store_shared(store), &stats);
            cr_expect_eq(stats.named + stats.plain, 0, "only the cache holds nodes");
            store_close(store);
            store_expect_whole(&f, 200);
            store = store_small_open(&f, 0);
            base.blob = blob_name_keep(store_shared(store), base.root);
            cr_assert_not_null(base.blob);
            model_expect(store, &base);
        }
    }
    struct model none = {.blob = NULL};
    enum err err;
    model_checkpoint(store, &base, &none, &err);
    store_flush(store);
    model_expect(store, &base); /* gone from the disk, held here */
    blob_drop(store_shared(store), base.blob);
    store_close(store);
    struct store_figures figures;
    char message[STORE_MESSAGE_BYTES];
    cr_assert_eq(store_look(&figures, f.path, true, message), ERR_OK);
    cr_expect_eq(figures.state_nodes, 0);
    folder_remove(&f);
}

/* --- what goes wrong --- */

Test(lmdb_store, refusals_say_why)
{
    struct folder f = folder_make();
    struct store *store = store_small_open(&f, 0);
    struct store *second;
    char message[STORE_MESSAGE_BYTES] = "";
    uint8_t other[32] = {8};

    cr_expect_eq(store_open(&second, NULL, f.path, store_genesis, message), ERR_BUSY);
    cr_expect_not_null(strstr(message, "another process"));
    store_close(store);
    cr_expect_eq(store_open(&second, NULL, f.path, other, message), ERR_NETWORK);
    cr_expect_not_null(strstr(message, "another genesis"));
    cr_expect_eq(store_open(&second, NULL, "/nowhere/at/all", store_genesis, message), ERR_IO);
    folder_remove(&f);
}

Test(lmdb_store, a_full_disk_is_said_and_loses_nothing)
{
    struct folder f = folder_make();
    struct store *store = store_small_open(&f, 0);
    static uint8_t large[256 << 10];
    struct rlimit limit;
    struct rlimit small;

    (void)signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(store_put(store, "before", "x", 1), ERR_OK);
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    small = (struct rlimit){.rlim_cur = 100 << 10, .rlim_max = limit.rlim_max};
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    cr_expect_eq(store_put(store, "large", large, sizeof(large)), ERR_NO_SPACE);
    cr_expect_eq(store_put(store, "after", "y", 1), ERR_NO_SPACE, "the order of batches holds");
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    expect_keys(store, "", "", 9, false, "before ", false);
    store_close(store);
    store = store_small_open(&f, 0);
    expect_keys(store, "", "", 9, false, "before ", false);
    cr_expect_eq(store_put(store, "large", large, sizeof(large)), ERR_OK);
    store_close(store);
    folder_remove(&f);
}

static size_t file_read(const char *folder, uint8_t *out, size_t room)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/data.mdb", folder);
    int file = open(path, O_RDONLY);
    ssize_t len = read(file, out, room);
    cr_assert(len > 0 && (size_t)len < room);
    close(file);
    return (size_t)len;
}

static void file_write(const char *folder, const uint8_t *bytes, size_t len)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/data.mdb", folder);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    cr_assert_eq(write(file, bytes, len), (ssize_t)len);
    close(file);
}

/* Of the writes after the last fsync any may be missing; the meta page is written after it, so a
 * commit that was cut off has some of its pages and no meta page. */
Test(lmdb_store, power_that_fails_takes_one_batch)
{
    static uint8_t before[4 << 20];
    static uint8_t after[4 << 20];
    struct folder f = folder_make();
    struct store *store = store_small_open(&f, 0);
    struct rng rng;

    rng_init(&rng, (const uint8_t[32]){2});
    for (unsigned i = 0; i < 40; i++) {
        char key[16];
        snprintf(key, sizeof(key), "k%03u", i);
        cr_assert_eq(store_put(store, key, before, 3000), ERR_OK);
    }
    size_t before_len = file_read(f.path, before, sizeof(before));
    cr_assert_eq(store_put(store, "last", after, 9000), ERR_OK);
    size_t after_len = file_read(f.path, after, sizeof(after));
    store_close(store);
    for (unsigned round = 0; round < 30; round++) {
        static uint8_t torn[4 << 20];
        memcpy(torn, after, after_len);
        memcpy(torn, before, 2 * 4096);
        for (size_t page = 2; 4096 * page < before_len; page++) {
            if (rng_below(&rng, 2) == 0) {
                memcpy(torn + 4096 * page, before + 4096 * page, 4096);
            }
        }
        file_write(f.path, torn, rng_below(&rng, 2) == 0 ? before_len : after_len);
        store = store_small_open(&f, 0);
        expect_keys(store, "l", "", 9, false, "", false);
        expect_keys(store, "k039", "", 9, false, "k039 ", false);
        expect_keys(store, "k000", "", 9, false, "k000 ", false);
        store_close(store);
        store_expect_whole(&f, 0);
    }
    folder_remove(&f);
}

/* A byte flipped anywhere in a value: the record or node is missed, never believed, and repair
 * keeps all others. */
Test(lmdb_store, damage_is_found_and_repaired)
{
    static uint8_t bytes[4 << 20];
    struct folder f = folder_make();
    struct store *store = store_small_open(&f, 0);
    struct rng rng;
    struct model none = {.blob = NULL};
    struct record records[4];
    struct store_figures figures;
    char message[STORE_MESSAGE_BYTES];
    size_t count;
    bool more;
    enum err err;

    rng_init(&rng, (const uint8_t[32]){3});
    struct model tree = model_grow(store, &rng, &none, 64);
    model_checkpoint(store, &none, &tree, &err);
    cr_assert_eq(store_put(store, "b1", "needle in the hay", 17), ERR_OK);
    cr_assert_eq(store_put(store, "s", "signed", 6), ERR_OK);
    blob_drop(store_shared(store), tree.blob);
    store_close(store);

    size_t len = file_read(f.path, bytes, sizeof(bytes));
    for (size_t i = 0; i + 6 < len; i++) {
        if (memcmp(bytes + i, "needle", 6) == 0) {
            bytes[i] ^= 1;
        }
    }
    file_write(f.path, bytes, len);
    store = store_small_open(&f, 0);
    cr_expect_eq(
        store_read(store, records, &count, &more, span_of("b", 1), span_of("", 0), 4, false),
        ERR_CORRUPT);
    cr_expect_eq(count, 0);
    store_close(store);
    cr_assert_eq(store_look(&figures, f.path, true, message), ERR_OK);
    cr_expect_eq(figures.damaged_records, 1);
    cr_assert_eq(store_repair(&figures, f.path, message), ERR_OK, "%s", message);
    cr_expect_eq(figures.damaged_records, 0);
    cr_expect_gt(figures.state_nodes, 64);
    store = store_small_open(&f, 0);
    expect_keys(store, "s", "", 9, false, "s ", false);
    tree.blob = blob_name_keep(store_shared(store), tree.root);
    model_expect(store, &tree);
    blob_drop(store_shared(store), tree.blob);
    store_close(store);

    /* a node of the state: its root is unreachable for repair, and goes with the checkpoint */
    len = file_read(f.path, bytes, sizeof(bytes));
    for (size_t i = 0; i + 32 < len; i++) {
        if (memcmp(bytes + i, tree.root, 32) == 0 && bytes[i + 36] == 1) {
            bytes[i + 40] ^= 1; /* behind the references, in the node */
        }
    }
    file_write(f.path, bytes, len);
    store = store_small_open(&f, 0);
    cr_expect_null(blob_name_keep(store_shared(store), tree.root));
    cr_expect_eq(store_put(store, "b2", "x", 1), ERR_CORRUPT, "the node stops");
    store_close(store);
    cr_assert_eq(store_repair(&figures, f.path, message), ERR_OK);
    cr_expect_eq(figures.state_nodes, 0);
    store = store_small_open(&f, 0);
    expect_keys(store, "", "", 9, false, "s ", false);
    store_close(store);
    folder_remove(&f);
}

/* What a daemon does with a database, in a process of its own: 0, or how it ended. */
static int life_of(const char *path)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        char message[STORE_MESSAGE_BYTES];
        struct record records[64];
        struct store *store;
        size_t count;
        bool more;
        int nowhere = open("/dev/null", O_WRONLY);
        cr_assert_geq(dup2(nowhere, STDERR_FILENO), 0);
        if (store_open_as(&store, NULL, path, store_genesis, STORE_KEEP, 0, message) != ERR_OK) {
            _exit(1);
        }
        for (const char *prefix = "bcs"; *prefix != 0; prefix++) {
            if (store_read(store, records, &count, &more, span_of(prefix, 1), span_of("", 0), 64,
                           false) != ERR_OK) {
                _exit(1);
            }
            store_read_release(store, records, count);
        }
        for (unsigned i = 0; i < 8; i++) {
            char key[8];
            snprintf(key, sizeof(key), "b%u", i);
            if (store_put(store, key, "other", 5) != ERR_OK) {
                _exit(1);
            }
        }
        _exit(0);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    return status;
}

/* Garbage over any page: noticed, refused or not needed yet; never a fault without a word. */
Test(lmdb_store, garbage_in_any_page_ends_in_order)
{
    enum { PAGE = 4096 };
    static uint8_t bytes[4 << 20];
    static uint8_t broken[4 << 20];
    struct folder f = folder_make();
    struct store *store = store_small_open(&f, 0);
    struct model none = {.blob = NULL};
    struct rng rng;
    enum err err;
    unsigned ended[3] = {0};

    rng_init(&rng, (const uint8_t[32]){4});
    struct model tree = model_grow(store, &rng, &none, 64);
    model_checkpoint(store, &none, &tree, &err);
    for (unsigned i = 0; i < 64; i++) {
        char key[8];
        char value[700];
        memset(value, 'x', sizeof(value));
        snprintf(key, sizeof(key), "b%u", i);
        cr_assert_eq(store_put(store, key, value, sizeof(value)), ERR_OK);
    }
    blob_drop(store_shared(store), tree.blob);
    store_close(store);
    size_t len = file_read(f.path, bytes, sizeof(bytes));
    for (size_t page = 2; page < len / PAGE; page++) {
        memcpy(broken, bytes, len);
        rng_bytes(&rng, broken + page * PAGE, PAGE);
        file_write(f.path, broken, len);
        int status = life_of(f.path);
        cr_assert(WIFEXITED(status) && WEXITSTATUS(status) <= 2, "page %zu: status %x", page,
                  (unsigned)status);
        ended[WEXITSTATUS(status)]++;
    }
    cr_assert(ended[0] > 0 && ended[1] + ended[2] > 0);
    folder_remove(&f);
}
