#include "include/CUSRSCTP.h"

#include <sys/time.h>
#include <time.h>

static _Thread_local uint64_t clock_microseconds;

void apus_usrsctp_set_clock(uint64_t microseconds) { clock_microseconds = microseconds; }

// usrsctp asks the C library for the time of day; the linker finds this one first, in whatever this is linked into.
int gettimeofday(struct timeval *restrict result, void *restrict zone) {
    (void)zone;
    if (clock_microseconds != 0) {
        result->tv_sec = (time_t)(clock_microseconds / 1000000);
        result->tv_usec = (suseconds_t)(clock_microseconds % 1000000);
        return 0;
    }
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
    result->tv_sec = now.tv_sec;
    result->tv_usec = (suseconds_t)(now.tv_nsec / 1000);
    return 0;
}
