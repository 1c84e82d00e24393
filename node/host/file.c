#include "node/host/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum err file_map(struct span *bytes, const char *path)
{
    struct stat info;
    void *map = MAP_FAILED;

    errno = 0;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return ERR_IO;
    }
    if (fstat(file, &info) == 0 && info.st_size > 0) {
        map = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    }
    int why = errno;
    (void)close(file);
    errno = why;
    if (map == MAP_FAILED) {
        return ERR_IO;
    }
    *bytes = span_of(map, (size_t)info.st_size);
    return ERR_OK;
}

void file_unmap(struct span bytes)
{
    (void)munmap((void *)(uintptr_t)bytes.data, bytes.len);
}
