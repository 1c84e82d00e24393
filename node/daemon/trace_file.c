#include "node/daemon/trace_file.h"

#include <inttypes.h>
#include <string.h>

enum column_type { U64, I64, HASH, NODE, COLUMN_NONE };

struct kind_info {
    const char *name;
    enum column_type type[TRACE_VALUES_MAX + 1]; /* ends with COLUMN_NONE */
};

static const struct kind_info kinds[TRACE_KINDS] = {
#define C(name, column, unit) column,
#define TRACE(kind, text, columns) {#kind, {columns COLUMN_NONE}},
#include "node/seam/trace.def"
#undef TRACE
#undef C
};

static void notice(void *context, const struct host_notice *notice)
{
    struct trace_file *trace = context;

    if (notice->kind != HOST_TRACE) {
        return;
    }
    const struct kind_info *kind = &kinds[notice->trace.kind];
    fprintf(trace->file, "%s\t%" PRIu64 "\t%" PRIu64, kind->name, notice->time.mono_ns,
            notice->time.wall_ms);
    for (size_t i = 0; kind->type[i] != COLUMN_NONE; i++) {
        uint64_t value = notice->trace.value[i];
        if (kind->type[i] == HASH) {
            fprintf(trace->file, "\t%016" PRIx64, __builtin_bswap64(value));
        } else if (kind->type[i] == I64) {
            fprintf(trace->file, "\t%" PRId64, (int64_t)value);
        } else {
            fprintf(trace->file, "\t%" PRIu64, value);
        }
    }
    fputc('\n', trace->file);
}

enum err trace_file_open(struct trace_file *trace, const char *path)
{
    *trace = (struct trace_file){.file = fopen(path, "ae")};
    return trace->file != NULL && setvbuf(trace->file, NULL, _IOLBF, BUFSIZ) == 0 ? ERR_OK : ERR_IO;
}

void trace_file_observe(struct trace_file *trace, struct host *host)
{
    trace->observer = (struct host_observer){.notice = notice, .context = trace};
    host_observe(host, &trace->observer);
}

bool trace_file_close(struct trace_file *trace)
{
    bool good = trace->file == NULL || ferror(trace->file) == 0;

    if (trace->file != NULL) {
        good = fclose(trace->file) == 0 && good;
    }
    trace->file = NULL;
    return good;
}
