/* Delta debugging (Zeller, Hildebrandt: Simplifying and Isolating Failure-Inducing Input, IEEE TSE
 * 2002): from a list whose whole fails to a part of it that still fails and from which no single
 * item can be taken. */
#ifndef ORRERY_HUNT_DDMIN_H
#define ORRERY_HUNT_DDMIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ddmin {
    size_t count;
    /* Tries candidates, each `count` bytes (1: the item stays), in any order or at once. Returns
     * the number of the first that still fails, `candidates` when none does, SIZE_MAX to end now.
     */
    size_t (*first)(void *arg, const uint8_t *const *keep, size_t candidates);
    void *arg;
};

/* keep: all that is there is 1; becomes what is left. Returns how many items that is. */
size_t ddmin_run(const struct ddmin *ddmin, uint8_t *keep);

#endif
