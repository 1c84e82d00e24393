/* A sweep's folder as a report. */
#ifndef ORRERY_CLI_SWEEP_H
#define ORRERY_CLI_SWEEP_H

#include <stdbool.h>

/* The folder holds a gathered sweep. */
bool sweep_is(const char *folder);
/* Prints points against published values, draws figures and report.html. Returns an exit code:
 * EXIT_EXPECTATION when a published value is not met. */
int sweep_report(const char *folder);

#endif
