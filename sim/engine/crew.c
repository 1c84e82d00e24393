#define _GNU_SOURCE
#include "sim/engine/crew.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "node/base/invariant.h"

#define SPINS 4000  /* 40 to 160 us: far more than a barrier between running threads takes */
#define YIELDS 2000 /* then sleeping is cheaper for everybody else */

struct hand {
    struct crew *crew;
    pthread_t thread;
    unsigned number;
};

/* The state of the work in one word: how many hands do it, whether others may begin, how many have
 * done it, and its number. */
#define BEGUN ((uint64_t)1)
#define OPEN ((uint64_t)1 << 16)
#define DONE ((uint64_t)1 << 17)
#define TICKET ((uint64_t)1 << 32)
#define BEGUN_OF(state) ((uint16_t)(state))
#define DONE_OF(state) ((unsigned)((state) >> 17) & 0x7fff)
#define TICKET_OF(state) ((uint32_t)((state) >> 32))

struct crew {
    _Alignas(64) _Atomic uint64_t state;
    _Alignas(64) _Atomic unsigned asleep;
    atomic_bool over;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    void (*work)(void *context, unsigned thread);
    void *context;
    unsigned spins;
    unsigned hands;
    struct hand hand[];
};

static inline void pause_briefly(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static bool crew_has_work(struct crew *crew, uint32_t seen, memory_order order)
{
    return TICKET_OF(atomic_load_explicit(&crew->state, order)) != seen;
}

static void crew_await_work(struct crew *crew, uint32_t seen)
{
    for (unsigned i = 0; i < crew->spins; i++) {
        if (crew_has_work(crew, seen, memory_order_relaxed)) {
            return;
        }
        pause_briefly();
    }
    for (unsigned i = 0; i < YIELDS; i++) {
        if (crew_has_work(crew, seen, memory_order_relaxed)) {
            return;
        }
        (void)sched_yield();
    }
    (void)pthread_mutex_lock(&crew->mutex);
    atomic_fetch_add(&crew->asleep, 1); /* before the state is read again: see crew_call */
    while (!crew_has_work(crew, seen, memory_order_seq_cst)) {
        (void)pthread_cond_wait(&crew->wake, &crew->mutex);
    }
    atomic_fetch_sub(&crew->asleep, 1);
    (void)pthread_mutex_unlock(&crew->mutex);
}

/* False: the work is over. */
static bool crew_begin(struct crew *crew, uint32_t *seen)
{
    uint64_t state = atomic_load_explicit(&crew->state, memory_order_relaxed);
    do {
        *seen = TICKET_OF(state);
        if ((state & OPEN) == 0) {
            return false;
        }
    } while (!atomic_compare_exchange_weak_explicit(&crew->state, &state, state + BEGUN,
                                                    memory_order_acquire, memory_order_relaxed));
    return true;
}

static void *hand_main(void *argument)
{
    struct hand *hand = argument;
    struct crew *crew = hand->crew;
    uint32_t seen = 0;
    for (;;) {
        crew_await_work(crew, seen);
        if (atomic_load(&crew->over)) {
            return NULL;
        }
        if (crew_begin(crew, &seen)) {
            crew->work(crew->context, hand->number);
            atomic_fetch_add_explicit(&crew->state, DONE - BEGUN, memory_order_release);
        }
    }
}

static void crew_call(struct crew *crew)
{
    uint64_t state = atomic_load_explicit(&crew->state, memory_order_relaxed);
    atomic_store(&crew->state, (uint64_t)(TICKET_OF(state) + 1) * TICKET | OPEN);
    if (atomic_load(&crew->asleep) > 0) { /* a hand that counts itself later sees the ticket */
        (void)pthread_mutex_lock(&crew->mutex);
        (void)pthread_cond_broadcast(&crew->wake);
        (void)pthread_mutex_unlock(&crew->mutex);
    }
}

static void crew_pause(const struct crew *crew, unsigned i)
{
    if (i < crew->spins) {
        pause_briefly();
    } else {
        (void)sched_yield();
    }
}

void crew_work(struct crew *crew)
{
    crew_call(crew);
    crew->work(crew->context, 0);
    for (unsigned i = 0;; i++) {
        uint64_t state = atomic_load_explicit(&crew->state, memory_order_acquire);
        if (DONE_OF(state) == crew->hands) {
            return;
        }
        crew_pause(crew, i);
    }
}

void crew_work_any(struct crew *crew)
{
    crew_call(crew);
    crew->work(crew->context, 0);
    uint64_t state = atomic_fetch_and_explicit(&crew->state, ~OPEN, memory_order_acquire);
    for (unsigned i = 0; BEGUN_OF(state) != 0; i++) {
        crew_pause(crew, i);
        state = atomic_load_explicit(&crew->state, memory_order_acquire);
    }
}

enum err crew_new(struct crew **out, unsigned threads, void (*work)(void *context, unsigned thread),
                  void *context)
{
    invariant(threads >= 2);
    size_t bytes = sizeof(struct crew) + (threads - 1) * sizeof(struct hand);
    bytes = (bytes + 63) / 64 * 64;
    struct crew *crew = aligned_alloc(64, bytes);
    if (crew == NULL) {
        return ERR_NO_MEMORY;
    }
    atomic_init(&crew->state, 0);
    atomic_init(&crew->asleep, 0);
    atomic_init(&crew->over, false);
    (void)pthread_mutex_init(&crew->mutex, NULL);
    (void)pthread_cond_init(&crew->wake, NULL);
    crew->work = work;
    crew->context = context;
    /* With fewer cores than threads, to spin is to keep the one that is waited for from running. */
    crew->spins = sysconf(_SC_NPROCESSORS_ONLN) >= (long)threads ? SPINS : 0;
    crew->hands = 0;
    for (unsigned i = 1; i < threads; i++) {
        struct hand *hand = &crew->hand[i - 1];
        hand->crew = crew;
        hand->number = i;
        if (pthread_create(&hand->thread, NULL, hand_main, hand) != 0) {
            crew_free(crew);
            return ERR_BUSY;
        }
        crew->hands++;
    }
    *out = crew;
    return ERR_OK;
}

void crew_free(struct crew *crew)
{
    if (crew == NULL) {
        return;
    }
    atomic_store(&crew->over, true);
    crew_call(crew);
    for (unsigned i = 0; i < crew->hands; i++) {
        (void)pthread_join(crew->hand[i].thread, NULL);
    }
    (void)pthread_cond_destroy(&crew->wake);
    (void)pthread_mutex_destroy(&crew->mutex);
    free(crew);
}
