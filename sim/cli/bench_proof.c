#define _GNU_SOURCE
#include "sim/cli/bench_proof.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "node/crypto/crypto.h"

static double clock_ns(clockid_t clock)
{
    struct timespec t;
    (void)clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

double bench_cpu_ns(void)
{
    return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

double bench_wall_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

uint8_t *bench_memory(uint64_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        fprintf(stderr, "orrery bench: no memory for %" PRIu64 " bytes\n", bytes);
        exit(1);
    }
    (void)madvise(p, bytes, MADV_HUGEPAGE);
    return p;
}

void bench_memory_free(uint8_t *p, uint64_t bytes)
{
    (void)munmap(p, bytes);
}

void bench_figure_add(struct bench *b, struct bench_figure figure)
{
    if (b->n_figures == 0) {
        fprintf(b->out, "%-46s %10s  %-8s %7s  %s\n", "figure", "value", "unit", "ratio", "");
    }
    fprintf(b->out, "%-46s %10.4g  %-8s ", figure.name, figure.value, figure.unit);
    if (figure.against != NULL) {
        bool met = figure.at_most ? figure.ratio <= figure.target : figure.ratio >= figure.target;
        fprintf(b->out, "%7.3f  of %s", figure.ratio, figure.against);
        if (figure.target > 0) {
            fprintf(b->out, " (%s %.2f: %s)", figure.at_most ? "at most" : "at least",
                    figure.target, met ? "reached" : "missed");
        }
    }
    fputc('\n', b->out);
    fflush(b->out);
    if (b->n_figures < sizeof b->figures / sizeof *b->figures) {
        b->figures[b->n_figures++] = figure;
    }
}

void bench_scheme_add(struct bench *b, struct bench_scheme scheme)
{
    if (b->n_schemes < sizeof b->schemes / sizeof *b->schemes) {
        b->schemes[b->n_schemes++] = scheme;
    }
}

static void schemes_print(const struct bench *b)
{
    if (b->n_schemes == 0) {
        return;
    }
    fprintf(b->out, "\n%-30s %5s %10s %9s %10s %9s %9s  %s\n", "scheme", "c", "setup ns/B",
            "overhead", "proof B", "prove ms", "verify ms", "public");
    for (size_t i = 0; i < b->n_schemes; i++) {
        const struct bench_scheme *s = &b->schemes[i];
        fprintf(b->out, "%-30s %5u %10.3f %8.2f%% %10" PRIu64 " %9.3f %9.3f  %s\n", s->name,
                s->challenges, s->setup_ns_byte, 100 * s->overhead, s->proof_bytes, s->prove_ms,
                s->verify_ms, s->publicly);
    }
}

static bool json_write(const struct bench *b, const char *path)
{
    FILE *f = fopen(path, "w");
    if (f == NULL) {
        return false;
    }
    fprintf(f, "{\n \"engine\": \"%s\", \"size\": %" PRIu64 ",\n \"figures\": [\n", b->engine->name,
            b->size);
    for (size_t i = 0; i < b->n_figures; i++) {
        const struct bench_figure *g = &b->figures[i];
        fprintf(f, "  {\"name\": \"%s\", \"value\": %.6g, \"unit\": \"%s\"", g->name, g->value,
                g->unit);
        if (g->against != NULL) {
            fprintf(f, ", \"ratio\": %.4f, \"against\": \"%s\"", g->ratio, g->against);
        }
        if (g->target > 0) {
            fprintf(f, ", \"%s\": %.4g", g->at_most ? "at_most" : "at_least", g->target);
        }
        fprintf(f, "}%s\n", i + 1 < b->n_figures ? "," : "");
    }
    fprintf(f, " ],\n \"schemes\": [\n");
    for (size_t i = 0; i < b->n_schemes; i++) {
        const struct bench_scheme *s = &b->schemes[i];
        fprintf(f,
                "  {\"name\": \"%s\", \"challenges\": %u, \"setup_ns_byte\": %.4g, \"overhead\": "
                "%.5g, \"proof_bytes\": %" PRIu64
                ", \"prove_ms\": %.4g, \"verify_ms\": %.4g, \"public\": \"%s\"}%s\n",
                s->name, s->challenges, s->setup_ns_byte, s->overhead, s->proof_bytes, s->prove_ms,
                s->verify_ms, s->publicly, i + 1 < b->n_schemes ? "," : "");
    }
    fprintf(f, " ]\n}\n");
    bool ok = ferror(f) == 0;
    return (fclose(f) == 0) && ok;
}

/* "64MiB", "1 GiB", "4096". */
static bool size_parse(uint64_t *out, const char *text)
{
    char *end;
    unsigned long long v = strtoull(text, &end, 10);
    unsigned shift = 0;
    while (*end == ' ') {
        end++;
    }
    if (strcmp(end, "KiB") == 0) {
        shift = 10;
    } else if (strcmp(end, "MiB") == 0) {
        shift = 20;
    } else if (strcmp(end, "GiB") == 0) {
        shift = 30;
    } else if (*end != 0) {
        return false;
    }
    *out = (uint64_t)v << shift;
    return end != text && *out >> shift == v && *out >= 1 << 20 && *out <= (uint64_t)1 << 32;
}

static const struct part {
    const char *name;
    void (*run)(struct bench *);
} parts[] = {
    {"labels", bench_proof_labels},   {"trees", bench_proof_trees},
    {"threads", bench_proof_threads}, {"erasure", bench_proof_erasure},
    {"pdp", bench_proof_pdp},         {"rsa", bench_proof_rsa},
    {"porep", bench_proof_porep},
};

int bench_proof(int argc, char **argv)
{
    struct bench b = {.size = 64 << 20, .out = stdout};
    const char *json = NULL;
    for (int i = 1; i < argc; i++) {
        bool more = i + 1 < argc;
        if (strcmp(argv[i], "--size") == 0 && more && size_parse(&b.size, argv[i + 1])) {
            i++;
        } else if (strcmp(argv[i], "--json") == 0 && more) {
            json = argv[++i];
        } else if (strcmp(argv[i], "--only") == 0 && more) {
            b.only = argv[++i];
        } else if (strcmp(argv[i], "--detect") == 0 && more) {
            return bench_proof_detect(argv[i + 1]) ? 0 : 1;
        } else if (strcmp(argv[i], "--large") == 0) {
            b.large = true;
        } else {
            fprintf(stderr, "usage: orrery bench proof [--size 64MiB] [--json FILE] [--large]\n"
                            "           [--only labels|trees|threads|erasure|pdp|rsa|porep]\n"
                            "       orrery bench proof --detect FILE\n"
                            "--size: 1MiB to 4GiB. --large: labels of a 1 GiB layer as well.\n"
                            "--detect: the table behind the figure of detection probability.\n");
            return 1;
        }
    }
    if (crypto_self_test() != ERR_OK) {
        return 1;
    }
    b.engine = sha256_engine_best();
    fprintf(b.out, "engine %s, file and layer of %" PRIu64 " bytes; CPU time, best of several\n\n",
            b.engine->name, b.size);
    bench_proof_limits(&b);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (b.only == NULL || strcmp(b.only, parts[i].name) == 0) {
            parts[i].run(&b);
        }
    }
    schemes_print(&b);
    if (json != NULL && !json_write(&b, json)) {
        fprintf(stderr, "orrery bench: cannot write %s\n", json);
        return 1;
    }
    return 0;
}
