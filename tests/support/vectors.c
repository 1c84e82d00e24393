#include "tests/support/vectors.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

__attribute__((format(printf, 1, 2))) _Noreturn static void die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    abort();
}

void source_path(char *out, size_t out_size, const char *path)
{
    const char *root = getenv("ORRERY_SOURCE");
    int len = snprintf(out, out_size, "%s/%s", root != NULL ? root : ".", path);
    if (len < 0 || (size_t)len >= out_size) {
        die("path too long: %s", path);
    }
}

void vectors_path(char *out, size_t out_size, const char *name)
{
    char path[512];
    int len = snprintf(path, sizeof path, "tests/vectors/%s", name);
    if (len < 0 || (size_t)len >= sizeof path) {
        die("name too long: %s", name);
    }
    source_path(out, out_size, path);
}

struct tsv *tsv_open(const char *name)
{
    struct tsv *tsv = calloc(1, sizeof *tsv);
    if (tsv == NULL) {
        die("out of memory");
    }
    vectors_path(tsv->path, sizeof tsv->path, name);
    tsv->file = fopen(tsv->path, "r");
    if (tsv->file == NULL) {
        die("%s: %s", tsv->path, strerror(errno));
    }
    return tsv;
}

bool tsv_next(struct tsv *tsv)
{
    do {
        if (fgets(tsv->text, sizeof tsv->text, tsv->file) == NULL) {
            return false;
        }
        tsv->line++;
        size_t len = strlen(tsv->text);
        if (len + 1 == sizeof tsv->text) {
            die("%s:%u: line too long", tsv->path, tsv->line);
        }
        while (len > 0 && (tsv->text[len - 1] == '\n' || tsv->text[len - 1] == '\r')) {
            tsv->text[--len] = '\0';
        }
    } while (tsv->text[0] == '\0' || tsv->text[0] == '#');
    tsv->count = 0;
    for (char *p = tsv->text; p != NULL;) {
        if (tsv->count == TSV_FIELDS_MAX) {
            die("%s:%u: too many fields", tsv->path, tsv->line);
        }
        tsv->field[tsv->count++] = p;
        p = strchr(p, '\t');
        if (p != NULL) {
            *p++ = '\0';
        }
    }
    return true;
}

void tsv_close(struct tsv *tsv)
{
    fclose(tsv->file);
    free(tsv);
}

static const char *tsv_field(const struct tsv *tsv, size_t i)
{
    if (i >= tsv->count) {
        die("%s:%u: no field %zu", tsv->path, tsv->line, i);
    }
    return tsv->field[i];
}

static void number_check(const struct tsv *tsv, size_t i, const char *end)
{
    if (errno != 0 || end == tsv->field[i] || *end != '\0') {
        die("%s:%u: field %zu is no number: %s", tsv->path, tsv->line, i, tsv->field[i]);
    }
}

uint64_t tsv_u64(const struct tsv *tsv, size_t i)
{
    char *end;
    errno = 0;
    uint64_t v = strtoull(tsv_field(tsv, i), &end, 10);
    number_check(tsv, i, end);
    return v;
}

int64_t tsv_i64(const struct tsv *tsv, size_t i)
{
    char *end;
    errno = 0;
    int64_t v = strtoll(tsv_field(tsv, i), &end, 10);
    number_check(tsv, i, end);
    return v;
}

uint64_t tsv_hex64(const struct tsv *tsv, size_t i)
{
    char *end;
    errno = 0;
    uint64_t v = strtoull(tsv_field(tsv, i), &end, 16);
    number_check(tsv, i, end);
    return v;
}

double tsv_double(const struct tsv *tsv, size_t i)
{
    char *end;
    errno = 0;
    double v = strtod(tsv_field(tsv, i), &end);
    number_check(tsv, i, end);
    return v;
}

static unsigned digit(char c)
{
    if (c >= '0' && c <= '9') {
        return (unsigned)(c - '0');
    }
    if (c >= 'a' && c <= 'f') {
        return (unsigned)(c - 'a' + 10);
    }
    if (c >= 'A' && c <= 'F') {
        return (unsigned)(c - 'A' + 10);
    }
    die("no hexadecimal digit: %c", c);
}

size_t hex_decode(uint8_t *out, size_t out_size, const char *hex)
{
    size_t len = strlen(hex);
    if (len % 2 != 0 || len / 2 > out_size) {
        die("hexadecimal of bad length: %zu digits for %zu bytes", len, out_size);
    }
    for (size_t i = 0; i < len / 2; i++) {
        out[i] = (uint8_t)(digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
    }
    return len / 2;
}

void hex_encode(char *out, const uint8_t *data, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[data[i] >> 4];
        out[2 * i + 1] = digits[data[i] & 15];
    }
    out[2 * len] = '\0';
}
