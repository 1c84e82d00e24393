/* The discrete-event engine: virtual time, the queue of events, and threads.
 *
 * Virtual time advances in slots no wider than the smallest delay between two nodes, so that
 * nothing a node sends inside a slot reaches another node inside it. A node handles its events in
 * the order of their keys (event.h) and touches only its own state, therefore the nodes of a slot
 * may run in parallel and every result is the same for any number of threads. What a node sends
 * to itself may fall into the open slot; it then happens there, in its place.
 *
 * Nodes that stand together may be told apart from the rest as a zone. What one zone sends another
 * is under way much longer than a slot, so each zone runs many slots on its own before they all
 * meet again, and threads take one zone after the other.
 *
 * design: section 3. After Chandy, Misra 1979 (conservative windows) and Brown 1988 (calendar). */
#ifndef ORRERY_ENGINE_ENGINE_H
#define ORRERY_ENGINE_ENGINE_H

#include <stddef.h>
#include <stdint.h>

#include "node/base/err.h"
#include "sim/engine/event.h"
#include "sim/engine/fingerprint.h"

#define ENGINE_THREADS_MAX 64
#define ENGINE_ZONES_MAX 64
#define ENGINE_SLOT_NS_MIN 2

struct engine;

struct engine_config {
    uint32_t nodes;    /* 1 to 2^32 - 2; they are 0 to nodes - 1 */
    unsigned threads;  /* 1 to ENGINE_THREADS_MAX; more than nodes is the same as nodes */
    uint64_t slot_ns;  /* the smallest delay between two nodes */
    uint64_t epoch_ns; /* time between two calls of epoch_hook; 0: none */
    void *world;       /* handed to the functions below */

    /* What a node does. Called on any thread, events of one node one after the other; thread is
     * the number under which the node calls engine_send and engine_wake, below engine_lanes,
     * constant for a node, and two calls at the same time have different ones. */
    void (*handler)(void *world, unsigned thread, const struct engine_event *event);

    /* Called between slots, on the thread that called engine_run, while no node runs. They may
     * send events and wakes for any node. slot_hook: after each slot that had events, now_ns is
     * its end (or the epoch or until_ns that divides it). epoch_hook: when everything before epoch
     * * epoch_ns has happened and nothing at or after it has, once for each epoch from 1 on, empty
     * or not. Either may be NULL. */
    void (*slot_hook)(void *world, uint64_t now_ns);
    void (*epoch_hook)(void *world, uint64_t epoch, uint64_t now_ns);

    /* Optional: a hint that the event is near, to fetch into the cache what it will touch: stage 0
     * some events before, then stage 1, when what stage 0 fetched is there. May read what nodes
     * cannot change by running, and changes nothing. */
    void (*fetch)(const void *world, const struct engine_event *event, unsigned stage);

    /* Optional: node n's state begins at node_state + n * node_state_bytes, and its first cache
     * line is fetched shortly before the node runs. */
    const void *node_state;
    size_t node_state_bytes;

    /* Optional, and no part of the result: zone[n], below zones (at most ENGINE_ZONES_MAX), is
     * where node n stands, and what is sent from one zone to another takes zone_ns or more. Of use
     * with more than one thread, no slot_hook and a zone_ns of several slots; ignored else. The
     * array outlives the engine. */
    const uint8_t *zone;
    unsigned zones;
    uint64_t zone_ns;
};

enum engine_stop {
    ENGINE_STOP_TIME,    /* until_ns is reached: everything before it has happened */
    ENGINE_STOP_EVENTS,  /* the number of events is reached */
    ENGINE_STOP_DRAINED, /* nothing is left to happen and there is no until_ns */
    ENGINE_STOP_ASKED,   /* engine_stop */
};

struct engine_counters {
    uint64_t events;        /* handled */
    uint64_t slots;         /* that had events */
    uint64_t slots_skipped; /* that had none */
    uint64_t slots_crew;    /* run by more than one thread; depends on the machine */
    uint64_t refiled;       /* far events filed again */
    uint64_t own;           /* events a node sent to itself inside a slot */
    uint64_t stale;         /* wakes that came to nothing because they had been moved */
    uint64_t pending;       /* events waiting now, stale wakes included */
    uint64_t pending_peak;  /* the most after any slot, or after zones have met */
};

/* ERR_RANGE: a number out of its range. ERR_NO_MEMORY, ERR_BUSY: as said. Later on, running out
 * of memory ends the program, as does anything sent into the past (invariants). */
MUST_CHECK enum err engine_new(struct engine **out, const struct engine_config *config);
void engine_free(struct engine *engine);

/* The source of what the world itself sends, between slots: a number that is no node's. */
uint32_t engine_world(const struct engine *engine);

/* Makes an event happen at dst. Inside a handler: thread is the handler's, src the node that
 * runs, and time_ns is not before the event it handles if dst is src, and not before the end of
 * the slot otherwise (a delay of at least slot_ns is always enough; zone_ns if dst stands in
 * another zone). Between slots: any src, thread 0, and time_ns not before engine_now. payload: any
 * but ENGINE_WAKE. */
void engine_send(struct engine *engine, unsigned thread, uint32_t src, uint32_t dst,
                 uint64_t time_ns, uint64_t payload);

/* Sets the one wake of a node, in place of the one before: an event from ENGINE_TIMER with
 * payload ENGINE_WAKE at time_ns, at once if that is past, none for ENGINE_NEVER. A wake that has
 * come is not set any more. Costs a comparison when an earlier one is on its way. Who may call it
 * when: as engine_send, with src and dst the node. */
void engine_wake(struct engine *engine, unsigned thread, uint32_t node, uint64_t time_ns);

/* Runs until virtual time until_ns (ENGINE_NEVER: no limit) or until max_events events have been
 * handled since engine_new (UINT64_MAX: no limit; looked at between slots, so some more may have
 * been, the same number for any number of threads). Can be called again to go on; what happens
 * does not depend on how a run is divided by until_ns. */
enum engine_stop engine_run(struct engine *engine, uint64_t until_ns, uint64_t max_events);

/* Asks engine_run to return at the end of the slot, or when zones meet. From handlers, hooks,
 * signal handlers. */
void engine_stop(struct engine *engine);

/* Between slots: the time before which everything has happened. Inside one: unspecified; an
 * event carries its time. */
uint64_t engine_now(const struct engine *engine);

/* The thread number of a node, for what the world keeps per thread, and how many there are: one
 * for each thread, or for each zone. */
unsigned engine_thread(const struct engine *engine, uint32_t node);
unsigned engine_lanes(const struct engine *engine);

/* Mixes value into the fingerprint of node; inside a handler, the node that runs. The engine
 * itself mixes in time, source and count of each event handled, not the payload, which may be a
 * mere reference. */
void engine_mix(struct engine *engine, uint32_t node, uint64_t value);

/* The fingerprint of node so far. */
uint64_t engine_fingerprint(const struct engine *engine, uint32_t node);

struct engine_counters engine_counters(const struct engine *engine);

#endif
