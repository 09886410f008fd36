// Preloaded into Janus: it gathers candidates on every interface but loopback ones, and the benchmark is to run on
// loopback alone. So 127.0.0.1 appears as an ordinary interface, and all others as down.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stddef.h>

int getifaddrs(struct ifaddrs **list) {
    int (*original)(struct ifaddrs **) = (int (*)(struct ifaddrs **))dlsym(RTLD_NEXT, "getifaddrs");
    const int result = original == NULL ? -1 : original(list);
    if (result != 0) return result;
    for (struct ifaddrs *entry = *list; entry != NULL; entry = entry->ifa_next) {
        if (entry->ifa_flags & IFF_LOOPBACK) {
            entry->ifa_flags &= ~(unsigned)IFF_LOOPBACK;
        } else {
            entry->ifa_flags &= ~(unsigned)IFF_UP;
        }
    }
    return 0;
}
