#include "tests/support/wan/space.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define DEVICE "wan0"

struct address_request {
    struct nlmsghdr head;
    struct ifaddrmsg facts;
    struct rtattr attribute;
    uint8_t address[16];
};

struct address_answer {
    struct nlmsghdr head;
    struct nlmsgerr error;
};

static bool up(int control, const char *device)
{
    struct ifreq request = {.ifr_flags = 0};

    memcpy(request.ifr_name, device, strlen(device) + 1);
    if (ioctl(control, SIOCGIFFLAGS, &request) != 0) {
        return false;
    }
    request.ifr_flags |= IFF_UP;
    return ioctl(control, SIOCSIFFLAGS, &request) == 0;
}

/* By netlink, because only there an address can be had without duplicate detection, whose end would
 * have to be waited for. */
static bool address_set(const uint8_t address[16])
{
    struct address_request request = {
        .head = {.nlmsg_len = sizeof(request),
                 .nlmsg_type = RTM_NEWADDR,
                 .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE},
        .facts = {.ifa_family = AF_INET6,
                  .ifa_prefixlen = 64,
                  .ifa_flags = IFA_F_NODAD,
                  .ifa_index = if_nametoindex(DEVICE)},
        .attribute = {.rta_len = RTA_LENGTH(16), .rta_type = IFA_LOCAL}};
    struct address_answer answer = {.error = {.error = -EIO}};
    int control = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

    if (control < 0) {
        return false;
    }
    memcpy(request.address, address, 16);
    bool good = send(control, &request, sizeof(request), 0) == (ssize_t)sizeof(request) &&
                recv(control, &answer, sizeof(answer), 0) > (ssize_t)sizeof(answer.head) &&
                answer.head.nlmsg_type == NLMSG_ERROR && answer.error.error == 0;
    int why = good ? 0 : -answer.error.error;
    close(control);
    errno = why;
    return good;
}

/* Inside the new namespace. Names the step that failed, or NULL. */
static const char *furnish(struct space *space, const uint8_t address[16])
{
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};

    memcpy(request.ifr_name, DEVICE, sizeof(DEVICE));
    space->net = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (space->net < 0) {
        return "opening the namespace";
    }
    space->tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (space->tun < 0 || ioctl(space->tun, TUNSETIFF, &request) != 0) {
        return "making a TUN device";
    }
    int control = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (control < 0) {
        return "IPv6";
    }
    bool good = up(control, "lo") && up(control, DEVICE) && address_set(address);
    int why = errno;
    close(control);
    errno = why;
    return good ? NULL : "configuring the device";
}

enum err space_open(struct space *space, const char **step, const uint8_t address[16])
{
    *space = (struct space){.net = -1, .tun = -1};
    *step = "entering /proc";
    int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (home < 0) {
        return ERR_IO;
    }
    *step = "making a network namespace";
    if (unshare(CLONE_NEWNET) != 0) {
        int why = errno;
        close(home);
        errno = why;
        return ERR_NOT_FOUND;
    }
    *step = furnish(space, address);
    int why = errno;
    bool back = setns(home, CLONE_NEWNET) == 0;
    close(home);
    if (*step == NULL && back) {
        return ERR_OK;
    }
    space_close(space);
    errno = why;
    return back ? ERR_NOT_FOUND : ERR_IO;
}

void space_close(struct space *space)
{
    if (space->tun >= 0) {
        close(space->tun);
    }
    if (space->net >= 0) {
        close(space->net);
    }
    *space = (struct space){.net = -1, .tun = -1};
}
