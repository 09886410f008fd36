#include "virtual_executor.h"

#include <pthread.h>
#include <stdlib.h>

// The runtime asks these variables before it hands a job to its own threads (Swift's ABI: ConcurrencyHooks). The sleeps
// of Swift 6.3 do not come by here; the code under simulation sleeps by a clock that it is given.
#define SWIFT_CC __attribute__((swiftcall))

typedef SWIFT_CC void (*enqueue_original)(void *job);
typedef SWIFT_CC void (*enqueue_hook)(void *job, enqueue_original original);
typedef struct {
    void *identity;
    void *implementation;
} executor_reference;

extern enqueue_hook swift_task_enqueueGlobal_hook;
extern SWIFT_CC void swift_job_run(void *job, executor_reference executor);

typedef struct {
    void **jobs;
    size_t first, end, capacity;
} job_queue;

static _Thread_local job_queue *queue;
static enqueue_hook former;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void append(job_queue *q, void *job) {
    if (q->end == q->capacity) {
        size_t count = q->end - q->first;
        if (q->first < q->capacity / 2 || q->capacity == 0) {
            q->capacity = q->capacity ? q->capacity * 2 : 256;
            q->jobs = realloc(q->jobs, q->capacity * sizeof *q->jobs);
            if (!q->jobs) abort();
        }
        for (size_t i = 0; i < count; i++) q->jobs[i] = q->jobs[q->first + i];
        q->first = 0;
        q->end = count;
    }
    q->jobs[q->end++] = job;
}

static SWIFT_CC void enqueue(void *job, enqueue_original original) {
    if (queue) {
        append(queue, job);
    } else if (former) {
        former(job, original);
    } else {
        original(job);
    }
}

static void install(void) {
    former = swift_task_enqueueGlobal_hook;
    swift_task_enqueueGlobal_hook = enqueue;
}

void apus_virtual_executor_enter(void) {
    if (queue) abort();
    pthread_once(&once, install);
    queue = calloc(1, sizeof *queue);
    if (!queue) abort();
}

bool apus_virtual_executor_run_one(void) {
    if (!queue || queue->first == queue->end) return false;
    void *job = queue->jobs[queue->first++];
    if (queue->first == queue->end) queue->first = queue->end = 0;
    swift_job_run(job, (executor_reference){0, 0});
    return true;
}

void apus_virtual_executor_leave(void) {
    free(queue->jobs);
    free(queue);
    queue = NULL;
}
