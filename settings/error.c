#include "settings/error.h"

#include <stdarg.h>
#include <stdio.h>

enum err settings_refuse(struct settings_error *error, int line, enum err err, const char *format,
                         ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(error->text, sizeof(error->text), format, arguments);
    va_end(arguments);
    error->line = line;
    if (line == 0) {
        snprintf(error->file, sizeof(error->file), "command line");
    }
    return err;
}

void settings_error_print(const struct settings_error *error)
{
    fprintf(stderr, "%s:", error->file);
    if (error->line > 0) {
        fprintf(stderr, "%d:", error->line);
    }
    fprintf(stderr, " %s\n", error->text);
}
