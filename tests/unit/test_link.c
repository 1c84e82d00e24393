/* Arrival times of messages: delay law against closed forms, queues, order, loss, cuts, breaks. */
#include <criterion/criterion.h>
#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>

#include "sim/net/link.h"
#include "tests/support/vectors.h"

#define MS 1000000u
#define SECOND 1000000000u

enum { NODES = 4 };

static struct cities cities;
static struct quantile exponential;
static struct bandwidth bandwidth[NODES];
static uint16_t city[NODES];
static struct net net;
static struct bandwidth_queue queue;
static struct link_side side;
static struct link_outcome out;

static const struct link_rules rules = {
    .rto_min_ns = 200 * MS,
    .rto_max_ns = 120 * (uint64_t)SECOND,
    .break_after_ns = 30 * (uint64_t)SECOND,
};

/* Nodes 0 and 1: Albany and Adelaide (base 113.25 ms, jitter 10.95 ms, by hand from the data, see
 * test_cities). Nodes 2 and 3: both in Zurich: 2 ms, no jitter. */
static void setup(const struct link_rules *r)
{
    char path[3][1024];
    struct cities_error error;
    source_path(path[0], sizeof path[0], "scenarios/regions/cities.tsv");
    source_path(path[1], sizeof path[1], "scenarios/regions/cities-rtt.tsv");
    source_path(path[2], sizeof path[2], "scenarios/regions/cities-mdev.tsv");
    cr_assert_eq(cities_load(&cities, &error, path[0], path[1], path[2]), ERR_OK);
    static const char *const names[NODES] = {"Albany", "Adelaide", "Zurich", "Zurich"};
    for (int i = 0; i < NODES; i++) {
        uint32_t at;
        cr_assert_eq(cities_find(&cities, &at, names[i]), ERR_OK);
        city[i] = (uint16_t)at;
        cr_assert_eq(bandwidth_init(&bandwidth[i], 0, 0, 0), ERR_OK);
    }
    quantile_build_exponential(&exponential);
    cr_assert_eq(net_init(&net, &cities, &exponential, city, bandwidth, NODES, r, 42), ERR_OK);
    queue = (struct bandwidth_queue){0};
    link_open(&side, 0);
}

static int compare_double(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Kolmogorov-Smirnov, n = 50,000: D sqrt(n) stays below 1.95 with probability 0.999. */
Test(link, delay_is_base_plus_exponential)
{
    setup(&rules);
    enum { COUNT = 50000 };
    static double delay[COUNT];
    for (uint64_t i = 0; i < COUNT; i++) {
        link_send(&net, &side, &queue, NULL, &out, 0, 1, i * SECOND, 100);
        cr_assert_eq(out.break_ns, LINK_NEVER);
        delay[i] = ((double)out.arrival_ns - (double)(i * SECOND) - 113.25e6) / 10.95e6;
        cr_assert_geq(delay[i], 0);
    }
    qsort(delay, COUNT, sizeof *delay, compare_double);
    double worst = 0;
    for (int i = 0; i < COUNT; i++) {
        double p = gsl_cdf_exponential_P(delay[i], 1);
        worst = fmax(worst, fmax(fabs(p - (double)i / COUNT), fabs(p - (i + 1.0) / COUNT)));
    }
    cr_assert_lt(worst * sqrt(COUNT), 1.95);
}

Test(link, order_is_kept_per_direction)
{
    setup(&rules);
    uint64_t last = 0;
    int pushed = 0;
    for (uint64_t i = 0; i < 10000; i++) {
        link_send(&net, &side, &queue, NULL, &out, 0, 1, i * MS, 100);
        cr_assert_gt(out.arrival_ns, last);
        pushed += out.arrival_ns == last + 1;
        last = out.arrival_ns;
    }
    cr_assert_gt(pushed, 5000); /* 1 ms apart, jitter 11 ms: most are held back by an earlier one */
}

/* The same messages with another link busy in between, in reverse order of nodes. */
Test(link, draws_do_not_depend_on_others)
{
    setup(&rules);
    uint64_t expected[100];
    for (uint64_t i = 0; i < 100; i++) {
        link_send(&net, &side, &queue, NULL, &out, 0, 1, i * SECOND, 100);
        expected[i] = out.arrival_ns;
    }
    struct link_side other;
    struct bandwidth_queue other_queue = {0};
    link_open(&side, 0);
    link_open(&other, 0);
    queue = (struct bandwidth_queue){0};
    int same = 0;
    for (uint64_t i = 0; i < 100; i++) {
        link_send(&net, &other, &other_queue, NULL, &out, 1, 0, i * SECOND, 100);
        same += out.arrival_ns == expected[i];
        uint64_t copies[2];
        link_datagram(&net, &other_queue, NULL, copies, 0, 1, i, i * SECOND, 100);
        link_send(&net, &side, &queue, NULL, &out, 0, 1, i * SECOND, 100);
        cr_assert_eq(out.arrival_ns, expected[i]);
    }
    cr_assert_eq(same, 0);
    link_open(&side, 1); /* a later link between the two has its own draws */
    link_send(&net, &side, &queue, NULL, &out, 0, 1, 0, 100);
    cr_assert_neq(out.arrival_ns, expected[0]);
}

/* 8 Mbit/s is 1000 ns a byte. */
Test(link, access_links_queue_and_overlap)
{
    setup(&rules);
    cr_assert_eq(bandwidth_init(&bandwidth[2], 8000000, 8000000, 0), ERR_OK);
    cr_assert_eq(bandwidth_init(&bandwidth[3], 80000000, 4000000, 3000), ERR_OK);
    uint64_t t = SECOND;
    link_send(&net, &side, &queue, NULL, &out, 2, 3, t, 1000); /* up 1 ms, down 2 ms */
    cr_assert_eq(out.arrival_ns, t + 2 * MS + 3000 + 2 * MS);
    link_send(&net, &side, &queue, NULL, &out, 2, 3, t, 1000); /* starts 1 ms later */
    uint64_t second = out.arrival_ns;
    cr_assert_eq(second, t + MS + 2 * MS + 3000 + 2 * MS);
    struct bandwidth_queue receiver = {0};
    uint64_t first_in = link_receive(&net, &receiver, 3, t + 4 * MS + 3000, 1000, 1, 1);
    cr_assert_eq(first_in, t + 4 * MS + 3000);
    /* The second waits for the first: two messages take 4 ms of the download link. */
    cr_assert_eq(link_receive(&net, &receiver, 3, second, 1000, 1, 1), first_in + 2 * MS);
    /* Later, at rest again; with a fault that halves the rate of the receiver. */
    struct link_conditions slow = LINK_CALM;
    slow.down_num = 2;
    link_send(&net, &side, &queue, &slow, &out, 2, 3, 2 * t, 1000);
    cr_assert_eq(out.arrival_ns, 2 * t + 4 * MS + 3000 + 2 * MS);
    cr_assert_eq(link_receive(&net, &receiver, 3, out.arrival_ns, 1000, 2, 1), out.arrival_ns);
    cr_assert_eq(link_rtt_ns(&net, 2, 3), 4 * MS + 6000);
    struct bandwidth b;
    cr_assert_eq(bandwidth_init(&b, 999, 0, 0), ERR_RANGE);
}

Test(link, bootstrap_has_no_loss_and_no_limit)
{
    struct link_rules r = rules;
    r.loss_q32 = DRAW_CERTAIN / 2;
    r.bootstrap_ns = 10 * (uint64_t)SECOND;
    setup(&r);
    cr_assert_eq(bandwidth_init(&bandwidth[2], 8000, 8000, 0), ERR_OK);
    for (uint64_t i = 0; i < 100; i++) {
        link_send(&net, &side, &queue, NULL, &out, 2, 3, i * 10 * MS, 100000);
        cr_assert_eq(out.arrival_ns, i * 10 * MS + 2 * MS);
        cr_assert_eq(out.resends, 0);
    }
}

/* RTT 4 ms, jitter 0: RTO = 204 ms, then 408, 816. One segment: the number of losses is geometric.
 */
Test(link, loss_becomes_delay)
{
    struct link_rules r = rules;
    r.loss_q32 = draw_probability(1, 5);
    r.break_after_ns = 1000 * (uint64_t)SECOND; /* else eight losses in a row break it */
    r.rto_max_ns = r.break_after_ns;
    setup(&r);
    enum { COUNT = 100000 };
    double count[4] = {0};
    uint64_t number = 0;
    for (uint64_t i = 0; i < COUNT; i++) {
        link_open(&side, 0); /* without the order of the link, to see each delay alone */
        side.sent = number++;
        link_send(&net, &side, &queue, NULL, &out, 2, 3, i * SECOND, 100);
        uint64_t extra = out.arrival_ns - i * SECOND - 2 * MS;
        cr_assert_eq(extra, 204 * (uint64_t)MS * (((uint64_t)1 << out.resends) - 1));
        count[out.resends < 3 ? out.resends : 3]++;
    }
    double p = 0.2;
    double law[4] = {1 - p, p * (1 - p), p * p * (1 - p), p * p * p};
    double chi = 0;
    for (int k = 0; k < 4; k++) {
        chi += pow(count[k] - COUNT * law[k], 2) / (COUNT * law[k]);
    }
    cr_assert_gt(gsl_cdf_chisq_Q(chi, 3), 1e-4);
    /* Ten segments: hit with 1 - 0.8^10, found after one RTT, then lost again with 0.2. */
    int hit = 0;
    queue = (struct bandwidth_queue){0};
    for (uint64_t i = 0; i < COUNT; i++) {
        link_open(&side, 0);
        side.sent = number++;
        link_send(&net, &side, &queue, NULL, &out, 2, 3, i * SECOND, 14000);
        hit += out.resends > 0;
        if (out.resends == 1) {
            cr_assert_eq(out.arrival_ns - i * SECOND, 6 * MS);
        } else if (out.resends == 2) {
            cr_assert_eq(out.arrival_ns - i * SECOND, (6 + 204) * MS);
        }
    }
    double q = 1 - pow(0.8, 10);
    cr_assert_float_eq(hit, COUNT * q, 5 * sqrt(COUNT * q * (1 - q)));
}

Test(link, a_cut_delays_or_breaks)
{
    setup(&rules);
    uint64_t t = 100 * (uint64_t)SECOND;
    struct link_conditions cut = LINK_CALM;
    cut.cut_until_ns = t + SECOND;
    /* Tries at 0, 204, 612, 1428 ms: the fourth is the first after the cut. */
    link_send(&net, &side, &queue, &cut, &out, 2, 3, t, 100);
    cr_assert_eq(out.arrival_ns, t + 1428 * MS + 2 * MS);
    cr_assert_eq(out.resends, 3);
    cr_assert_eq(out.break_ns, LINK_NEVER);
    /* What is sent after the cut waits behind it. */
    link_send(&net, &side, &queue, NULL, &out, 2, 3, t + 1100 * MS, 100);
    cr_assert_eq(out.arrival_ns, t + 1430 * MS + 1);
    cut.cut_until_ns = LINK_NEVER;
    link_send(&net, &side, &queue, &cut, &out, 2, 3, 2 * t, 100);
    cr_assert_eq(out.arrival_ns, LINK_NEVER);
    cr_assert_eq(out.break_ns, 2 * t + rules.break_after_ns);
    /* A later message does not move the break, and nothing arrives after it. */
    link_send(&net, &side, &queue, &cut, &out, 2, 3, 2 * t + SECOND, 100);
    cr_assert_eq(out.break_ns, 2 * t + rules.break_after_ns);
    link_send(&net, &side, &queue, NULL, &out, 2, 3, 2 * t + rules.break_after_ns - MS, 100);
    cr_assert_eq(out.arrival_ns, LINK_NEVER);
    /* Only the way back is cut: the message arrives, the link breaks. */
    link_open(&side, 1);
    struct link_conditions deaf = LINK_CALM;
    deaf.cut_back_until_ns = LINK_NEVER;
    link_send(&net, &side, &queue, &deaf, &out, 2, 3, 3 * t, 100);
    cr_assert_eq(out.arrival_ns, 3 * t + 2 * MS);
    cr_assert_eq(out.break_ns, 3 * t + rules.break_after_ns);
    link_open(&side, 2);
    deaf.cut_back_until_ns = 3 * t + SECOND;
    link_send(&net, &side, &queue, &deaf, &out, 2, 3, 3 * t, 100);
    cr_assert_eq(out.break_ns, LINK_NEVER);
}

Test(link, clog_delays)
{
    setup(&rules);
    struct link_conditions clog = LINK_CALM;
    clog.clog_ns = 500 * MS;
    link_send(&net, &side, &queue, &clog, &out, 2, 3, SECOND, 100);
    cr_assert_eq(out.arrival_ns, SECOND + 502 * (uint64_t)MS);
    uint64_t at[2];
    cr_assert_eq(link_datagram(&net, &queue, &clog, at, 2, 3, 0, SECOND, 100), 1);
    cr_assert_eq(at[0], SECOND + 502 * (uint64_t)MS);
}

Test(link, datagrams_are_lost_and_doubled)
{
    struct link_rules r = rules;
    r.loss_q32 = draw_probability(1, 10);
    r.duplicate_q32 = draw_probability(1, 4);
    setup(&r);
    enum { COUNT = 100000 };
    double count[3] = {0};
    int swapped = 0;
    for (uint64_t i = 0; i < COUNT; i++) {
        uint64_t at[2];
        unsigned n = link_datagram(&net, &queue, NULL, at, 0, 1, i, i * MS, 500);
        count[n]++;
        swapped += n == 2 && at[1] < at[0];
        for (unsigned k = 0; k < n; k++) {
            cr_assert_geq(at[k], i * MS + 113250000);
        }
    }
    double law[3] = {0.1, 0.9 * 0.75, 0.9 * 0.25};
    double chi = 0;
    for (int k = 0; k < 3; k++) {
        chi += pow(count[k] - COUNT * law[k], 2) / (COUNT * law[k]);
    }
    cr_assert_gt(gsl_cdf_chisq_Q(chi, 2), 1e-4);
    cr_assert_float_eq(swapped, count[2] / 2, 5 * sqrt(count[2] / 4));
    struct link_conditions cut = LINK_CALM;
    cut.cut_until_ns = LINK_NEVER;
    uint64_t at[2];
    cr_assert_eq(link_datagram(&net, &queue, &cut, at, 0, 1, 0, 0, 500), 0);
    /* Faults add their own chance: all lost. */
    struct link_conditions lossy = LINK_CALM;
    lossy.loss_q32 = DRAW_CERTAIN;
    for (uint64_t i = 0; i < 100; i++) {
        cr_assert_eq(link_datagram(&net, &queue, &lossy, at, 0, 1, i, 0, 500), 0);
    }
    /* A reliable link that loses everything breaks. */
    link_send(&net, &side, &queue, &lossy, &out, 2, 3, SECOND, 100);
    cr_assert_eq(out.arrival_ns, LINK_NEVER);
    cr_assert_neq(out.break_ns, LINK_NEVER);
}

Test(link, bad_rules)
{
    setup(&rules);
    struct link_rules r = rules;
    r.loss_q32 = DRAW_CERTAIN;
    cr_assert_eq(net_init(&net, &cities, &exponential, city, bandwidth, NODES, &r, 1), ERR_RANGE);
    r = rules;
    r.rto_max_ns = 1;
    cr_assert_eq(net_init(&net, &cities, &exponential, city, bandwidth, NODES, &r, 1), ERR_RANGE);
    r = rules;
    r.break_after_ns = 1;
    cr_assert_eq(net_init(&net, &cities, &exponential, city, bandwidth, NODES, &r, 1), ERR_RANGE);
    city[3] = 241;
    cr_assert_eq(net_init(&net, &cities, &exponential, city, bandwidth, NODES, &rules, 1),
                 ERR_RANGE);
}

/* SimBlock's law between Europe and Japan: mean 266 ms, minimum 261, shape 53.2; whole
 * milliseconds. */
Test(link, laws_give_pareto_delays_and_hold_the_line)
{
    struct cities_error error;
    struct laws *laws;
    char path[1024];
    enum { COUNT = 20000 };
    static double delay[COUNT];
    const struct link_rules r = {
        .rto_min_ns = 200 * MS,
        .rto_max_ns = 120 * (uint64_t)SECOND,
        .break_after_ns = 30 * (uint64_t)SECOND,
        .control_ns = 10 * MS,
        .bulk_ns = 2 * MS,
        .bulk_bytes = 1024,
    };
    source_path(path, sizeof path, "scenarios/regions/simblock-2015.tsv");
    cr_assert_eq(laws_load(&laws, &cities, &error, path), ERR_OK, "%s", error.text);
    for (int i = 0; i < NODES; i++) {
        cr_assert_eq(cities_find(&cities, &(uint32_t){0}, "JP"), ERR_OK);
        city[i] = i % 2 == 0 ? 1 : 4;
        cr_assert_eq(bandwidth_init(&bandwidth[i], 8100000, 17500000, 0), ERR_OK);
    }
    cr_assert_eq(net_init(&net, &cities, &exponential, city, bandwidth, NODES, &r, 42), ERR_OK);
    net.laws = laws;
    link_open(&side, 0);
    for (uint64_t i = 0; i < COUNT; i++) {
        uint64_t at = i * SECOND;
        link_send(&net, &side, &queue, NULL, &out, 0, 1, at, 100);
        cr_assert_eq((out.arrival_ns - at) % MS, 0);
        delay[i] = ((double)out.arrival_ns - (double)at) / MS - 10;
    }
    qsort(delay, COUNT, sizeof *delay, compare_double);
    cr_assert_geq(delay[0], 261);
    for (int i = 0; i < COUNT;) {
        int end = i;
        while (end < COUNT && delay[end] == delay[i]) {
            end++;
        }
        double p = gsl_cdf_pareto_P(delay[i] + 0.5, 53.2, 261);
        cr_assert_lt(fabs(p - (double)end / COUNT), 1.95 / sqrt(COUNT), "at %g ms", delay[i]);
        i = end;
    }
    /* 535,000 bytes at 8.1 Mbit/s: 528 ms, 2 more, the delay; the next begins when it is in, and a
     * small message passes beside. */
    uint64_t now = (uint64_t)COUNT * SECOND;
    struct link_side other;
    link_open(&other, 1);
    link_send(&net, &side, &queue, NULL, &out, 0, 1, now, 535000);
    uint64_t first = out.arrival_ns;
    cr_assert(first >= now + 791 * (uint64_t)MS && first < now + 1200 * (uint64_t)MS);
    link_send(&net, &other, &queue, NULL, &out, 0, 3, now, 535000);
    cr_assert(out.arrival_ns >= first + 791 * (uint64_t)MS);
    cr_assert_eq(link_receive(&net, &queue, 1, first, 535000, 1, 1), first);
    link_open(&other, 2);
    link_send(&net, &other, &queue, NULL, &out, 0, 3, now, 100);
    cr_assert_lt(out.arrival_ns, now + 600 * (uint64_t)MS);
    laws_free(laws);
    cities_free(&cities);
}
