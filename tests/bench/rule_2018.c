/* A Monte Carlo of the production rule of November 2018, which shares no code with the simulator:
 * accounts hear each other at once, all are always up, and those who win in the same second each
 * have a block of their own until a longer branch decides. Balances do not change.
 *
 *   rule_2018 ACCOUNTS WEIGHT[,WEIGHT...] BLOCKS SEED [one]
 *
 * The last weight is that of all other accounts. `one`: of several who win at once one alone makes
 * a block. Prints the first account's share, the interval and the share of lost blocks. */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ACCOUNTS_MAX = 200,
    TARGET_S = 15,
    WINDOW = 3,
    WAIT_MAX_S = 4000000,
    FIRST_DIFFICULTY = 1000
};

struct block {
    long time_s, height;
    uint64_t difficulty;
    size_t parent;
    int maker;
    double score;
};

struct account {
    double balance; /* atomic units */
    size_t tip;     /* block it builds on */
    long due_s;     /* when its next is ready */
};

static uint64_t draw(uint64_t state[2])
{
    uint64_t a = state[0], b = state[1];

    state[0] = b;
    a ^= a << 23;
    state[1] = a ^ b ^ (a >> 17) ^ (b >> 26);
    return state[1] + b;
}

/* Of a child of this block with this time: from the mean of the last three intervals, within a
 * fifth of the target. */
static uint64_t difficulty_of(const struct block *blocks, size_t parent, long time_s)
{
    size_t first = parent;
    long span = blocks[parent].height < WINDOW ? blocks[parent].height : WINDOW;
    uint64_t before = blocks[parent].difficulty;

    for (long i = 1; i < span; i++) {
        first = blocks[first].parent;
    }
    long mean = (time_s - blocks[first].time_s) / span;
    if (mean > TARGET_S) {
        return before * (uint64_t)(mean < TARGET_S + 3 ? mean : TARGET_S + 3) / TARGET_S;
    }
    long least = mean > TARGET_S - 3 ? mean : TARGET_S - 3;
    return before - before * 64 * (uint64_t)(TARGET_S - least) / 100 / TARGET_S;
}

/* The first second at which a new hit, uniform below 2^64, is below difficulty x time x balance. */
static long due_of(const struct block *blocks, const struct account *a, uint64_t state[2])
{
    double hit = (double)(draw(state) >> 11) * 0x1p11;
    long low = 1, high = WAIT_MAX_S;

    while (low < high) {
        long wait = low + (high - low) / 2;
        uint64_t difficulty = difficulty_of(blocks, a->tip, blocks[a->tip].time_s + wait);
        if (hit < (double)difficulty * (double)wait * a->balance) {
            high = wait;
        } else {
            low = wait + 1;
        }
    }
    return blocks[a->tip].time_s + low;
}

/* All hear of the new blocks, each in an order of its own, and keep the first of the best score. */
static void tell(struct account *accounts, int count, const struct block *blocks, size_t from,
                 size_t to, uint64_t state[2])
{
    for (int i = 0; i < count; i++) {
        size_t tip = accounts[i].tip;
        size_t start = (size_t)(draw(state) % (to - from));
        for (size_t k = 0; k < to - from; k++) {
            size_t heard = from + (start + k) % (to - from);
            if (blocks[heard].score > blocks[tip].score * (1 + 1e-15)) {
                tip = heard;
            }
        }
        if (tip != accounts[i].tip) {
            accounts[i].tip = tip;
            accounts[i].due_s = due_of(blocks, &accounts[i], state);
        }
    }
}

static void weigh(struct account *accounts, int count, const char *weights)
{
    double total = 0, weight = 1;

    for (int i = 0; i < count; i++) {
        char *end;
        double next = strtod(weights, &end);
        weight = end != weights ? next : weight;
        weights = *end == ',' ? end + 1 : end;
        accounts[i].balance = weight;
        total += weight;
    }
    for (int i = 0; i < count; i++) {
        accounts[i].balance *= 8999999998e6 / total;
    }
}

static void summary_print(const struct block *blocks, size_t tip, size_t made)
{
    double sum = 0, squares = 0;
    long count = 0, first = 0;

    for (; blocks[tip].height > 100; tip = blocks[tip].parent) {
        double interval = (double)(blocks[tip].time_s - blocks[blocks[tip].parent].time_s);
        count++;
        first += blocks[tip].maker == 0;
        sum += interval;
        squares += interval * interval;
    }
    double mean = sum / (double)count;
    printf("share %.5f interval %.3f s deviation %.3f s lost %.4f\n", (double)first / (double)count,
           mean, sqrt(squares / (double)count - mean * mean), 1 - (double)count / (double)made);
}

int main(int argc, char **argv)
{
    int count = argc > 4 ? atoi(argv[1]) : 0;
    long wanted = argc > 4 ? atol(argv[3]) : 0;
    bool one = argc > 5 && strcmp(argv[5], "one") == 0;
    struct account accounts[ACCOUNTS_MAX] = {{0}};

    if (count < 1 || count > ACCOUNTS_MAX || wanted < 1000) {
        fprintf(stderr, "usage: rule_2018 ACCOUNTS WEIGHT[,WEIGHT...] BLOCKS SEED [one]\n");
        return 1;
    }
    size_t room = (size_t)wanted * 3 + ACCOUNTS_MAX, made = 1;
    struct block *blocks = calloc(room, sizeof(*blocks));
    uint64_t state[2] = {88172645463325252U + strtoull(argv[4], NULL, 10) * 7919, 362436069};
    if (blocks == NULL) {
        return 1;
    }
    weigh(accounts, count, argv[2]);
    blocks[0] = (struct block){.height = 1, .difficulty = FIRST_DIFFICULTY, .maker = -1};
    for (int i = 0; i < count + 50; i++) {
        (void)draw(state);
    }
    for (int i = 0; i < count; i++) {
        accounts[i].due_s = due_of(blocks, &accounts[i], state);
    }
    while (blocks[made - 1].height < wanted && made + ACCOUNTS_MAX < room) {
        size_t from = made;
        long now = accounts[0].due_s;
        uint64_t winners = 0;
        for (int i = 1; i < count; i++) {
            now = accounts[i].due_s < now ? accounts[i].due_s : now;
        }
        for (int i = 0; i < count; i++) {
            winners += accounts[i].due_s == now;
        }
        uint64_t chosen = draw(state) % winners;
        for (int i = 0; i < count; i++) {
            if (accounts[i].due_s != now || (one && chosen-- != 0)) {
                continue;
            }
            const struct block *parent = &blocks[accounts[i].tip];
            uint64_t difficulty = difficulty_of(blocks, accounts[i].tip, now);
            blocks[made] = (struct block){.time_s = now,
                                          .height = parent->height + 1,
                                          .difficulty = difficulty,
                                          .parent = accounts[i].tip,
                                          .maker = i,
                                          .score = parent->score + 0x1p64 / (double)difficulty};
            accounts[i].tip = made++;
            accounts[i].due_s = due_of(blocks, &accounts[i], state);
        }
        tell(accounts, count, blocks, from, made, state);
    }
    summary_print(blocks, made - 1, made);
    free(blocks);
    return 0;
}
