/* Where and why a settings file was refused; printed as "file:line: text". */
#ifndef ORRERY_SETTINGS_ERROR_H
#define ORRERY_SETTINGS_ERROR_H

#include "node/base/err.h"

struct settings_error {
    char file[256];
    int line; /* 0: of the whole file, or a setting of the command line */
    char text[512];
};

/* Fills error and returns err. Line 0 makes the command line the file. */
enum err settings_refuse(struct settings_error *error, int line, enum err err, const char *format,
                         ...) __attribute__((format(printf, 4, 5)));

/* On standard error: "file:line: text", without a line "file: text". */
void settings_error_print(const struct settings_error *error);

#endif
