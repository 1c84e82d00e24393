/* Any bytes as node.yaml: refused with a reason, or read; nothing is leaked either way. */
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "node/base/invariant.h"
#include "node/daemon/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct daemon_config config;
    struct settings_error error = {.text = ""};
    char path[32];
    int fd = memfd_create("node.yaml", 0);

    invariant(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (config_read(&config, path, &error) != ERR_OK) {
        invariant(error.text[0] != 0);
    } else {
        invariant(config.listen_count <= HOST_LISTEN_MAX && config.data != NULL);
    }
    config_free(&config);
    close(fd);
    return 0;
}
