/* One line per event and trace, for `orrery replay` and transcript tests:
 *   [   12.345678901] 17 < recv HELLO from 4 (94 bytes)
 *   [   12.345702301] 17 * tip_changed height=3 block=9f3a.. depth=0 score=... */
#include "node/wire/frames.h"
#include "sim/world/internal.h"

static bool wanted(const struct world *w, uint32_t index, uint64_t now_ns)
{
    const struct world_options *o = &w->options;

    return o->transcript != NULL && now_ns >= o->transcript_from_ns &&
           (o->transcript_to_ns == 0 || now_ns < o->transcript_to_ns) &&
           (o->transcript_node == UINT32_MAX || o->transcript_node == index);
}

static void line_begin(FILE *out, uint32_t index, uint64_t now_ns, char sign)
{
    fprintf(out, "[%5llu.%09llu] %u %c ", (unsigned long long)(now_ns / 1000000000),
            (unsigned long long)(now_ns % 1000000000), index, sign);
}

void transcript_event(struct world *w, uint32_t index, uint64_t now_ns, const struct event *event)
{
    static const char *const names[] = {"start",     "wake",       "link up", "link down", "recv",
                                        "read done", "write done", "submit",  "stop"};
    FILE *out = w->options.transcript;

    if (!wanted(w, index, now_ns)) {
        return;
    }
    line_begin(out, index, now_ns, '<');
    fputs(names[event->kind], out);
    switch (event->kind) {
    case EVENT_RECV: {
        const char *name =
            event->recv.frame->len > 0 ? frame_name(event->recv.frame->data[0]) : NULL;
        uint32_t peer = event->recv.link == LINK_NONE
                            ? node_of_endpoint(&event->recv.from, w->count)
                            : host_link(&w->hosts[index], event->recv.link)->peer;
        fprintf(out, " %s from %u (%u bytes)", name == NULL ? "?" : name, peer,
                event->recv.frame->len);
        break;
    }
    case EVENT_LINK_UP:
        fprintf(out, " %u to %u%s", event->link_up.link,
                host_link(&w->hosts[index], event->link_up.link)->peer,
                event->link_up.dialed ? ", dialed" : "");
        break;
    case EVENT_LINK_DOWN:
        if (event->link_down.link != LINK_NONE) {
            fprintf(out, " %u", event->link_down.link);
        }
        break;
    case EVENT_READ_DONE:
        fprintf(out, " %u: %zu records", event->read_done.request, event->read_done.count);
        break;
    case EVENT_WRITE_DONE:
        fprintf(out, " %u: %s", event->write_done.request, err_text(event->write_done.err));
        break;
    default:
        break;
    }
    fputc('\n', out);
}

static void column(FILE *out, const char *name, const char *type, uint64_t value)
{
    if (strcmp(type, "HASH") == 0) {
        fprintf(out, " %s=%016llx", name, (unsigned long long)__builtin_bswap64(value));
    } else if (strcmp(type, "I64") == 0) {
        fprintf(out, " %s=%lld", name, (long long)value);
    } else {
        fprintf(out, " %s=%llu", name, (unsigned long long)value);
    }
}

void transcript_trace(struct world *w, const struct trace_row *row)
{
    FILE *out = w->options.transcript;
    uint32_t kind = 0;
    size_t i = 0;

    if (!wanted(w, row->node, row->time_ns)) {
        return;
    }
    line_begin(out, row->node, row->time_ns, '*');
#define C(name, type, unit) column(out, #name, #type, row->value[i++]);
#define TRACE(name, text, columns)                                                                 \
    if (row->kind == kind++) {                                                                     \
        fputs(#name, out);                                                                         \
        columns                                                                                    \
    }
#include "node/seam/trace.def"
#include "sim/scenario/world_trace.def"
#undef TRACE
#undef C
    fputc('\n', out);
}
