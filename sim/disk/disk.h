/* Virtual disk time: a request takes a latency and its bytes at a rate, and requests queue first
 * come first served. A write is a synchronous commit: latency_ns is that of a flush. What is stored
 * is in records.h. spec: design 2, 4 */
#ifndef ORRERY_SIM_DISK_DISK_H
#define ORRERY_SIM_DISK_DISK_H

#include "node/base/bytes.h"
#include "node/base/err.h"

/* Immutable; many nodes may share one. */
struct disk_profile {
    uint64_t latency_ns;
    uint64_t byte_q20;       /* time per byte in 2^-20 ns, 0: no limit */
    uint64_t capacity_bytes; /* 0: no limit */
};

struct disk {
    uint64_t busy_until_ns;
    uint64_t worked_ns; /* in total */
};

/* bytes_per_s 0: no limit. ERR_RANGE: a rate above 1 TB/s, a latency above 1000 s. */
MUST_CHECK enum err disk_profile_init(struct disk_profile *profile, uint64_t latency_ns,
                                      uint64_t bytes_per_s, uint64_t capacity_bytes);

/* How long a request takes when nothing is wrong, at most 2^61 ns. */
uint64_t disk_work_ns(const struct disk_profile *profile, uint64_t bytes);

/* When a request that is made at now_ns begins: after those before it. */
uint64_t disk_begin_ns(const struct disk *disk, uint64_t now_ns);

/* The request that begins then ends at end_ns: disk_work_ns later, or when a slow disk
 * (fault_work_until of FAULT_SLOW_DISK) lets it. */
void disk_run(struct disk *disk, uint64_t begin_ns, uint64_t end_ns);

/* May `bytes` more be stored? ERR_NO_SPACE when the disk is full, by its capacity or by a fault
 * (full). stored_bytes is what records_bytes says. The request takes its time all the same. */
MUST_CHECK enum err disk_space(const struct disk_profile *profile, uint64_t stored_bytes,
                               uint64_t bytes, bool full);

/* A crash drops what was queued. */
void disk_crash(struct disk *disk);

#endif
