#pragma once
#include <stdbool.h>
#include <stdint.h>

/// From now on every job of Swift concurrency that the calling thread makes ready (a task that begins or goes on, an
/// actor with work) waits in a queue of this thread, first in, first out, and runs only when the thread says so. Other
/// threads go on as before. Not to be nested.
void apus_virtual_executor_enter(void);

/// Runs the queue's first job; false when there is none.
bool apus_virtual_executor_run_one(void);

/// Ends it. Jobs that still wait are forgotten, with what they hold.
void apus_virtual_executor_leave(void);
