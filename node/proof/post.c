#include "node/proof/post.h"

#include "node/base/fixed.h"
#include "node/base/invariant.h"

enum { DAY_EPOCHS = 2880 };

static const struct post_params filecoin = {
    .name = "filecoin",
    .epoch_ms = 30000,
    .period = DAY_EPOCHS,
    .deadlines = 48,
    .window = 60,
    .lookback = 20,
    .fault_cutoff = 70,
    .dispute_window = 1800,
    .challenges = 10,
    .partition_sectors = 2349,
    .misses_to_fault = 1,
    .fault_epochs_max = 42 * DAY_EPOCHS,
    .free_fault_epochs = DAY_EPOCHS,
    .fault_fee = {351, 100},
    .dispute_fee = {551, 100},
    .dispute_fixed = 20,
    .dispute_reporter = 4,
    .fee_age_epochs = 140 * DAY_EPOCHS,
    .fee_full = {85, 1000},
    .fee_floor = {2, 100},
    .fee_over_fault = {105, 100},
};

static const struct post_params sirius = {
    .name = "sirius",
    .epoch_ms = 15000,
    .period = 960, /* 4 hours */
    .window = 40,  /* 10 minutes; post_timeout_ms adds what the contract's size needs */
    .dispute_window = 960,
    .challenges = 77,
    .partition_sectors = 1,
    .misses_to_fault = 2,
    .fault_fee = {0, 1},
    .dispute_fee = {0, 1},
    .fee_full = {1, 1}, /* the deposit */
    .fee_floor = {1, 1},
    .fee_over_fault = {0, 1},
    .vote = true,
};

const struct post_params *post_params_filecoin(void)
{
    return &filecoin;
}

const struct post_params *post_params_sirius(void)
{
    return &sirius;
}

enum err post_params_check(const struct post_params *p)
{
    if (p->fault_cutoff < p->lookback || p->period == 0 || p->misses_to_fault == 0 ||
        p->deadlines * p->window > p->period || p->fault_fee.den == 0 || p->dispute_fee.den == 0) {
        return ERR_INVALID;
    }
    return ERR_OK;
}

struct post_deadline post_deadline_at(const struct post_params *p, uint64_t start, uint64_t index)
{
    uint64_t open = start + index * p->window;
    invariant(index < p->deadlines && open >= p->fault_cutoff);
    return (struct post_deadline){open - p->fault_cutoff, open - p->lookback, open,
                                  open + p->window};
}

static uint64_t le64_of(const struct sha256_engine *e, struct sha256 *h)
{
    uint8_t digest[32];
    sha256_final(h, e, digest);
    return load64(digest);
}

static void add64(struct sha256 *h, const struct sha256_engine *e, uint64_t v)
{
    uint8_t bytes[8];
    store64(bytes, v);
    sha256_update(h, e, bytes, 8);
}

uint64_t post_leaf(const struct sha256_engine *e, const uint8_t randomness[32], uint64_t sector,
                   uint64_t index, uint64_t nodes)
{
    struct sha256 h;
    sha256_init(&h);
    sha256_update(&h, e, randomness, 32);
    add64(&h, e, sector);
    add64(&h, e, index);
    return le64_of(e, &h) % nodes;
}

uint64_t post_sector(const struct sha256_engine *e, const uint8_t prover[32],
                     const uint8_t randomness[32], uint64_t index, uint64_t sectors)
{
    struct sha256 h;
    sha256_init(&h);
    sha256_update(&h, e, prover, 32);
    sha256_update(&h, e, randomness, 32);
    add64(&h, e, index);
    return le64_of(e, &h) % sectors;
}

void post_randomness(const struct sha256_engine *e, uint8_t out[32], const uint8_t beacon[32],
                     const uint8_t contract[32], uint64_t replica)
{
    static const char domain[] = "xpx/post/1";
    struct sha256 h;
    sha256_init(&h);
    sha256_update(&h, e, domain, sizeof domain - 1);
    sha256_update(&h, e, beacon, 32);
    sha256_update(&h, e, contract, 32);
    add64(&h, e, replica);
    sha256_final(&h, e, out);
}

enum err post_draw(const struct sha256_engine *e, uint64_t *out, size_t cap, size_t *n_out,
                   const uint8_t beacon[32], uint64_t n, uint64_t f)
{
    static const char domain[] = "xpx/draw/1";
    *n_out = 0;
    if (f == 0) {
        return ERR_RANGE;
    }
    if (n == 0) {
        return ERR_OK;
    }
    struct sha256 base, h;
    sha256_init(&base);
    sha256_update(&base, e, domain, sizeof domain - 1);
    sha256_update(&base, e, beacon, 32);
    h = base;
    add64(&h, e, UINT64_MAX);
    uint64_t count = n / f + (le64_of(e, &h) % f < n % f);
    for (uint64_t try = 0; *n_out < count; try++) {
        h = base;
        add64(&h, e, try);
        uint64_t pick = le64_of(e, &h) % n;
        bool seen = false;
        for (size_t i = 0; i < *n_out; i++) {
            seen |= out[i] == pick;
        }
        if (seen) {
            continue;
        }
        if (*n_out == cap) {
            return ERR_FULL;
        }
        out[(*n_out)++] = pick;
    }
    return ERR_OK;
}

uint64_t post_timeout_ms(uint64_t bytes)
{
    uint64_t gigabytes = bytes / 1000000000u + (bytes % 1000000000u != 0);
    return 14400 * gigabytes + 600000;
}

uint64_t post_judges(uint64_t members)
{
    uint64_t n = members < 4 ? 4 : members;
    return 2 * n / 3 + 1;
}

uint64_t post_answer_window_ns(uint64_t seal_ns)
{
    return seal_ns / POST_SPEEDUP;
}

uint64_t post_termination_fee(const struct post_params *p, uint64_t pledge, uint64_t age_epochs,
                              uint64_t fault_fee)
{
    uint64_t fee = fixed_muldiv(pledge, p->fee_full.num, p->fee_full.den);
    if (age_epochs < p->fee_age_epochs) {
        fee = fixed_muldiv(fee, age_epochs, p->fee_age_epochs);
    }
    uint64_t floor = fixed_muldiv(pledge, p->fee_floor.num, p->fee_floor.den);
    uint64_t fault = fixed_muldiv(fault_fee, p->fee_over_fault.num, p->fee_over_fault.den);
    fee = fee > floor ? fee : floor;
    return fee > fault ? fee : fault;
}

/* Fees of the faulty epochs since the last charge, the first ones free. */
static uint64_t fee_epochs(const struct post_params *p, struct post_sector_state *s, uint64_t epoch)
{
    uint64_t from = s->fault_since + p->free_fault_epochs;
    from = s->charged_to > from ? s->charged_to : from;
    if (epoch <= from) {
        return 0;
    }
    s->charged_to = epoch;
    return epoch - from;
}

static void fault_begin(const struct post_params *p, struct post_sector_state *s, uint64_t epoch,
                        struct post_outcome *out)
{
    if (s->state != POST_FAULT && s->state != POST_RECOVERED) {
        s->fault_since = s->charged_to = epoch;
    }
    s->state = POST_FAULT;
    out->vote_wanted = p->vote;
}

static void terminate(struct post_sector_state *s, struct post_outcome *out)
{
    s->state = POST_TERMINATED;
    out->slash = true;
}

static enum err miss(const struct post_params *p, struct post_sector_state *s, uint64_t epoch,
                     struct post_outcome *out)
{
    if (s->state == POST_FAULT) {
        return ERR_OK; /* a known fault owes no proof */
    }
    s->misses++;
    if (s->state == POST_RECOVERED || s->misses >= p->misses_to_fault) {
        fault_begin(p, s, epoch, out);
    } else {
        s->state = POST_SUSPECT;
    }
    return ERR_OK;
}

static enum err proven(const struct post_params *p, struct post_sector_state *s, uint64_t epoch,
                       struct post_outcome *out)
{
    if (s->state == POST_FAULT) {
        return ERR_INVALID; /* must be declared back before it counts */
    }
    if (s->state == POST_RECOVERED) {
        out->fee_epochs = fee_epochs(p, s, epoch);
    }
    s->state = POST_HEALTHY;
    s->misses = 0;
    return ERR_OK;
}

enum err post_step(const struct post_params *p, struct post_sector_state *s, enum post_event event,
                   uint64_t epoch, struct post_outcome *out)
{
    *out = (struct post_outcome){0};
    if (s->state == POST_TERMINATED) {
        return ERR_STALE;
    }
    bool faulty = s->state == POST_FAULT || s->state == POST_RECOVERED;
    switch (event) {
    case POST_PROVEN:
        return proven(p, s, epoch, out);
    case POST_MISSED:
        return miss(p, s, epoch, out);
    case POST_BAD_PROOF:
        out->dispute_fee_due = p->dispute_fee.num > 0;
        fault_begin(p, s, epoch, out);
        return ERR_OK;
    case POST_DECLARE_FAULT:
        if (p->vote || s->state == POST_FAULT) {
            return ERR_INVALID; /* where judges vote a host leaves, it does not declare */
        }
        fault_begin(p, s, epoch, out);
        return ERR_OK;
    case POST_DECLARE_BACK:
        if (p->vote || s->state != POST_FAULT) {
            return ERR_INVALID;
        }
        s->state = POST_RECOVERED;
        return ERR_OK;
    case POST_VOTE_GUILTY:
    case POST_VOTE_INNOCENT:
        if (!p->vote || s->state != POST_FAULT) {
            return ERR_INVALID;
        }
        if (event == POST_VOTE_GUILTY) {
            terminate(s, out);
        } else {
            s->state = POST_HEALTHY;
            s->misses = 0;
        }
        return ERR_OK;
    case POST_PERIOD:
        if (faulty) {
            out->fee_epochs = fee_epochs(p, s, epoch);
            if (p->fault_epochs_max > 0 && epoch - s->fault_since >= p->fault_epochs_max) {
                terminate(s, out);
            }
        }
        return ERR_OK;
    }
    return ERR_INVALID;
}
