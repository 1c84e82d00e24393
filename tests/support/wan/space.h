/* A network namespace with loopback and one TUN device that carries IPv6. It has no name: it lives
 * while its descriptor or a process in it does, so that nothing is left behind however its maker
 * ends. Enter it by `nsenter --net=/proc/PID/fd/FD`, or by setns. */
#ifndef ORRERY_TESTS_WAN_SPACE_H
#define ORRERY_TESTS_WAN_SPACE_H

#include "node/base/bytes.h"
#include "node/base/err.h"

struct space {
    int net; /* the namespace */
    int tun; /* its device, nonblocking, one packet per read and write, no header before it */
};

/* The calling thread is in its own namespace again afterwards. address is on the device with all of
 * its /64 behind. ERR_NOT_FOUND: this kernel or user may not make one (step says what failed,
 * errno why); ERR_IO otherwise. */
MUST_CHECK enum err space_open(struct space *space, const char **step, const uint8_t address[16]);
void space_close(struct space *space);

#endif
