/* Our own bugs. An invariant is always on, in every build; it is never for what a peer or a disk
 * can cause. The host supplies invariant_failed (link time): the simulator prints node, time and
 * seed, the daemon logs, both stop. */
#ifndef ORRERY_BASE_INVARIANT_H
#define ORRERY_BASE_INVARIANT_H

_Noreturn void invariant_failed(const char *file, int line, const char *expression);

#define invariant(x) ((x) ? (void)0 : invariant_failed(__FILE__, __LINE__, #x))

#endif
