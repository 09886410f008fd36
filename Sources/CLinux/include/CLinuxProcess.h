// Child processes that inherit descriptors under numbers of our choice.
#ifndef APUS_CLINUX_PROCESS_H
#define APUS_CLINUX_PROCESS_H

#include "CLinux.h"

#pragma clang assume_nonnull begin

/// Starts `path` with no signal blocked, an empty standard input, our standard output and error, descriptor
/// `inherited[i]` as number 3 + i, and nothing else: the process id, or -errno.
int apus_spawn(const char *path, char *const _Nullable *_Nonnull arguments, char *const _Nullable *_Nonnull environment,
               const int *inherited, unsigned count);
/// Waits for the child's end and leaves it to be reaped: 0, or -errno.
int apus_await_end(int process);
/// Takes the child's number back, after its end: its exit code, 256 + the signal that ended it, or -errno.
int apus_reap(int process);
/// kill(2): 0, or -errno.
int apus_kill(int process, int signal);
/// The process has at most so many heaps (glibc's arenas) from now on. Threads that allocate at one time share them.
void apus_limit_heaps(int count);

#pragma clang assume_nonnull end
#endif
