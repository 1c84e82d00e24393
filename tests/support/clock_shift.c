/* For LD_PRELOAD: a program whose date a test moves. CLOCK_REALTIME is ahead of the system's by the
 * milliseconds (i64, the machine's own byte order) at the start of the file that ORRERY_CLOCK_SHIFT
 * names; the file may change while the program runs. All other clocks are what they are. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *shift_ms;

__attribute__((constructor)) static void shift_open(void)
{
    const char *path = getenv("ORRERY_CLOCK_SHIFT");
    int file = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    void *page =
        file < 0 ? MAP_FAILED : mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);

    if (page == MAP_FAILED) {
        abort();
    }
    shift_ms = page;
    close(file);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    long rc = syscall(SYS_clock_gettime, clock, now);

    if (rc == 0 && clock == CLOCK_REALTIME && shift_ms != NULL) {
        int64_t ms = *shift_ms;
        now->tv_sec += ms / 1000; /* whole seconds are enough */
    }
    return (int)rc;
}
