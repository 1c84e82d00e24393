/* A whole file in memory, to read. */
#ifndef ORRERY_HOST_FILE_H
#define ORRERY_HOST_FILE_H

#include "node/base/bytes.h"
#include "node/base/err.h"

/* ERR_IO: errno says why, 0 when the file is empty. */
enum err file_map(struct span *bytes, const char *path) MUST_CHECK;
void file_unmap(struct span bytes);

#endif
