#include "tests/support/store_model.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

#include "node/chain/state.h"

const uint8_t store_genesis[32] = {7};

struct folder folder_make(void)
{
    struct folder f;

    snprintf(f.path, sizeof(f.path), "/tmp/orrery-store-XXXXXX");
    cr_assert_not_null(mkdtemp(f.path));
    return f;
}

void folder_remove(const struct folder *f)
{
    DIR *dir = opendir(f->path);
    char file[400];

    cr_assert_not_null(dir);
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        snprintf(file, sizeof(file), "%s/%s", f->path, e->d_name);
        (void)unlink(file);
    }
    closedir(dir);
    (void)rmdir(f->path);
}

struct store *store_small_open(const struct folder *f, size_t map_bytes)
{
    char message[STORE_MESSAGE_BYTES] = "";
    struct store *store;
    enum err err =
        store_open_as(&store, NULL, f->path, store_genesis, STORE_KEEP, map_bytes, message);

    cr_assert_eq(err, ERR_OK, "%s", message);
    return store;
}

static void done(void *context, enum err err)
{
    *(enum err *)context = err;
}

enum err store_write_now(struct store *store, const struct record_op *ops, size_t count)
{
    enum err err = ERR_COUNT;

    store_write(store, ops, count, done, &err);
    store_flush(store);
    return err;
}

enum err store_put(struct store *store, const char *key, const void *data, size_t len)
{
    struct record_op op = {span_of(key, strlen(key)), blob_put(store_shared(store), data, len)};

    return store_write_now(store, &op, 1);
}

static struct span leaf(uint8_t room[8], uint32_t value)
{
    store32(room, value);
    store32(room + 4, ~value);
    return span_of(room, 8);
}

static void leaf_key(uint8_t key[32], uint32_t i)
{
    memset(key, 0, 32);
    store32(key, i * 2654435761u);
    store32(key + 28, i);
}

struct model model_grow(struct store *store, struct rng *rng, const struct model *from,
                        unsigned edits)
{
    static uint8_t memory[4 << 20];
    struct model to = *from;
    struct arena scratch;
    uint8_t key[32];
    uint8_t rooms[64][8];

    arena_init(&scratch, memory, sizeof(memory));
    struct state_edit *edit = state_edit_begin(store_shared(store), from->root, &scratch);
    cr_assert_not_null(edit);
    for (unsigned k = 0; k < edits; k++) {
        uint32_t i = (uint32_t)rng_below(rng, LEAVES);
        to.value[i] = (uint32_t)rng_below(rng, 6); /* often a value that was there before */
        leaf_key(key, i);
        cr_assert_eq(
            state_edit_put(edit, key,
                           to.value[i] != 0 ? leaf(rooms[k], to.value[i]) : span_of(NULL, 0)),
            ERR_OK);
    }
    cr_assert_eq(state_edit_commit(to.root, &to.blob, edit), ERR_OK);
    return to;
}

void model_expect(struct store *store, const struct model *m)
{
    uint8_t key[32];
    uint8_t room[8];
    struct span value;

    for (uint32_t i = 0; i < LEAVES; i++) {
        leaf_key(key, i);
        enum err err = state_get(&value, store_shared(store), m->root, key);
        if (m->value[i] == 0) {
            cr_assert_eq(err, ERR_NOT_FOUND);
        } else {
            cr_assert_eq(err, ERR_OK);
            struct span expected = leaf(room, m->value[i]);
            cr_assert(value.len == 8 && memcmp(value.data, expected.data, 8) == 0);
        }
    }
}

void model_checkpoint(struct store *store, const struct model *from, const struct model *to,
                      enum err *err)
{
    uint8_t keys[2][33] = {{'n'}, {'n'}};
    struct record_op ops[2];
    size_t count = 0;

    memcpy(keys[0] + 1, to->root, 32);
    memcpy(keys[1] + 1, from->root, 32);
    if (to->blob != NULL) {
        ops[count++] =
            (struct record_op){span_of(keys[0], 33), blob_keep(store_shared(store), to->blob)};
    }
    if (from->blob != NULL && memcmp(from->root, to->root, 32) != 0) {
        ops[count++] = (struct record_op){span_of(keys[1], 33), NULL};
    }
    store_write(store, ops, count, done, err);
}

void store_expect_whole(const struct folder *f, uint64_t nodes_least)
{
    struct store_figures figures;
    char message[STORE_MESSAGE_BYTES];

    cr_assert_eq(store_look(&figures, f->path, true, message), ERR_OK);
    cr_expect_eq(figures.damaged_nodes + figures.damaged_records + figures.missing_nodes +
                     figures.wrong_references,
                 0);
    cr_expect_geq(figures.state_nodes, nodes_least);
}
