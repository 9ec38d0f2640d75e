/* task.c - see task.h. */
#include "task.h"

#include <stdlib.h>
#ifdef _WIN32
#include <windows.h>

static DWORD WINAPI enter(void *user)
{
    struct task *task = user;
    task->run(task->user);
    return 0;
}

static void *begin(struct task *task) { return CreateThread(NULL, 0, enter, task, 0, NULL); }

static void end(void *thread)
{
    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
}
#else
#include <pthread.h>

static void *enter(void *user)
{
    struct task *task = user;
    task->run(task->user);
    return NULL;
}

static void *begin(struct task *task)
{
    pthread_t *thread = malloc(sizeof *thread);
    if (thread && pthread_create(thread, NULL, enter, task) == 0) return thread;
    free(thread);
    return NULL;
}

static void end(void *thread)
{
    pthread_join(*(pthread_t *)thread, NULL);
    free(thread);
}
#endif

void task_start(struct task *task, void (*run)(void *user), void *user)
{
    *task = (struct task){run, user, NULL};
    task->thread = begin(task);
    if (!task->thread) run(user);
}

bool task_join(struct task *task)
{
    const bool started = task->run != NULL;
    if (task->thread) end(task->thread);
    *task = (struct task){NULL, NULL, NULL};
    return started;
}
