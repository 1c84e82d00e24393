/* orreryctl: a person's hand on a node. Commands return an exit code: 0 ok, 1 usage, file or disk,
 * 2 a proof or commitment does not hold. Messages go to stderr, results to stdout. */
#ifndef ORRERY_CLIENT_CTL_H
#define ORRERY_CLIENT_CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ctl_exit { CTL_OK = 0, CTL_FAILED = 1, CTL_REFUSED = 2 };

/* "orreryctl: ..." on stderr; returns CTL_FAILED. */
int ctl_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

int ctl_proof(int argc, char **argv);
int ctl_chain(int argc, char **argv);
int ctl_db(int argc, char **argv);
int ctl_keys(int argc, char **argv);

/* Options: every command lists the ones it knows; positional arguments are collected. */
struct ctl_option {
    const char *name;   /* "--beacon", or "-o" */
    const char **value; /* NULL: a flag */
    bool *flag;
};
/* Returns false after a message when an argument is unknown, a value missing, or the number of
 * positional arguments is not n_positional. */
bool ctl_options(int argc, char **argv, const struct ctl_option *options, size_t n_options,
                 const char **positional, size_t n_positional);

bool ctl_hex(uint8_t *out, size_t len, const char *text);      /* exactly len bytes */
void ctl_hex_text(char *out, const uint8_t *data, size_t len); /* 2 * len characters and a 0 */
void ctl_hex_print(const uint8_t *data, size_t len);           /* with a newline */
bool ctl_u64(uint64_t *out, const char *text);
/* "4096", "64MiB", "1 GiB". */
bool ctl_size(uint64_t *out, const char *text);

/* A bar on stderr, if that is a terminal and the work takes over a second. */
struct ctl_progress {
    const char *what;
    uint64_t total, done, started_ns, drawn_ns;
    bool drawn;
};
void ctl_progress_start(struct ctl_progress *p, const char *what, uint64_t total);
void ctl_progress_add(struct ctl_progress *p, uint64_t done);
void ctl_progress_end(struct ctl_progress *p);

#endif
