/* What every HTML page of ours is made of: self-contained, figures inside. */
#ifndef ORRERY_ANALYSIS_PAGE_H
#define ORRERY_ANALYSIS_PAGE_H

#include <stdio.h>

#include "node/base/bytes.h"
#include "node/base/err.h"

void page_head(FILE *out, const char *title);
void page_text(FILE *out, const char *text);
/* <h2>, the svg of FOLDER/NAME.svg, its caption. ERR_IO: it is not there. */
enum err page_figure(FILE *out, const char *folder, const char *name, const char *title,
                     const char *caption) MUST_CHECK;

#endif
