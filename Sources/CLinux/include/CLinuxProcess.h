// Child processes that inherit descriptors under numbers of our choice.
#ifndef APUS_CLINUX_PROCESS_H
#define APUS_CLINUX_PROCESS_H

#include "CLinux.h"

#pragma clang assume_nonnull begin

/// Starts `path` with no signal blocked and, besides standard input, output and error, descriptor `inherited[i]` as
/// number 3 + i and nothing else: the process id, or -errno.
int apus_spawn(const char *path, char *const _Nullable *_Nonnull arguments, const int *inherited, unsigned count);
/// Waits for the child's end: its exit code, 256 + the signal that ended it, or -errno.
int apus_wait(int process);
/// kill(2): 0, or -errno.
int apus_kill(int process, int signal);

#pragma clang assume_nonnull end
#endif
