#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

// Above any number that a child is given, so that no dup2 lands on one that is still to be copied.
static const int out_of_the_way = 512;

static int describe(posix_spawn_file_actions_t *actions, const int *inherited, int *copies, unsigned count) {
    int result = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    for (unsigned i = 0; i < count && result == 0; i++) {
        copies[i] = fcntl(inherited[i], F_DUPFD_CLOEXEC, out_of_the_way);
        result = copies[i] < 0 ? errno : posix_spawn_file_actions_adddup2(actions, copies[i], 3 + (int)i);
    }
    if (result == 0) result = posix_spawn_file_actions_addclosefrom_np(actions, 3 + (int)count);
    return result;
}

int apus_spawn(const char *path, char *const *arguments, char *const *environment, const int *inherited,
               unsigned count) {
    int *copies = malloc((count ? count : 1) * sizeof *copies);
    if (copies == NULL) return -ENOMEM;
    for (unsigned i = 0; i < count; i++) copies[i] = -1;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    pid_t child = -1;
    int result = describe(&actions, inherited, copies, count);
    if (result == 0) result = posix_spawn(&child, path, &actions, &attributes, arguments, environment);
    for (unsigned i = 0; i < count; i++)
        if (copies[i] >= 0) close(copies[i]);
    free(copies);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return result == 0 ? (int)child : -result;
}

int apus_await_end(int process) {
    siginfo_t info;
    while (waitid(P_PID, (id_t)process, &info, WEXITED | WNOWAIT) < 0)
        if (errno != EINTR) return -errno;
    return 0;
}

int apus_reap(int process) {
    int status = 0;
    while (waitpid(process, &status, 0) < 0)
        if (errno != EINTR) return -errno;
    return WIFSIGNALED(status) ? 256 + WTERMSIG(status) : WEXITSTATUS(status);
}

int apus_kill(int process, int signal) { return kill(process, signal) != 0 ? -errno : 0; }

void apus_limit_heaps(int count) { mallopt(M_ARENA_MAX, count); }
