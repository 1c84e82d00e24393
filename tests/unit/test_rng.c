#include <criterion/criterion.h>
#include <signal.h>

#include "node/base/rng.h"

/* From the authors' xoshiro256plusplus.c with state {1, 2, 3, 4}, as published in the tests of
 * rand_xoshiro; and splitmix64 with seed 1234567 as published by Rosetta Code. */
Test(rng, matches_the_published_references)
{
    static const uint64_t expected[] = {
        41943041u,
        58720359u,
        3588806011781223u,
        3591011842654386u,
        9228616714210784205u,
        9973669472204895162u,
        14011001112246962877u,
        12406186145184390807u,
        15849039046786891736u,
        10450023813501588000u,
    };
    struct rng rng = {.s = {1, 2, 3, 4}};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        cr_assert_eq(rng_u64(&rng), expected[i]);
    }
    static const uint64_t split[] = {
        6457827717110365317u, 3203168211198807973u,  9817491932198370423u,
        4593380528125082431u, 16408922859458223821u,
    };
    uint64_t state = 1234567;
    for (size_t i = 0; i < sizeof split / sizeof split[0]; i++) {
        cr_assert_eq(rng_splitmix64(&state), split[i]);
    }
}

Test(rng, streams_differ_in_every_part_of_their_name)
{
    struct rng base, other;
    rng_init_stream(&base, 1, RNG_LATENCY, 7);
    uint64_t first = rng_u64(&base);
    rng_init_stream(&other, 2, RNG_LATENCY, 7);
    cr_assert_neq(rng_u64(&other), first);
    rng_init_stream(&other, 1, RNG_LOSS, 7);
    cr_assert_neq(rng_u64(&other), first);
    rng_init_stream(&other, 1, RNG_LATENCY, 8);
    cr_assert_neq(rng_u64(&other), first);
    rng_init_stream(&other, 1, RNG_LATENCY, 7);
    cr_assert_eq(rng_u64(&other), first);
}

Test(rng, every_bit_of_a_seed_counts)
{
    uint8_t seed[32] = {0};
    struct rng zero, rng;
    rng_init(&zero, seed);
    cr_assert(zero.s[0] | zero.s[1] | zero.s[2] | zero.s[3]);
    for (unsigned bit = 0; bit < 256; bit++) {
        seed[bit / 8] = (uint8_t)(1u << bit % 8);
        rng_init(&rng, seed);
        cr_assert(memcmp(&rng, &zero, sizeof rng) != 0, "bit %u", bit);
        seed[bit / 8] = 0;
    }
}

/* Chi-squared at 1e-6 either side for the degrees of freedom used (99: 43 to 178; 2: below 28). */
Test(rng, below_is_uniform_and_in_range)
{
    struct rng rng;
    rng_init_stream(&rng, 3, RNG_TEST, 0);
    unsigned count[100] = {0};
    for (unsigned i = 0; i < 1000000; i++) {
        uint64_t x = rng_below(&rng, 100);
        cr_assert_lt(x, 100);
        count[x]++;
    }
    double chi = 0;
    for (unsigned i = 0; i < 100; i++) {
        double d = (double)count[i] - 10000.0;
        chi += d * d / 10000.0;
    }
    cr_assert(chi > 43 && chi < 178, "chi squared %f", chi);

    /* With n = 3 * 2^62 a generator that does not reject gives the lower third two draws of four.
     */
    unsigned third[3] = {0};
    for (unsigned i = 0; i < 30000; i++) {
        third[rng_below(&rng, (uint64_t)3 << 62) >> 62]++;
    }
    chi = 0;
    for (unsigned i = 0; i < 3; i++) {
        double d = (double)third[i] - 10000.0;
        chi += d * d / 10000.0;
    }
    cr_assert(chi < 28, "chi squared %f", chi);
    cr_assert_eq(rng_below(&rng, 1), 0);
}

Test(rng, chance_has_its_rate_and_its_certainties)
{
    struct rng rng;
    rng_init_stream(&rng, 4, RNG_TEST, 0);
    unsigned hits = 0;
    for (unsigned i = 0; i < 100000; i++) {
        hits += rng_chance(&rng, 3, 100);
        cr_assert(rng_chance(&rng, 5, 5));
        cr_assert_not(rng_chance(&rng, 0, 5));
    }
    cr_assert(hits > 2700 && hits < 3300, "%u", hits); /* 5.5 sigma */
}

Test(rng, bytes_and_shuffle)
{
    struct rng a, b;
    rng_init_stream(&a, 5, RNG_TEST, 0);
    b = a;
    uint8_t whole[11];
    rng_bytes(&a, whole, sizeof whole);
    cr_assert_eq(load64(whole), rng_u64(&b));
    uint8_t tail[8];
    store64(tail, rng_u64(&b));
    cr_assert_arr_eq(whole + 8, tail, 3);

    unsigned seen[6] = {0};
    for (unsigned round = 0; round < 6000; round++) {
        uint32_t item[3] = {0, 1, 2};
        rng_shuffle(&a, item, 3, sizeof item[0]);
        cr_assert_eq(1u << item[0] | 1u << item[1] | 1u << item[2], 7);
        seen[item[0] * 2 + (item[1] > item[2])]++;
    }
    for (unsigned i = 0; i < 6; i++) {
        cr_assert(seen[i] > 830 && seen[i] < 1170, "%u", seen[i]); /* 5.9 sigma */
    }
}

Test(rng, below_nothing_is_a_bug, .signal = SIGABRT)
{
    struct rng rng = {.s = {1, 2, 3, 4}};
    rng_below(&rng, 0);
}
