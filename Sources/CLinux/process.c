#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

// Above any number that a child is given, so that no dup2 lands on one that is still to be copied.
static const int out_of_the_way = 512;

int apus_spawn(const char *path, char *const *arguments, const int *inherited, unsigned count) {
    int *copies = calloc(count ? count : 1, sizeof *copies);
    if (copies == NULL) return -ENOMEM;
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
    int result = 0;
    unsigned made = 0;
    for (; made < count && result == 0; made++) {
        copies[made] = fcntl(inherited[made], F_DUPFD_CLOEXEC, out_of_the_way);
        if (copies[made] < 0)
            result = errno;
        else
            result = posix_spawn_file_actions_adddup2(&actions, copies[made], 3 + (int)made);
    }
    if (result == 0) result = posix_spawn_file_actions_addclosefrom_np(&actions, 3 + (int)count);
    pid_t child = -1;
    if (result == 0) result = posix_spawn(&child, path, &actions, &attributes, arguments, environ);
    for (unsigned i = 0; i < made; i++)
        if (copies[i] >= 0) close(copies[i]);
    free(copies);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return result == 0 ? (int)child : -result;
}

int apus_wait(int process) {
    int status = 0;
    while (waitpid(process, &status, 0) < 0)
        if (errno != EINTR) return -errno;
    return WIFSIGNALED(status) ? 256 + WTERMSIG(status) : WEXITSTATUS(status);
}

int apus_kill(int process, int signal) { return kill(process, signal) != 0 ? -errno : 0; }
