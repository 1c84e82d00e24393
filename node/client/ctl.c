#define _DEFAULT_SOURCE
#include "node/client/ctl.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int ctl_fail(const char *format, ...)
{
    va_list arguments;
    fprintf(stderr, "orreryctl: ");
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return CTL_FAILED;
}

bool ctl_options(int argc, char **argv, const struct ctl_option *options, size_t n_options,
                 const char **positional, size_t n_positional)
{
    size_t found = 0;
    for (int i = 1; i < argc; i++) {
        const struct ctl_option *o = NULL;
        for (size_t k = 0; k < n_options; k++) {
            if (strcmp(argv[i], options[k].name) == 0) {
                o = &options[k];
            }
        }
        if (o != NULL && o->value == NULL) {
            *o->flag = true;
        } else if (o != NULL && i + 1 < argc) {
            *o->value = argv[++i];
        } else if (o != NULL) {
            (void)ctl_fail("%s needs a value", argv[i]);
            return false;
        } else if (argv[i][0] == '-' || found == n_positional) {
            (void)ctl_fail("unknown argument %s", argv[i]);
            return false;
        } else {
            positional[found++] = argv[i];
        }
    }
    if (found < n_positional) {
        (void)ctl_fail("an argument is missing; try --help");
        return false;
    }
    return true;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool ctl_hex(uint8_t *out, size_t len, const char *text)
{
    if (strlen(text) != 2 * len) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

void ctl_hex_text(char *out, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        (void)snprintf(out + 2 * i, 3, "%02x", data[i]);
    }
}

void ctl_hex_print(const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        printf("%02x", data[i]);
    }
    putchar('\n');
}

bool ctl_u64(uint64_t *out, const char *text)
{
    uint64_t v = 0;
    if (*text == 0) {
        return false;
    }
    for (; *text != 0; text++) {
        if (*text < '0' || *text > '9' || __builtin_mul_overflow(v, 10u, &v) ||
            __builtin_add_overflow(v, (uint64_t)(*text - '0'), &v)) {
            return false;
        }
    }
    *out = v;
    return true;
}

bool ctl_size(uint64_t *out, const char *text)
{
    static const struct {
        const char *unit;
        unsigned shift;
    } units[] = {{"", 0}, {"B", 0}, {"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}};
    char number[24] = {0};
    size_t n = strspn(text, "0123456789");
    if (n == 0 || n >= sizeof number) {
        return false;
    }
    memcpy(number, text, n);
    text += n + strspn(text + n, " ");
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(text, units[i].unit) == 0) {
            return ctl_u64(out, number) &&
                   !__builtin_mul_overflow(*out, (uint64_t)1 << units[i].shift, out);
        }
    }
    return false;
}

static uint64_t now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void ctl_progress_start(struct ctl_progress *p, const char *what, uint64_t total)
{
    *p = (struct ctl_progress){.what = what, .total = total, .started_ns = now_ns()};
}

void ctl_progress_add(struct ctl_progress *p, uint64_t done)
{
    enum { WIDTH = 30, SHOW_AFTER_NS = 1000000000, EVERY_NS = 100000000 };
    p->done += done;
    uint64_t now = now_ns(), took = now - p->started_ns;
    if (took < SHOW_AFTER_NS || now - p->drawn_ns < EVERY_NS || isatty(STDERR_FILENO) == 0) {
        return;
    }
    p->drawn_ns = now;
    p->drawn = true;
    double share = p->total > 0 ? (double)p->done / (double)p->total : 1;
    share = share > 1 ? 1 : share;
    int full = (int)(share * WIDTH);
    double left_s = share > 0 ? (double)took / 1e9 * (1 - share) / share : 0;
    fprintf(stderr, "\r%s [", p->what);
    for (int i = 0; i < WIDTH; i++) {
        fputc(i < full ? '#' : '.', stderr);
    }
    fprintf(stderr, "] %5.1f %%  %.0f s left  ", 100 * share, left_s);
}

void ctl_progress_end(struct ctl_progress *p)
{
    if (p->drawn) {
        fprintf(stderr, "\r\033[K");
    }
}
