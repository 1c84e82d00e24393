#include "sim/net/link.h"

#include "node/base/invariant.h"

enum {
    FAST_RESEND_SEGMENTS = 4, /* one lost and three that tell of it */
    MS_NS = 1000000,
    RESENDS_MAX = 255, /* of one message; their draws are numbered in 8 bits */
};

void net_reseed(struct net *net, uint64_t seed)
{
    net->key_jitter = draw_key(seed, DRAW_LINK_JITTER);
    net->key_loss = draw_key(seed, DRAW_LINK_LOSS);
    net->key_resend = draw_key(seed, DRAW_LINK_RESEND);
    net->key_datagram_jitter = draw_key(seed, DRAW_DATAGRAM_JITTER);
    net->key_datagram_loss = draw_key(seed, DRAW_DATAGRAM_LOSS);
    net->key_copy = draw_key(seed, DRAW_DATAGRAM_COPY);
    net->key_copy_jitter = draw_key(seed, DRAW_DATAGRAM_COPY_JITTER);
}

enum err net_init(struct net *net, const struct cities *cities, const struct quantile *exponential,
                  const uint16_t *city, const struct bandwidth *bandwidth, uint32_t node_count,
                  const struct link_rules *rules, uint64_t seed)
{
    if (rules->loss_q32 >= DRAW_CERTAIN || rules->duplicate_q32 > DRAW_CERTAIN ||
        rules->rto_min_ns == 0 || rules->rto_max_ns < rules->rto_min_ns ||
        rules->break_after_ns < rules->rto_min_ns || rules->break_after_ns >> 62 != 0) {
        return ERR_RANGE;
    }
    for (uint32_t i = 0; i < node_count; i++) {
        if (city[i] >= cities->count) {
            return ERR_RANGE;
        }
    }
    *net = (struct net){
        .cities = cities,
        .exponential = exponential,
        .city = city,
        .bandwidth = bandwidth,
        .node_count = node_count,
        .rules = *rules,
    };
    net_reseed(net, seed);
    return ERR_OK;
}

void link_open(struct link_side *side, uint32_t incarnation)
{
    *side = (struct link_side){
        .break_ns = LINK_NEVER,
        .sent = (uint64_t)incarnation << 32,
    };
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t slowed(uint64_t ns, uint32_t num, uint32_t den)
{
    return num == den ? ns : (uint64_t)((u128)ns * num / den);
}

/* The chance that at least one of two independent misfortunes of Q32 probability happens. */
static uint64_t either_q32(uint64_t a, uint64_t b)
{
    a = a > DRAW_CERTAIN ? DRAW_CERTAIN : a;
    b = b > DRAW_CERTAIN ? DRAW_CERTAIN : b;
    return DRAW_CERTAIN - (uint64_t)((u128)(DRAW_CERTAIN - a) * (DRAW_CERTAIN - b) >> 32);
}

/* 1 - (1 - p)^n. */
static uint64_t any_of_q32(uint64_t p_q32, uint32_t n)
{
    uint64_t result = 0;
    for (; n > 0; n >>= 1) {
        if (n & 1) {
            result = either_q32(result, p_q32);
        }
        p_q32 = either_q32(p_q32, p_q32);
    }
    return result;
}

struct path {
    uint32_t src;
    uint32_t dst;
    uint64_t base_ns; /* access links included */
    uint64_t jitter_ns;
    uint64_t start_ns; /* of the upload */
    uint64_t flow_ns;  /* the slower access link's time */
    uint64_t loss_q32;
    bool held; /* the sender's line is, until this has arrived */
};

/* Takes the sender's queue; common to links and datagrams. */
static struct path path_begin(const struct net *net, struct bandwidth_queue *queue,
                              const struct link_conditions *conditions, uint32_t src, uint32_t dst,
                              uint64_t now_ns, uint32_t bytes)
{
    invariant(src < net->node_count && dst < net->node_count && src != dst);
    const struct bandwidth *from = &net->bandwidth[src];
    const struct bandwidth *to = &net->bandwidth[dst];
    struct city_pair pair = cities_pair(net->cities, net->city[src], net->city[dst]);
    struct path path = {
        .src = src,
        .dst = dst,
        .base_ns = pair.base_ns + from->access_ns + to->access_ns,
        .jitter_ns = pair.jitter_ns,
        .start_ns = now_ns,
    };
    if (now_ns < net->rules.bootstrap_ns) {
        return path;
    }
    uint64_t up_ns = bandwidth_time_ns(from->up_q20, bytes);
    uint64_t down_ns = bandwidth_time_ns(to->down_q20, bytes);
    path.loss_q32 = net->rules.loss_q32;
    if (conditions != NULL) {
        up_ns = slowed(up_ns, conditions->up_num, conditions->up_den);
        down_ns = slowed(down_ns, conditions->down_num, conditions->down_den);
        path.loss_q32 = either_q32(path.loss_q32, conditions->loss_q32);
    }
    path.flow_ns = later(up_ns, down_ns);
    if (net->laws == NULL) {
        path.start_ns = bandwidth_upload(queue, now_ns, up_ns);
    } else if (bytes < net->rules.bulk_bytes) {
        path.flow_ns = net->rules.control_ns;
    } else {
        path.start_ns = later(queue->up_free_ns, now_ns);
        path.flow_ns = path.flow_ns / MS_NS * MS_NS + net->rules.bulk_ns;
        path.held = true;
    }
    return path;
}

static uint64_t path_delay_ns(const struct net *net, const struct path *path, uint64_t u)
{
    if (net->laws != NULL) {
        return path->flow_ns +
               laws_delay_ns(net->laws, net->city[path->src], net->city[path->dst], u);
    }
    return path->flow_ns + path->base_ns + quantile_sample(net->exponential, u, path->jitter_ns);
}

/* When the transmission that gets through begins; LINK_NEVER when it would be after `limit_ns`. */
static uint64_t link_retry(const struct net *net, const struct path *path,
                           const struct link_conditions *conditions, uint32_t *resends,
                           uint64_t limit_ns, uint64_t number, uint32_t bytes)
{
    uint64_t loss_q32 = path->loss_q32;
    uint64_t clog_ns = conditions != NULL ? conditions->clog_ns : 0;
    uint64_t cut_until_ns = conditions != NULL ? conditions->cut_until_ns : 0;
    uint64_t rtt_ns = 2 * (path->base_ns + path->jitter_ns + clog_ns);
    uint64_t rto_ns = rtt_ns + later(net->rules.rto_min_ns, 8 * path->jitter_ns);
    uint32_t segments = bytes / LINK_SEGMENT_BYTES + (bytes % LINK_SEGMENT_BYTES != 0);
    uint64_t at_ns = path->start_ns;
    bool cut = at_ns < cut_until_ns;
    bool lost = loss_q32 > 0 && draw_hit(draw_at(net->key_loss, path->src, path->dst, number),
                                         any_of_q32(loss_q32, segments == 0 ? 1 : segments));
    if (lost && !cut && segments >= FAST_RESEND_SEGMENTS) {
        at_ns += rtt_ns;
        ++*resends;
        lost = draw_hit(draw_at(net->key_resend, path->src, path->dst, number << 8), loss_q32);
    }
    while (cut || lost) {
        if (*resends == RESENDS_MAX) {
            return LINK_NEVER;
        }
        at_ns += rto_ns;
        if (at_ns > limit_ns) {
            return LINK_NEVER;
        }
        rto_ns =
            2 * rto_ns < net->rules.rto_max_ns ? 2 * rto_ns : later(rto_ns, net->rules.rto_max_ns);
        cut = at_ns < cut_until_ns;
        ++*resends;
        lost = loss_q32 > 0 &&
               draw_hit(draw_at(net->key_resend, path->src, path->dst, number << 8 | *resends),
                        loss_q32);
    }
    return at_ns > limit_ns ? LINK_NEVER : at_ns;
}

void link_send(const struct net *net, struct link_side *side, struct bandwidth_queue *queue,
               const struct link_conditions *conditions, struct link_outcome *out, uint32_t src,
               uint32_t dst, uint64_t now_ns, uint32_t bytes)
{
    struct path path = path_begin(net, queue, conditions, src, dst, now_ns, bytes);
    uint64_t number = side->sent++;
    uint64_t delay_ns = path_delay_ns(net, &path, draw_at(net->key_jitter, src, dst, number));
    uint64_t begin_ns = path.start_ns;
    *out = (struct link_outcome){0};
    if (conditions != NULL) {
        delay_ns += conditions->clog_ns;
    }
    if (path.loss_q32 > 0 || conditions != NULL) {
        uint64_t limit_ns = path.start_ns + net->rules.break_after_ns;
        begin_ns = link_retry(net, &path, conditions, &out->resends, limit_ns, number, bytes);
        bool unheard = conditions != NULL && conditions->cut_back_until_ns > limit_ns;
        if ((begin_ns == LINK_NEVER || unheard) && limit_ns < side->break_ns) {
            side->break_ns = limit_ns;
        }
    }
    uint64_t arrival_ns =
        begin_ns == LINK_NEVER ? LINK_NEVER : later(begin_ns + delay_ns, side->last_arrival_ns + 1);
    if (begin_ns == LINK_NEVER) {
        side->last_arrival_ns = LINK_NEVER - 1; /* nothing overtakes what was given up */
    }
    if (arrival_ns > side->break_ns) {
        arrival_ns = LINK_NEVER;
    }
    if (arrival_ns != LINK_NEVER) {
        side->last_arrival_ns = arrival_ns;
    }
    if (path.held) {
        queue->up_free_ns = arrival_ns != LINK_NEVER ? arrival_ns : path.start_ns + delay_ns;
    }
    out->arrival_ns = arrival_ns;
    out->break_ns = side->break_ns;
}

unsigned link_datagram(const struct net *net, struct bandwidth_queue *queue,
                       const struct link_conditions *conditions, uint64_t arrival_ns[2],
                       uint32_t src, uint32_t dst, uint64_t number, uint64_t now_ns, uint32_t bytes)
{
    struct path path = path_begin(net, queue, conditions, src, dst, now_ns, bytes);
    uint64_t duplicate_q32 = net->rules.duplicate_q32;
    uint64_t begin_ns = path.start_ns;
    if (conditions != NULL) {
        if (conditions->cut_until_ns > path.start_ns) {
            return 0;
        }
        begin_ns += conditions->clog_ns;
        duplicate_q32 = either_q32(duplicate_q32, conditions->duplicate_q32);
    }
    if (path.loss_q32 > 0 &&
        draw_hit(draw_at(net->key_datagram_loss, src, dst, number), path.loss_q32)) {
        return 0;
    }
    arrival_ns[0] =
        begin_ns + path_delay_ns(net, &path, draw_at(net->key_datagram_jitter, src, dst, number));
    if (duplicate_q32 == 0 || !draw_hit(draw_at(net->key_copy, src, dst, number), duplicate_q32)) {
        return 1;
    }
    arrival_ns[1] =
        begin_ns + 1 + path_delay_ns(net, &path, draw_at(net->key_copy_jitter, src, dst, number));
    return 2;
}

uint64_t link_receive(const struct net *net, struct bandwidth_queue *queue, uint32_t dst,
                      uint64_t arrival_ns, uint32_t bytes, uint32_t slow_num, uint32_t slow_den)
{
    if (arrival_ns < net->rules.bootstrap_ns || net->laws != NULL) {
        return arrival_ns;
    }
    uint64_t down_ns = bandwidth_time_ns(net->bandwidth[dst].down_q20, bytes);
    return bandwidth_download(queue, arrival_ns, slowed(down_ns, slow_num, slow_den));
}

uint64_t link_rtt_ns(const struct net *net, uint32_t a, uint32_t b)
{
    struct city_pair pair = cities_pair(net->cities, net->city[a], net->city[b]);
    return 2 * (pair.base_ns + pair.jitter_ns + net->bandwidth[a].access_ns +
                net->bandwidth[b].access_ns);
}
