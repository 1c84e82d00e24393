#include <criterion/criterion.h>

#include "node/base/arena.h"

Test(arena, allocations_are_aligned_disjoint_and_bounded)
{
    _Alignas(16) static uint8_t memory[1000];
    struct arena arena;
    arena_init(&arena, memory, sizeof memory);
    uint8_t *end = memory;
    uint8_t *p;
    size_t given = 0;
    for (size_t bytes = 1; (p = arena_alloc(&arena, bytes)) != NULL; bytes = bytes * 2 % 37 + 1) {
        cr_assert_eq((uintptr_t)p % 16, 0);
        cr_assert(p >= end && p + bytes <= memory + sizeof memory);
        memset(p, 0xff, bytes);
        end = p + bytes;
        given += bytes;
    }
    cr_assert_gt(given, 400);
    cr_assert_eq(arena.refused, 1);
    cr_assert_eq(arena.peak, arena.used);
    size_t peak = arena.peak;
    arena_reset(&arena);
    cr_assert_eq(arena_alloc(&arena, 1), memory);
    cr_assert_eq(arena.peak, peak);
}

Test(arena, fills_to_the_last_byte_and_not_beyond)
{
    _Alignas(16) static uint8_t memory[64];
    struct arena arena;
    arena_init(&arena, memory, sizeof memory);
    cr_assert_null(arena_alloc(&arena, 65));
    cr_assert_null(arena_alloc(&arena, SIZE_MAX));
    cr_assert_null(arena_alloc_array(&arena, SIZE_MAX / 2, 3));
    cr_assert_eq(arena.refused, 3);
    cr_assert_not_null(arena_alloc(&arena, 64));
    cr_assert_null(arena_alloc(&arena, 1));
    cr_assert_not_null(arena_alloc(&arena, 0));
}

Test(arena, rewind_forgets_since_the_mark)
{
    _Alignas(16) static uint8_t memory[256];
    struct arena arena;
    arena_init(&arena, memory, sizeof memory);
    uint8_t *kept = arena_copy(&arena, "kept", 5);
    size_t mark = arena_mark(&arena);
    uint8_t *lost = arena_alloc(&arena, 40);
    memset(lost, 1, 40);
    arena_rewind(&arena, mark);
    uint8_t *again = arena_alloc_zero(&arena, 40);
    cr_assert_eq(again, lost);
    for (int i = 0; i < 40; i++) {
        cr_assert_eq(again[i], 0);
    }
    cr_assert_str_eq((char *)kept, "kept");
}
