/* Power failures of the store, played: every write of the database file and every flush is recorded
 * while batches are committed; then the disk after a failure at each of these instants is made: all
 * that was flushed, and any part of what was not. What was told as durable must be there, and of
 * the batch that was under way all or nothing. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/support/store_model.h"

#define SECTOR 512
#define IMAGE_BYTES_MAX ((size_t)4 << 20)
#define OPS_MAX 4096
#define BATCHES 24

struct disk_op {
    uint8_t *bytes; /* NULL: a flush */
    size_t at, len;
    bool through;  /* O_DSYNC: durable when it returns */
    unsigned told; /* batches that had been told as durable before it */
};

struct recorder {
    ino_t file; /* 0: nothing is recorded */
    struct disk_op ops[OPS_MAX];
    size_t count;
    unsigned told;
};

static struct recorder recorder;

/* --- what LMDB calls; names of the C library, whatever its headers make of them --- */

ssize_t disk_pwrite(int file, const void *bytes, size_t len, off_t at) __asm__("pwrite");
ssize_t disk_writev(int file, const struct iovec *parts, int count) __asm__("writev");
int disk_fdatasync(int file) __asm__("fdatasync");

static bool recorded(int file)
{
    struct stat info;
    return recorder.file != 0 && fstat(file, &info) == 0 && info.st_ino == recorder.file;
}

static void record(int file, size_t at, const void *bytes, size_t len)
{
    struct disk_op *op = &recorder.ops[recorder.count++];

    cr_assert_leq(recorder.count, OPS_MAX);
    *op = (struct disk_op){.at = at,
                           .len = len,
                           .through = (fcntl(file, F_GETFL) & O_DSYNC) != 0,
                           .told = recorder.told};
    if (bytes != NULL) {
        op->bytes = malloc(len);
        memcpy(op->bytes, bytes, len);
    }
}

ssize_t disk_pwrite(int file, const void *bytes, size_t len, off_t at)
{
    if (recorded(file)) {
        record(file, (size_t)at, bytes, len);
    }
    return syscall(SYS_pwrite64, file, bytes, len, at);
}

ssize_t disk_writev(int file, const struct iovec *parts, int count)
{
    if (recorded(file)) {
        size_t at = (size_t)lseek(file, 0, SEEK_CUR);
        for (int i = 0; i < count; i++) {
            record(file, at, parts[i].iov_base, parts[i].iov_len);
            at += parts[i].iov_len;
        }
    }
    return syscall(SYS_writev, file, parts, count);
}

int disk_fdatasync(int file)
{
    if (recorded(file)) {
        record(file, 0, NULL, 0);
    }
    return 0; /* this machine's own power is not what is tested */
}

/* --- what a disk holds --- */

struct image {
    uint8_t bytes[IMAGE_BYTES_MAX];
    size_t len;
};

static void image_write(struct image *image, const struct disk_op *op, size_t from, size_t to)
{
    cr_assert_leq(op->at + op->len, IMAGE_BYTES_MAX);
    memcpy(image->bytes + op->at + from, op->bytes + from, to - from);
    image->len = op->at + to > image->len ? op->at + to : image->len;
}

/* Of a write that was not flushed: nothing, all, or some of its sectors. */
static void image_write_partly(struct image *image, const struct disk_op *op, struct rng *rng)
{
    uint64_t fate = rng_below(rng, 3);

    for (size_t from = 0; from < op->len; from += SECTOR) {
        size_t to = from + SECTOR < op->len ? from + SECTOR : op->len;
        if (fate == 1 || (fate == 2 && rng_below(rng, 2) == 0)) {
            image_write(image, op, from, to);
        }
    }
}

static size_t flushed_before(size_t end)
{
    while (end > 0 && recorder.ops[end - 1].bytes != NULL && !recorder.ops[end - 1].through) {
        end--;
    }
    return end;
}

/* The disk when power fails right before operation `at`, or within it if it writes. */
static void image_make(struct image *image, const struct image *first, size_t at, struct rng *rng)
{
    size_t flushed = flushed_before(at);

    *image = *first;
    for (size_t i = 0; i < at; i++) {
        const struct disk_op *op = &recorder.ops[i];
        if (op->bytes == NULL) {
            continue;
        }
        if (i < flushed) {
            image_write(image, op, 0, op->len);
        } else {
            image_write_partly(image, op, rng);
        }
    }
    if (at < recorder.count && recorder.ops[at].bytes != NULL) {
        image_write_partly(image, &recorder.ops[at], rng);
    }
}

static void image_read(struct image *image, const struct folder *f)
{
    char path[96];

    snprintf(path, sizeof(path), "%s/data.mdb", f->path);
    int file = open(path, O_RDONLY);
    ssize_t len = read(file, image->bytes, sizeof(image->bytes));
    cr_assert_gt(len, 0);
    image->len = (size_t)len;
    close(file);
}

static void image_store(const struct image *image, const struct folder *f)
{
    char path[96];

    snprintf(path, sizeof(path), "%s/data.mdb", f->path);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    cr_assert_eq(write(file, image->bytes, image->len), (ssize_t)image->len);
    close(file);
}

/* --- batches --- */

/* Batch i writes block i and, over the last one, the vote; each third one moves the checkpoint. */
static size_t block_bytes(unsigned i)
{
    return 40 + (size_t)i * i * 13 % 7000;
}

static void batch_write(struct store *store, unsigned i)
{
    static const uint8_t zeros[8000];
    char key[8];
    snprintf(key, sizeof(key), "b%03u", i);
    struct record_op ops[2] = {
        {span_of(key, 4), blob_put(store_shared(store), zeros, block_bytes(i))},
        {span_of("s", 1), blob_put(store_shared(store), (uint8_t *)&i, sizeof(i))}};
    cr_assert_eq(store_write_now(store, ops, 2), ERR_OK);
}

/* Batches up to `last`, the number of the vote, are here in full, and nothing of another. Returns
 * last. */
static unsigned expect_batches(struct store *store)
{
    struct record records[BATCHES + 2];
    unsigned last;
    size_t count;
    bool more;

    cr_assert_eq(
        store_read(store, records, &count, &more, span_of("s", 1), span_of(NULL, 0), 2, false),
        ERR_OK);
    cr_assert_eq(count, 1);
    memcpy(&last, records[0].value->data, sizeof(last));
    store_read_release(store, records, count);
    cr_assert_eq(store_read(store, records, &count, &more, span_of("b", 1), span_of(NULL, 0),
                            BATCHES + 2, false),
                 ERR_OK);
    cr_assert_eq(count, last + 1);
    for (unsigned i = 0; i < count; i++) {
        cr_assert_eq(records[i].value->len, block_bytes(i));
    }
    store_read_release(store, records, count);
    return last;
}

/* What a commit of checkpoints brought: every tree of the history or the next one. */
static unsigned expect_checkpoint(struct store *store, const struct model *trees, unsigned count)
{
    struct record records[2];
    size_t found;
    bool more;

    cr_assert_eq(
        store_read(store, records, &found, &more, span_of("n", 1), span_of(NULL, 0), 2, false),
        ERR_OK);
    cr_assert_eq(found, 1);
    for (unsigned i = 0; i < count; i++) {
        if (memcmp(records[0].key + 1, trees[i].root, 32) == 0) {
            model_expect(store, &trees[i]);
            store_read_release(store, records, found);
            return i;
        }
    }
    cr_assert_fail("the checkpoint is none that was written");
    return count;
}

/* Records what BATCHES batches and the checkpoints between them do to the file. */
static unsigned history_make(const struct folder *f, struct image *first, struct model *trees)
{
    struct model none = {.blob = NULL};
    struct rng rng;
    struct stat info;
    char path[96];
    enum err err;
    unsigned count = 1;

    rng_init(&rng, (const uint8_t[32]){4});
    struct store *store = store_small_open(f, 0);
    batch_write(store, 0);
    trees[0] = model_grow(store, &rng, &none, 64);
    model_checkpoint(store, &none, &trees[0], &err);
    store_flush(store);
    image_read(first, f);
    snprintf(path, sizeof(path), "%s/data.mdb", f->path);
    cr_assert_eq(stat(path, &info), 0);
    recorder.file = info.st_ino;
    for (unsigned i = 1; i <= BATCHES; i++) {
        if (i % 3 == 0) {
            trees[count] = model_grow(store, &rng, &trees[count - 1], 20);
            model_checkpoint(store, &trees[count - 1], &trees[count], &err);
            store_flush(store);
            cr_assert_eq(err, ERR_OK);
            count++;
        }
        batch_write(store, i);
        recorder.told = i;
    }
    recorder.file = 0;
    for (unsigned i = 0; i < count; i++) {
        blob_drop(store_shared(store), trees[i].blob);
    }
    store_close(store);
    return count;
}

Test(power, what_was_told_as_durable_is_there)
{
    static struct image first;
    static struct image image;
    static struct model trees[BATCHES];
    struct folder f = folder_make();
    unsigned under_way = 0;
    struct rng rng;
    unsigned count = history_make(&f, &first, trees);

    rng_init(&rng, (const uint8_t[32]){5});
    cr_assert_gt(recorder.count, 3 * BATCHES);
    for (size_t at = 0; at <= recorder.count; at++) {
        unsigned told = at < recorder.count ? recorder.ops[at].told : recorder.told;
        image_make(&image, &first, at, &rng);
        image_store(&image, &f);
        struct store *store = store_small_open(&f, 0);
        unsigned last = expect_batches(store);
        cr_assert(last == told || last == told + 1, "%u told, %u found", told, last);
        under_way += last == told + 1;
        unsigned tree = expect_checkpoint(store, trees, count);
        cr_assert(tree >= told / 3 && tree <= (told + 1) / 3, "%u told, tree %u", told, tree);
        store_close(store);
        store_expect_whole(&f, 64);
    }
    cr_assert_gt(under_way, 0, "no batch survived that nobody was told of");
    for (size_t i = 0; i < recorder.count; i++) {
        free(recorder.ops[i].bytes);
    }
    folder_remove(&f);
}
