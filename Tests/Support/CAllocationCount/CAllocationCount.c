#define _GNU_SOURCE
#include "CAllocationCount.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif

#if defined(__GLIBC__) && !defined(HAS_SANITIZER)
#define IS_AVAILABLE 1
#else
#define IS_AVAILABLE 0
#endif

// Kept are the first different stacks, of the allocations that are looked at: unwinding takes its time.
enum { STACKS = 24, FRAMES = 16, LOOKED_AT = 4096 };

// Plain thread-local data of the executable: reaching it allocates nothing.
static __thread int is_counting;
static __thread uint64_t count;
static __thread int64_t balance;
static __thread void *stacks[STACKS][FRAMES];
static __thread int depths[STACKS];
static __thread uint64_t times[STACKS];
static __thread int stack_count;

void apus_allocation_count_start(void) {
    // The unwinder loads its library, and allocates, the first time that it is used.
    void *frame[1];
    backtrace(frame, 1);
    count = 0;
    balance = 0;
    stack_count = 0;
    is_counting = 1;
}

uint64_t apus_allocation_count_stop(void) {
    is_counting = 0;
    return count;
}

int64_t apus_allocation_count_balance(void) { return balance; }

int apus_allocation_count_is_available(void) { return IS_AVAILABLE; }

void apus_allocation_count_describe(char *buffer, uint64_t capacity) {
    uint64_t used = 0;
    if (capacity > 0) buffer[0] = 0;
    for (int stack = 0; stack < stack_count; stack++) {
        // Frame 0 is this file's, frame 1 malloc.
        for (int frame = 1; frame < depths[stack]; frame++) {
            Dl_info info;
            memset(&info, 0, sizeof info);
            dladdr(stacks[stack][frame], &info);
            const char *file = info.dli_fname ? strrchr(info.dli_fname, '/') : NULL;
            uint64_t left = capacity - used;
            int wrote = frame == 1 ? snprintf(buffer + used, left, "\n%lu times", (unsigned long)times[stack])
                                   : snprintf(buffer + used, left, "\n  %s+0x%lx %s", file ? file + 1 : "?",
                                              (unsigned long)((char *)stacks[stack][frame] - (char *)info.dli_fbase),
                                              info.dli_sname ? info.dli_sname : "");
            if (wrote < 0 || used + (uint64_t)wrote >= capacity) return;
            used += (uint64_t)wrote;
        }
    }
}

static void keep_stack(void) {
    void *frames[FRAMES];
    int depth = backtrace(frames, FRAMES);
    for (int stack = 0; stack < stack_count; stack++) {
        if (depths[stack] != depth || memcmp(stacks[stack], frames, sizeof frames[0] * (size_t)depth) != 0) continue;
        times[stack]++;
        return;
    }
    if (stack_count == STACKS) return;
    memcpy(stacks[stack_count], frames, sizeof frames[0] * (size_t)depth);
    depths[stack_count] = depth;
    times[stack_count++] = 1;
}

#if IS_AVAILABLE

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t number, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *block);

static void note(void) {
    if (__builtin_expect(!is_counting, 1)) return;
    is_counting = 0;
    if (count < LOOKED_AT) keep_stack();
    count++;
    balance++;
    is_counting = 1;
}

void *malloc(size_t size) {
    note();
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
    note();
    return __libc_calloc(number, size);
}

void *realloc(void *block, size_t size) {
    note();
    // The block that goes was counted when it came.
    if (is_counting && block) balance--;
    if (is_counting && size == 0) balance--;
    return __libc_realloc(block, size);
}

void free(void *block) {
    if (__builtin_expect(is_counting, 0) && block) balance--;
    __libc_free(block);
}

void *aligned_alloc(size_t alignment, size_t size) {
    note();
    return __libc_memalign(alignment, size);
}

void *memalign(size_t alignment, size_t size) {
    note();
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **block, size_t alignment, size_t size) {
    if (alignment < sizeof(void *) || (alignment & (alignment - 1)) != 0) return EINVAL;
    note();
    void *result = __libc_memalign(alignment, size);
    if (!result) return ENOMEM;
    *block = result;
    return 0;
}

#endif
