/* Any bytes as a scenario: refused with a reason, or read, printed and read again to the same text.
 * What follows a zero byte is a setting of the command line. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "node/base/invariant.h"
#include "sim/scenario/scenario.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A file in memory and the path it opens under. */
struct memory_file {
    int fd;
    char path[32];
};

static struct memory_file file_make(void)
{
    struct memory_file f = {.fd = memfd_create("scenario", 0)};

    invariant(f.fd >= 0);
    snprintf(f.path, sizeof(f.path), "/proc/self/fd/%d", f.fd);
    return f;
}

static char *file_text(const struct memory_file *f)
{
    off_t len = lseek(f->fd, 0, SEEK_END);
    char *text = calloc(1, (size_t)len + 1);

    invariant(text != NULL && pread(f->fd, text, (size_t)len, 0) == len);
    return text;
}

static void round_trip(const struct scenario *s)
{
    struct memory_file first = file_make();
    struct memory_file second = file_make();
    struct scenario *again;
    struct settings_error error = {0};

    invariant(scenario_print(s, first.path) == ERR_OK);
    if (scenario_load(&again, &error, first.path, NULL, 0) != ERR_OK) {
        fprintf(stderr, "used.yaml:%d: %s\n", error.line, error.text);
        abort();
    }
    invariant(scenario_print(again, second.path) == ERR_OK);
    char *one = file_text(&first);
    char *two = file_text(&second);
    invariant(strcmp(one, two) == 0);
    free(one);
    free(two);
    scenario_free(again);
    close(first.fd);
    close(second.fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size > 0 ? memchr(data, 0, size) : NULL;
    size_t len = end != NULL ? (size_t)(end - data) : size;
    char setting[256] = "";
    const char *settings[1] = {setting};
    struct memory_file f = file_make();
    struct scenario *s;
    struct settings_error error = {0};

    invariant(write(f.fd, data, len) == (ssize_t)len);
    if (end != NULL) {
        size_t rest = size - len - 1;
        rest = rest < sizeof(setting) - 1 ? rest : sizeof(setting) - 1;
        memcpy(setting, end + 1, rest);
    }
    if (scenario_load(&s, &error, f.path, settings, strchr(setting, '=') != NULL ? 1 : 0) ==
        ERR_OK) {
        round_trip(s);
        scenario_free(s);
    } else {
        invariant(error.text[0] != 0 && error.file[0] != 0 && s == NULL);
    }
    close(f.fd);
    return 0;
}
