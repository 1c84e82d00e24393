/* Disk time and the record map, the map against a plain list under random operations. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "sim/disk/disk.h"
#include "sim/disk/records.h"
#include "sim/net/draw.h"

#define SECOND 1000000000u

static uint64_t run(struct disk *disk, const struct disk_profile *profile, uint64_t now_ns,
                    uint64_t bytes, uint64_t times)
{
    uint64_t begin_ns = disk_begin_ns(disk, now_ns);
    uint64_t end_ns = begin_ns + times * disk_work_ns(profile, bytes);
    disk_run(disk, begin_ns, end_ns);
    return end_ns;
}

Test(disk, latency_rate_and_queue)
{
    struct disk_profile profile;
    struct disk disk = {0};
    cr_assert_eq(disk_profile_init(&profile, 1000000, 100000000, 1000), ERR_OK);
    cr_assert_eq(run(&disk, &profile, SECOND, 4096, 1), SECOND + 1000000 + 40960);
    cr_assert_eq(run(&disk, &profile, SECOND, 0, 1), SECOND + 2000000 + 40960);
    cr_assert_eq(run(&disk, &profile, 2 * (uint64_t)SECOND, 0, 10),
                 2 * (uint64_t)SECOND + 10000000);
    cr_assert_eq(disk.worked_ns, 2000000 + 40960 + 10000000);
    cr_assert_eq(disk_space(&profile, 900, 100, false), ERR_OK);
    cr_assert_eq(disk_space(&profile, 900, 101, false), ERR_NO_SPACE);
    cr_assert_eq(disk_space(&profile, 0, 1, true), ERR_NO_SPACE);
    disk_crash(&disk);
    cr_assert_eq(run(&disk, &profile, 5, 0, 1), 1000005);
    cr_assert_eq(disk_profile_init(&profile, 0, UINT64_MAX, 0), ERR_RANGE);
    cr_assert_eq(disk_profile_init(&profile, 0, 0, 0), ERR_OK);
    cr_assert_eq(run(&disk, &profile, SECOND, UINT64_MAX, 1), SECOND);
}

/* Values are counted references: entry i of `held` counts those that the map holds of value i. */
enum { VALUES = 4096 };

static int held[VALUES];
static char tokens[VALUES];

static const void *take(size_t i)
{
    held[i]++;
    return &tokens[i];
}

static void release(void *context, const void *value)
{
    ++*(int *)context;
    size_t i = (size_t)((const char *)value - tokens);
    cr_assert_gt(held[i], 0);
    held[i]--;
}

static int released;
static const struct records_host host = {release, &released};

static int total_held(void)
{
    int sum = 0;
    for (size_t i = 0; i < VALUES; i++) {
        sum += held[i];
    }
    return sum;
}

static struct records_op put(const char *key, size_t value)
{
    return (struct records_op){span_of(key, strlen(key)), take(value), 100};
}

static void write_one(struct records *records, const char *key, size_t value)
{
    struct records_op op = put(key, value);
    cr_assert_eq(records_push(records, &op, 1, 7), ERR_OK);
    cr_assert_eq(records_commit(records, &host), 7);
}

static const char *scan(const struct records *records, const char *prefix, const char *from,
                        size_t limit, bool backwards)
{
    static char text[256];
    struct record_view views[16];
    bool more;
    size_t n = records_scan(records, views, &more, span_of(prefix, strlen(prefix)),
                            span_of(from, strlen(from)), limit, backwards);
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        memcpy(text + used, views[i].key.data, views[i].key.len);
        used += views[i].key.len;
        text[used++] = ' ';
    }
    text[used] = 0;
    if (more) {
        memcpy(text + used, "...", 4);
    }
    return text;
}

Test(records, scans)
{
    struct records records = {0};
    cr_assert_str_eq(scan(&records, "", "", 10, false), "");
    static const char *const keys[] = {"b2", "a", "b", "b1", "b10", "c", "b\xff"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        write_one(&records, keys[i], i);
    }
    cr_assert_str_eq(scan(&records, "", "", 10, false), "a b b1 b10 b2 b\xff c ");
    cr_assert_str_eq(scan(&records, "b", "", 10, false), "b b1 b10 b2 b\xff ");
    cr_assert_str_eq(scan(&records, "b", "", 2, false), "b b1 ...");
    cr_assert_str_eq(scan(&records, "b", "b10", 10, false), "b10 b2 b\xff ");
    cr_assert_str_eq(scan(&records, "b", "b11", 1, false), "b2 ...");
    cr_assert_str_eq(scan(&records, "b", "", 2, true), "b\xff b2 ...");
    cr_assert_str_eq(scan(&records, "b", "b10", 10, true), "b10 b1 b ");
    cr_assert_str_eq(scan(&records, "b", "b11", 1, true), "b10 ...");
    cr_assert_str_eq(scan(&records, "b1", "", 10, false), "b1 b10 ");
    cr_assert_str_eq(scan(&records, "d", "", 10, false), "");
    cr_assert_str_eq(scan(&records, "b", "c", 10, false), "");
    cr_assert_str_eq(scan(&records, "b", "a", 10, true), "");
    struct record_view view;
    cr_assert_eq(records_get(&records, &view, span_of("b10", 3)), ERR_OK);
    cr_assert_eq(view.value, &tokens[4]);
    cr_assert_eq(view.damage, RECORD_SOUND);
    cr_assert_eq(records_get(&records, &view, span_of("b11", 3)), ERR_NOT_FOUND);
    cr_assert_eq(records_bytes(&records), 7 * 100 + 12);
    records_wipe(&records, &host);
    cr_assert_eq(total_held(), 0);
    cr_assert_eq(records_bytes(&records), 0);
}

Test(records, a_batch_is_all_or_nothing)
{
    struct records records = {0};
    struct records_op ops[3] = {put("a", 0), put("b", 1), put("c", 2)};
    cr_assert_eq(records_push(&records, ops, 3, 1), ERR_OK);
    struct records_op second[2] = {put("a", 3), {span_of("b", 1), NULL, 0}};
    cr_assert_eq(records_push(&records, second, 2, 2), ERR_OK);
    cr_assert_str_eq(scan(&records, "", "", 10, false), ""); /* not durable, not visible */
    cr_assert(records_pending(&records));
    cr_assert_eq(records_commit(&records, &host), 1);
    cr_assert_str_eq(scan(&records, "", "", 10, false), "a b c ");
    records_crash(&records, &host, false, 0); /* the second is lost as a whole */
    cr_assert_str_eq(scan(&records, "", "", 10, false), "a b c ");
    cr_assert_eq(held[3], 0);
    cr_assert_not(records_pending(&records));
    second[0] = put("a", 3);
    cr_assert_eq(records_push(&records, second, 2, 3), ERR_OK);
    cr_assert_eq(records_commit(&records, &host), 3);
    cr_assert_str_eq(scan(&records, "", "", 10, false), "a c ");
    cr_assert_eq(held[0] + held[1], 0);
    cr_assert_eq(held[3], 1);
    cr_assert_eq(records_batch_bytes(second, 2), 1 + 100 + 1);
    struct records_op bad = {span_of("", 0), &tokens[0], 1};
    cr_assert_eq(records_push(&records, &bad, 1, 0), ERR_RANGE);
    records_wipe(&records, &host);
    cr_assert_eq(total_held(), 0);
}

Test(records, a_torn_batch_leaves_a_prefix)
{
    int seen[4] = {0};
    for (uint64_t i = 0; i < 400; i++) {
        struct records records = {0};
        struct records_op ops[3] = {put("x", 0), put("y", 1), put("z", 2)};
        struct records_op later = put("later", 3);
        cr_assert_eq(records_push(&records, ops, 3, 1), ERR_OK);
        cr_assert_eq(records_push(&records, &later, 1, 2), ERR_OK);
        records_crash(&records, &host, true, draw(1, DRAW_DISK_TEAR, 0, 0, i));
        const char *left = scan(&records, "", "", 10, false);
        cr_assert_eq(strncmp("x y z ", left, strlen(left)), 0);
        seen[strlen(left) / 2]++;
        records_wipe(&records, &host);
    }
    for (int k = 0; k < 4; k++) {
        cr_assert_gt(seen[k], 50); /* 100 expected, sd 8.7 */
    }
    cr_assert_eq(total_held(), 0);
}

Test(records, damage_is_reported_and_repaired)
{
    struct records records = {0};
    cr_assert_eq(records_corrupt(&records, 1, true), ERR_NOT_FOUND);
    write_one(&records, "a", 0);
    cr_assert_eq(records_corrupt(&records, UINT64_MAX, true), ERR_OK);
    struct record_view view;
    cr_assert_eq(records_get(&records, &view, span_of("a", 1)), ERR_OK);
    cr_assert_eq(view.damage, RECORD_DAMAGED_SILENT);
    cr_assert_lt(view.damage_at, 800);
    cr_assert_eq(records_corrupt(&records, 0, false), ERR_OK);
    cr_assert_eq(records_get(&records, &view, span_of("a", 1)), ERR_OK);
    cr_assert_eq(view.damage, RECORD_DAMAGED_DETECTED);
    write_one(&records, "a", 1);
    cr_assert_eq(records_get(&records, &view, span_of("a", 1)), ERR_OK);
    cr_assert_eq(view.damage, RECORD_SOUND);
    records_wipe(&records, &host);
}

/* 30,000 batches of 1 to 8 operations on 3,000 keys of 1 to 12 bytes, with crashes, against an
 * array indexed by key number that is copied at each commit. */
Test(records, random_operations_against_a_list)
{
    enum { KEYS = 3000, ROUNDS = 30000 };
    static size_t model[KEYS]; /* value + 1; 0: absent */
    static char key[KEYS][16];
    struct records records = {0};
    for (uint32_t k = 0; k < KEYS; k++) {
        snprintf(key[k], sizeof key[k], "%x", k * 2654435761u >> (k % 7 * 4));
        for (uint32_t j = 0; j < k; j++) { /* the shorter ones collide: make them differ */
            if (strcmp(key[j], key[k]) == 0) {
                snprintf(key[k], sizeof key[k], "%u.%u", k, k);
                break;
            }
        }
    }
    for (uint32_t round = 0; round < ROUNDS; round++) {
        struct records_op ops[8];
        uint32_t chosen[8];
        size_t value[8];
        uint64_t u = draw(3, DRAW_PROFILE, round, 0, 0);
        size_t count = 1 + (u & 7);
        for (size_t i = 0; i < count; i++) {
            uint64_t v = draw(3, DRAW_PROFILE, round, 1, i);
            chosen[i] = (uint32_t)draw_below(v, KEYS);
            value[i] = v % VALUES;
            struct span span = span_of(key[chosen[i]], strlen(key[chosen[i]]));
            bool removes = (v >> 20 & 3) == 0;
            ops[i] = (struct records_op){span, removes ? NULL : take(value[i]), 10};
        }
        cr_assert_eq(records_push(&records, ops, count, round), ERR_OK);
        if ((u >> 8) % 16 == 0) {
            records_crash(&records, &host, false, 0);
            continue;
        }
        cr_assert_eq(records_commit(&records, &host), round);
        for (size_t i = 0; i < count; i++) {
            model[chosen[i]] = ops[i].value == NULL ? 0 : value[i] + 1;
        }
    }
    uint32_t present = 0;
    for (uint32_t k = 0; k < KEYS; k++) {
        struct record_view view;
        enum err err = records_get(&records, &view, span_of(key[k], strlen(key[k])));
        cr_assert_eq(err, model[k] == 0 ? ERR_NOT_FOUND : ERR_OK);
        cr_assert(model[k] == 0 || view.value == &tokens[model[k] - 1]);
        present += model[k] != 0;
    }
    static struct record_view views[KEYS];
    bool more;
    cr_assert_eq(records_scan(&records, views, &more, span_of("", 0), span_of("", 0), KEYS, false),
                 present);
    for (uint32_t i = 1; i < present; i++) {
        struct span a = views[i - 1].key;
        struct span b = views[i].key;
        int order = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);
        cr_assert(order < 0 || (order == 0 && a.len < b.len));
    }
    cr_assert_eq(total_held(), (int)present);
    cr_assert_lt(records.keys_used, 2 * 12 * KEYS + 2048);
    records_wipe(&records, &host);
    cr_assert_eq(total_held(), 0);
}
