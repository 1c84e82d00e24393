/* wan: joins network namespaces by wide-area paths until its standard input ends or it is told to
 * stop.
 *
 *   wan [--loss P/Q] [--seed N] [--no-jitter] --tables FOLDER TABLE
 *
 * A line of TABLE is a node: address, city, upload and download in bit/s (0: no limit), access
 * delay in ns, separated by tabs; '#' begins a comment. Prints "node INDEX ADDRESS NAMESPACE" for
 * each, NAMESPACE being what `nsenter --net=` takes, then "ready". Statistics go to standard error
 * at the end. Exit: 0, 1 usage, 77 there are no namespaces or TUN devices here (meson: skipped). */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "node/base/invariant.h"
#include "sim/net/draw.h"
#include "tests/support/wan/router.h"
#include "tests/support/wan/space.h"

enum { EXIT_GOOD = 0, EXIT_BAD = 1, EXIT_SKIP = 77, LINE_BYTES_MAX = 256, TURN_MAX = 64 };
/* What epoll tells beside the index of a node. */
enum { TURN_TIMER = ROUTER_NODES_MAX, TURN_STOP };

struct wan {
    const char *tables, *table;
    uint32_t loss_num, loss_den;
    uint64_t seed;
    bool jitter;
    struct cities cities;
    struct router router;
    struct router_node nodes[ROUTER_NODES_MAX];
    struct space spaces[ROUTER_NODES_MAX];
    uint32_t count;
    int epoll, timer, signals;
};

_Noreturn void invariant_failed(const char *file, int line, const char *expression)
{
    fprintf(stderr, "wan: a bug: %s:%d: %s\n", file, line, expression);
    abort();
}

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* --- what it is told --- */

static bool arguments(struct wan *wan, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        bool more = i + 1 < argc;
        if (strcmp(argv[i], "--no-jitter") == 0) {
            wan->jitter = false;
        } else if (strcmp(argv[i], "--loss") == 0 && more) {
            if (sscanf(argv[++i], "%" SCNu32 "/%" SCNu32, &wan->loss_num, &wan->loss_den) != 2 ||
                wan->loss_den == 0) {
                return false;
            }
        } else if (strcmp(argv[i], "--seed") == 0 && more) {
            wan->seed = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--tables") == 0 && more) {
            wan->tables = argv[++i];
        } else if (argv[i][0] != '-' && wan->table == NULL) {
            wan->table = argv[i];
        } else {
            return false;
        }
    }
    return wan->tables != NULL && wan->table != NULL;
}

static bool cities_read(struct wan *wan)
{
    static const char *const names[3] = {"cities.tsv", "cities-rtt.tsv", "cities-mdev.tsv"};
    char path[3][4096];
    struct cities_error why;

    for (int i = 0; i < 3; i++) {
        snprintf(path[i], sizeof(path[i]), "%s/%s", wan->tables, names[i]);
    }
    if (cities_load(&wan->cities, &why, path[0], path[1], path[2]) != ERR_OK) {
        fprintf(stderr, "wan: %s:%u: %s\n", why.path, why.line, why.text);
        return false;
    }
    if (!wan->jitter) {
        cities_drop_jitter(&wan->cities);
    }
    return true;
}

static bool node_read(struct wan *wan, char *line)
{
    struct router_node *node = &wan->nodes[wan->count];
    char address[64];
    char city[CITY_NAME_BYTES];
    uint64_t up;
    uint64_t down;
    uint64_t access_ns;

    *node = (struct router_node){.tun = -1};
    if (wan->count == ROUTER_NODES_MAX ||
        sscanf(line, "%63[^\t]\t%39[^\t]\t%" SCNu64 "\t%" SCNu64 "\t%" SCNu64, address, city, &up,
               &down, &access_ns) != 5 ||
        inet_pton(AF_INET6, address, node->address) != 1 ||
        bandwidth_init(&node->bandwidth, up, down, access_ns) != ERR_OK ||
        cities_find(&wan->cities, &node->city, city) != ERR_OK) {
        return false;
    }
    wan->count++;
    return true;
}

static bool nodes_read(struct wan *wan)
{
    char line[LINE_BYTES_MAX];
    unsigned number = 0;
    bool good = true;
    FILE *file = fopen(wan->table, "r");

    if (file == NULL) {
        perror(wan->table);
        return false;
    }
    while (good && fgets(line, sizeof(line), file) != NULL) {
        number++;
        good = line[0] == '#' || line[0] == '\n' || node_read(wan, line);
    }
    fclose(file);
    if (!good) {
        fprintf(stderr, "wan: %s:%u: not a node: address, city, up, down, access delay\n",
                wan->table, number);
    }
    return good;
}

/* --- what it makes --- */

static int spaces_open(struct wan *wan)
{
    for (uint32_t i = 0; i < wan->count; i++) {
        const char *step;
        enum err err = space_open(&wan->spaces[i], &step, wan->nodes[i].address);
        if (err != ERR_OK) {
            fprintf(stderr, "wan: skipped: no namespaces: %s: %s\n", step, strerror(errno));
            return err == ERR_NOT_FOUND ? EXIT_SKIP : EXIT_BAD;
        }
        wan->nodes[i].tun = wan->spaces[i].tun;
    }
    return EXIT_GOOD;
}

static bool watch(const struct wan *wan, int file, uint32_t what)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.u32 = what}};

    return epoll_ctl(wan->epoll, EPOLL_CTL_ADD, file, &event) == 0;
}

static bool watches_open(struct wan *wan)
{
    sigset_t stops;

    sigemptyset(&stops);
    sigaddset(&stops, SIGTERM);
    sigaddset(&stops, SIGINT);
    sigprocmask(SIG_BLOCK, &stops, NULL);
    wan->epoll = epoll_create1(EPOLL_CLOEXEC);
    wan->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    wan->signals = signalfd(-1, &stops, SFD_CLOEXEC);
    bool good = wan->epoll >= 0 && wan->timer >= 0 && wan->signals >= 0 &&
                watch(wan, wan->timer, TURN_TIMER) && watch(wan, wan->signals, TURN_STOP);
    for (uint32_t i = 0; i < wan->count && good; i++) {
        good = watch(wan, wan->nodes[i].tun, i);
    }
    /* A terminal or a pipe that ends with its holder; a file (no such end) is refused by epoll. */
    return good && (watch(wan, STDIN_FILENO, TURN_STOP) || errno == EPERM);
}

/* Paths should not get longer because the machine is busy, nor because whoever runs at the priority
 * of our starter is. Without the right to it, they may. */
static void priority_raise(void)
{
    struct sched_param first = {.sched_priority = 0};

    sched_getparam(0, &first);
    first.sched_priority++;
    if (sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &first) != 0) {
        fprintf(stderr, "wan: no real-time priority: %s\n", strerror(errno));
    }
}

static void announce(const struct wan *wan)
{
    char text[INET6_ADDRSTRLEN];

    for (uint32_t i = 0; i < wan->count; i++) {
        printf("node %u %s /proc/%d/fd/%d\n", i,
               inet_ntop(AF_INET6, wan->nodes[i].address, text, sizeof(text)), (int)getpid(),
               wan->spaces[i].net);
    }
    printf("ready\n");
    fflush(stdout);
}

/* --- life --- */

static void timer_set(const struct wan *wan, uint64_t due_ns)
{
    struct itimerspec when = {.it_value = {.tv_sec = 0}}; /* off */

    if (due_ns != UINT64_MAX) {
        when.it_value.tv_sec = (time_t)(due_ns / 1000000000);
        when.it_value.tv_nsec = (long)(due_ns % 1000000000);
    }
    invariant(timerfd_settime(wan->timer, TFD_TIMER_ABSTIME, &when, NULL) == 0);
}

static void serve(struct wan *wan)
{
    struct epoll_event turn[TURN_MAX];
    uint64_t armed_ns = UINT64_MAX;
    uint64_t times;

    for (;;) {
        int count = epoll_wait(wan->epoll, turn, TURN_MAX, -1);
        for (int i = 0; i < count; i++) {
            uint32_t what = turn[i].data.u32;
            if (what == TURN_STOP) {
                return;
            }
            if (what == TURN_TIMER) {
                armed_ns = read(wan->timer, &times, sizeof(times)) > 0 ? UINT64_MAX : armed_ns;
            } else {
                router_read(&wan->router, what, now_ns());
            }
        }
        uint64_t next_ns = router_deliver(&wan->router, now_ns());
        if (next_ns != armed_ns) {
            timer_set(wan, next_ns);
            armed_ns = next_ns;
        }
    }
}

/* The power of two of microseconds below which `share` percent of deliveries were late. */
static uint64_t late_us(const struct router_stats *stats, uint64_t share)
{
    uint64_t seen = 0;
    unsigned i = 0;

    while (i + 1 < ROUTER_LATE_BINS && (seen += stats->late[i]) * 100 < stats->delivered * share) {
        i++;
    }
    return (uint64_t)1 << i;
}

static void report(const struct router_stats *s)
{
    fprintf(stderr,
            "wan: packets=%" PRIu64 " bytes=%" PRIu64 " delivered=%" PRIu64 " lost=%" PRIu64
            " full=%" PRIu64 " stray=%" PRIu64 " under_way_max=%" PRIu64 " late_us_p50<%" PRIu64
            " late_us_p99<%" PRIu64 " late_us_max=%" PRIu64 "\n",
            s->packets, s->bytes, s->delivered, s->lost, s->full, s->stray, s->under_way_max,
            late_us(s, 50), late_us(s, 99), s->late_ns_max / 1000);
}

int main(int argc, char **argv)
{
    static struct wan wan = {.loss_num = 0, .loss_den = 1, .seed = 1, .jitter = true};

    if (!arguments(&wan, argc, argv)) {
        fputs("usage: wan [--loss P/Q] [--seed N] [--no-jitter] --tables FOLDER TABLE\n", stderr);
        return EXIT_BAD;
    }
    if (!cities_read(&wan) || !nodes_read(&wan)) {
        return EXIT_BAD;
    }
    int status = spaces_open(&wan);
    if (status == EXIT_GOOD) {
        uint64_t loss_q32 = draw_probability(wan.loss_num, wan.loss_den);
        if (!watches_open(&wan) || router_open(&wan.router, wan.nodes, wan.count, &wan.cities,
                                               loss_q32, wan.seed) != ERR_OK) {
            perror("wan");
            status = EXIT_BAD;
        } else {
            priority_raise();
            announce(&wan);
            serve(&wan);
            report(&wan.router.stats);
            router_close(&wan.router);
        }
    }
    for (uint32_t i = 0; i < wan.count; i++) {
        if (wan.nodes[i].tun >= 0) {
            space_close(&wan.spaces[i]);
        }
    }
    cities_free(&wan.cities);
    return status;
}
