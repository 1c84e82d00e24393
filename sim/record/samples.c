#include "sim/record/samples.h"

#include <math.h>
#include <stdlib.h>

#include "node/base/bytes.h"
#include "node/base/invariant.h"

void samples_free(struct samples *samples)
{
    free(samples->values);
    *samples = (struct samples){0};
}

void samples_add(struct samples *samples, uint64_t value)
{
    if (samples->count == samples->capacity) {
        samples->capacity = samples->capacity == 0 ? 64 : 2 * samples->capacity;
        samples->values = realloc(samples->values, samples->capacity * sizeof(uint64_t));
        invariant(samples->values != NULL);
    }
    samples->values[samples->count++] = value;
}

static int value_order(const void *a, const void *b)
{
    uint64_t x, y;

    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return x < y ? -1 : x > y;
}

void samples_sort(struct samples *samples)
{
    if (samples->count > 0) {
        qsort(samples->values, samples->count, sizeof(uint64_t), value_order);
    }
}

static u128 sum(const struct samples *samples)
{
    u128 total = 0;

    for (size_t i = 0; i < samples->count; i++) {
        total += samples->values[i];
    }
    return total;
}

double samples_mean(const struct samples *samples)
{
    return (double)sum(samples) / (double)samples->count;
}

double samples_sd(const struct samples *samples)
{
    /* Around a whole number near the mean, so that the squares stay exact and small. */
    uint64_t middle = (uint64_t)(sum(samples) / samples->count);
    u128 squares = 0;
    double rest = samples_mean(samples) - (double)middle;

    for (size_t i = 0; i < samples->count; i++) {
        uint64_t v = samples->values[i];
        uint64_t d = v > middle ? v - middle : middle - v;
        squares += (u128)d * d;
    }
    double n = (double)samples->count;
    return sqrt(((double)squares - n * rest * rest) / (n - 1));
}

double samples_quantile(const struct samples *samples, double p)
{
    double at = p * (double)(samples->count - 1);
    size_t below = (size_t)at;
    size_t above = below + 1 < samples->count ? below + 1 : below;
    double low = (double)samples->values[below];
    double high = (double)samples->values[above];

    return low + (high - low) * (at - (double)below);
}
