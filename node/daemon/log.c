#include "node/daemon/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES_MAX 2048

static const char *const level_name[] = {"error", "warn", "info", "debug"};
/* One process, one log. */
static enum log_level level_most = LOG_INFO;

enum err log_level_parse(enum log_level *level, const char *text)
{
    for (unsigned i = 0; i < sizeof(level_name) / sizeof(level_name[0]); i++) {
        if (strcmp(text, level_name[i]) == 0) {
            *level = (enum log_level)i;
            return ERR_OK;
        }
    }
    return ERR_UNKNOWN;
}

void log_level_set(enum log_level level)
{
    level_most = level;
}

bool log_wanted(enum log_level level)
{
    return level <= level_most;
}

void log_line(enum log_level level, const char *event, const char *format, ...)
{
    char line[LINE_BYTES_MAX];
    struct timespec now;
    struct tm date;
    va_list arguments;

    if (!log_wanted(level)) {
        return;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &date);
    size_t at = strftime(line, sizeof(line), "%Y-%m-%dT%H:%M:%S", &date);
    at += (size_t)snprintf(line + at, sizeof(line) - at, ".%03ldZ %-5s %s", now.tv_nsec / 1000000,
                           level_name[level], event);
    line[at++] = ' ';
    va_start(arguments, format);
    int more = vsnprintf(line + at, sizeof(line) - at - 1, format, arguments);
    va_end(arguments);
    size_t room = sizeof(line) - at - 2;
    size_t end = at + (more < 0 ? 0 : (size_t)more < room ? (size_t)more : room);
    for (size_t i = 0; i < end; i++) {
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f) {
            line[i] = '?';
        }
    }
    line[end] = '\n';
    if (write(STDERR_FILENO, line, end + 1) < 0) {
        return; /* nobody reads: nothing can be said about it */
    }
}

const char *id_text(char text[17], const uint8_t id[32])
{
    for (int i = 0; i < 8; i++) {
        snprintf(text + 2 * i, 3, "%02x", id[i]);
    }
    return text;
}
