/* Structured lines on standard error: a date, a level, a word, then key=value pairs, one event per
 * line. Written by the loop's thread; a line is one write. */
#ifndef ORRERY_DAEMON_LOG_H
#define ORRERY_DAEMON_LOG_H

#include "node/base/err.h"
#include "node/daemon/address.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* "error", "warn", "info", "debug"; ERR_UNKNOWN. */
enum err log_level_parse(enum log_level *level, const char *text) MUST_CHECK;
void log_level_set(enum log_level level);
bool log_wanted(enum log_level level);

/* event: one word such as "link-up". format makes the pairs: log_line(LOG_INFO, "listen",
 * "port=%u", p); a value with blanks is put in quotes by the caller. Control bytes are replaced. */
void log_line(enum log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The first eight bytes in hex. */
const char *id_text(char text[17], const uint8_t id[32]);

#endif
