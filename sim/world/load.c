/* People at work: each node of a load's group is an independent source, so that the whole group is
 * a Poisson process of the stated rate (or, for constant gaps, evenly staggered). */
#include "sim/world/internal.h"

#define TX_TRANSFER 0x01
#define TX_BOND 0x02
#define TX_UNBOND 0x03
#define BODY_BYTES_MAX (2 + 32 + 8 + 3 + 1024)

/* Mean gap of one source. */
static uint64_t gap_mean_ns(const struct load_state *load)
{
    const struct ratio *rate = &load->spec->per_s;

    return (uint64_t)((u128)1000000000 * load->count * rate->den / rate->num);
}

static void source_next(struct world *w, unsigned thread, uint32_t src, uint32_t number,
                        uint32_t index, uint64_t now_ns)
{
    const struct load_state *load = &w->loads[number];
    const struct scenario_load *spec = load->spec;
    uint64_t mean = gap_mean_ns(load);
    uint64_t count = w->hosts[index].load_count++;
    uint64_t u = draw(w->scenario->seed, DRAW_LOAD_GAP, number, index, count);
    uint64_t gap = mean;

    if (spec->poisson) {
        gap = quantile_sample(&w->exponential, u, mean);
    } else if (now_ns == spec->start_ns) {
        gap = draw_below(u, mean + 1);
    }
    uint64_t at = now_ns + gap + 1;
    if (spec->end_ns == 0 || at < spec->end_ns) {
        engine_send(w->engine, thread, src, index, at, payload_make(PAYLOAD_LOAD, number));
    }
}

void load_schedule(struct world *w)
{
    uint32_t world = engine_world(w->engine);

    for (uint32_t number = 0; number < w->scenario->loads_count; number++) {
        struct load_state *load = &w->loads[number];
        for (uint32_t i = load->first; i < load->first + load->count; i++) {
            if (load->spec->per_s.num > 0) {
                source_next(w, 0, world, number, i, load->spec->start_ns);
            }
        }
    }
}

/* Another member of the same group. */
static const struct member *payee(const struct world *w, uint32_t number, uint32_t index,
                                  uint64_t count)
{
    const struct load_state *load = &w->loads[number];
    uint64_t u = draw(w->scenario->seed, DRAW_LOAD_ENTRY, number, index, count);
    uint32_t other = load->count > 1 ? (uint32_t)draw_below(u, load->count - 1) : 0;

    other += load->first;
    return &w->population.members[load->count > 1 && other >= index ? other + 1 : other];
}

void load_arrive(struct world *w, unsigned thread, uint32_t index, uint64_t now_ns,
                 uint64_t payload)
{
    struct host *h = &w->hosts[index];
    uint32_t number = (uint32_t)(payload >> 4);
    const struct scenario_load *spec = w->loads[number].spec;
    uint64_t count = h->load_count;
    uint8_t body[BODY_BYTES_MAX];
    struct writer out;
    struct event event = {.kind = EVENT_SUBMIT};

    source_next(w, thread, index, number, index, now_ns);
    if (!h->up) {
        return;
    }
    writer_init(&out, body, sizeof(body));
    switch (spec->kind) {
    case LOAD_TRANSFER:
        writer_u16(&out, TX_TRANSFER);
        writer_hash(&out, payee(w, number, index, count)->account);
        writer_u64(&out, spec->amount);
        writer_var(&out, spec->memo_bytes);
        memset(writer_room(&out, spec->memo_bytes), 'm', spec->memo_bytes);
        break;
    case LOAD_BOND:
    case LOAD_UNBOND:
        writer_u16(&out, spec->kind == LOAD_BOND ? TX_BOND : TX_UNBOND);
        writer_u64(&out, spec->amount);
        break;
    }
    event.submit.request = count;
    event.submit.kind = SUBMIT_BODY;
    event.submit.data = span_of(body, writer_len(&out));
    step_run(w, thread, index, cpu_free_ns(&h->cpu, now_ns), &event);
}
