/* Figures and reports for other commands. */
#ifndef ORRERY_CLI_FIGURES_H
#define ORRERY_CLI_FIGURES_H

/* Draws the report of these run folders (or folders of seeds) into `into`/report.html and says
 * where it is. Returns an exit code. */
int figures_report(int count, const char *const *runs, const char *into);

#endif
