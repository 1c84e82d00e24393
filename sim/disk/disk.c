#include "sim/disk/disk.h"

#define LATENCY_NS_MAX 1000000000000u
#define RATE_MAX 1000000000000u

enum err disk_profile_init(struct disk_profile *profile, uint64_t latency_ns, uint64_t bytes_per_s,
                           uint64_t capacity_bytes)
{
    if (latency_ns > LATENCY_NS_MAX || bytes_per_s > RATE_MAX) {
        return ERR_RANGE;
    }
    *profile = (struct disk_profile){
        .latency_ns = latency_ns,
        .byte_q20 = bytes_per_s == 0 ? 0 : ((uint64_t)1000000000 << 20) / bytes_per_s,
        .capacity_bytes = capacity_bytes,
    };
    return ERR_OK;
}

uint64_t disk_work_ns(const struct disk_profile *profile, uint64_t bytes)
{
    u128 ns = profile->latency_ns + ((u128)profile->byte_q20 * bytes >> 20);

    return ns >> 61 ? (uint64_t)1 << 61 : (uint64_t)ns;
}

uint64_t disk_begin_ns(const struct disk *disk, uint64_t now_ns)
{
    return disk->busy_until_ns > now_ns ? disk->busy_until_ns : now_ns;
}

void disk_run(struct disk *disk, uint64_t begin_ns, uint64_t end_ns)
{
    disk->worked_ns += end_ns - begin_ns;
    disk->busy_until_ns = end_ns;
}

enum err disk_space(const struct disk_profile *profile, uint64_t stored_bytes, uint64_t bytes,
                    bool full)
{
    uint64_t capacity = profile->capacity_bytes;
    bool fits = capacity == 0 || (stored_bytes <= capacity && bytes <= capacity - stored_bytes);
    return fits && !full ? ERR_OK : ERR_NO_SPACE;
}

void disk_crash(struct disk *disk)
{
    disk->busy_until_ns = 0;
}
