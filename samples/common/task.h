/* task.h - a function that runs beside the caller, on a thread where there can be one. */
#ifndef TASK_H
#define TASK_H

#include <stdbool.h>

struct task {
    void (*run)(void *user);
    void *user;
    void *thread; /* [owned] until task_join; NULL: none could be had */
};
/* Runs it on a thread, or before it returns where none can be had. The task must stay where it is until task_join. */
void task_start(struct task *task, void (*run)(void *user), void *user);
/* Waits until it has run; false where it was never started. */
bool task_join(struct task *task);

#endif
