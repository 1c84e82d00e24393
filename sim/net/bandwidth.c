#include "sim/net/bandwidth.h"

#define BPS_MIN 1000u
#define BPS_MAX 1000000000000u
#define ACCESS_NS_MAX 100000000000u

static enum err time_of_rate(uint64_t *time_q20, uint64_t bps)
{
    if (bps != 0 && (bps < BPS_MIN || bps > BPS_MAX)) {
        return ERR_RANGE;
    }
    *time_q20 = bps == 0 ? 0 : ((uint64_t)8000000000 << 20) / bps;
    return ERR_OK;
}

enum err bandwidth_init(struct bandwidth *bandwidth, uint64_t up_bps, uint64_t down_bps,
                        uint64_t access_ns)
{
    if (access_ns > ACCESS_NS_MAX) {
        return ERR_RANGE;
    }
    bandwidth->access_ns = access_ns;
    TRY(time_of_rate(&bandwidth->up_q20, up_bps));
    return time_of_rate(&bandwidth->down_q20, down_bps);
}
