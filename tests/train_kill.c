/* train_kill.c - kill -9 at random moments of a training: whatever was going on, the last checkpoint loads, and the training that
 * goes on from it, through as many kills as come, ends in the very file of one that nothing disturbed.
 *
 *   train_kill [KILLS]   kills so many times (8) */
#if !defined(_WIN32) /* processes and disks of POSIX */

#include "tests/temporary.h"
#include "tests/train_help.h"

#include "backend/os.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { EPOCHS = 40, SAMPLES = 80 };
/* Status of a child whose driver does not reach it: a wrapper gave this process one that programs started by it do not see. */
enum { NO_DEVICE = 77 };

/* The child: trains to the end, from the checkpoint where there is one. */
static int train(const char *path)
{
    struct train t;
    struct tuff_error error = {0};
    tuff_status status = train_open(&t, NULL, &error);
    if (status == TUFF_OK)
        status = train_model(&t, &(struct train_params){.path = path, .samples = SAMPLES, .epochs = EPOCHS}, &error);
    if (status == TUFF_OK && tuff_os_exists(path)) status = train_load(&t, &error);
    if (status == TUFF_OK) status = train_fit(&t, &error);
    train_close(&t);
    if (status != TUFF_OK) printf("the training: %s: %s\n", tuff_status_name(status), error.message);
    fflush(stdout);
    return status == TUFF_ERR_NO_DEVICE ? NO_DEVICE : status != TUFF_OK;
}

static pid_t start(const char *program, const char *path)
{
    fflush(stdout);
    pid_t child = fork();
    if (child) return child;
    setenv("ASAN_OPTIONS", "detect_leaks=0", 1); /* Debian 12's lavapipe leaks at its dlclose */
    execl(program, program, "child", path, (char *)NULL);
    _exit(98);
}

static void sleep_ns(uint64_t ns)
{
    nanosleep(&(struct timespec){(time_t)(ns / 1000000000), (long)(ns % 1000000000)}, NULL);
}

/* Until the child has put a new file in place, or has ended. */
static void wait_for_save(pid_t child, const char *path)
{
    struct stat first = {0}, now = {0};
    siginfo_t info = {0};
    (void)!stat(path, &first);
    for (int i = 0; i < 100000 && !info.si_pid; i++) {
        if (stat(path, &now) == 0 && now.st_ino != first.st_ino) return;
        sleep_ns(500000);
        if (waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) != 0) return;
    }
}

/* Exit status; -1: ended by a signal. */
static int wait_for(pid_t child)
{
    int status = 0;
    while (waitpid(child, &status, 0) < 0) continue;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Epochs that the checkpoint holds; it must load whole. 0: there is none yet. */
static uint64_t epochs_of(struct backend_test *test, const char *path)
{
    struct tuff_tensors *tensors = NULL;
    struct tuff_error error = {0};
    if (!tuff_os_exists(path)) return 0;
    tuff_status status = tuff_checkpoint_read(test->context, path, NULL, &tensors, &error);
    if (!backend_status(test, "the last checkpoint", TUFF_OK, status, &error)) return 0;
    const char *epoch = tuff_tensors_text(tensors, "fit.epoch");
    uint64_t epochs = epoch ? strtoull(epoch, NULL, 10) : 0;
    tuff_tensors_destroy(tensors);
    return epochs;
}

struct file {
    void *data;
    size_t bytes;
};

static void read_whole(struct backend_test *test, const char *path, struct file *file)
{
    struct tuff_error error = {0};
    backend_status(test, path, TUFF_OK, tuff_os_read_file(NULL, path, 0, &file->data, &file->bytes, &error), &error);
}

/* What a killed process was writing, when it was. */
static size_t remove_temporaries(const char *folder)
{
    char **names = NULL, path[600];
    size_t count = 0, removed = 0;
    if (tuff_os_list_folder(NULL, folder, &names, &count, NULL) != TUFF_OK) return 0;
    for (size_t i = 0; i < count; i++) {
        if (!strstr(names[i], ".tmp")) continue;
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        removed += tuff_os_remove(path) == TUFF_OK;
    }
    tuff_free(NULL, names);
    return removed;
}

/* False: nothing to kill, as started programs find no device. */
static bool kill_often(struct backend_test *test, const char *program, const char *folder, long kills)
{
    char path[500];
    struct file wanted = {0};
    snprintf(path, sizeof path, "%s/checkpoint", folder);
    if (wait_for(start(program, path)) == NO_DEVICE) return false; /* fills the caches */
    tuff_os_remove(path);
    uint64_t begin = tuff_os_time_ns();
    if (!backend_check(test, wait_for(start(program, path)) == 0, "the undisturbed training fails")) return true;
    uint64_t whole = tuff_os_time_ns() - begin;
    read_whole(test, path, &wanted);
    tuff_os_remove(path);

    uint32_t random = (uint32_t)begin | 1;
    long killed = 0, trainings = 0, writing = 0, going_on = 0, trials = 0;
    printf("random numbers from %u\n", (unsigned)random);
    for (; (killed < kills || tuff_os_exists(path)) && trials < kills * 4 + 20; trials++) {
        pid_t child = start(program, path);
        random = random * 1664525u + 1013904223u;
        uint64_t after = whole / 4096 * (random >> 20);
        uint64_t before = epochs_of(test, path);
        if (killed < kills) {
            if (trials % 4) { /* most of them while it trains and saves, the others at any time */
                wait_for_save(child, path);
                after /= 4;
            }
            sleep_ns(after);
            kill(child, SIGKILL);
        }
        int status = wait_for(child);
        killed += status == -1;
        size_t temporaries = remove_temporaries(folder);
        writing += temporaries != 0;
        uint64_t reached = epochs_of(test, path);
        going_on += before > 0 && reached > before;
        backend_check(test, reached >= before, "kill %ld: %llu epochs, and then %llu", killed, (unsigned long long)before,
                      (unsigned long long)reached);
        if (status < 0) continue;
        struct file file = {0};
        read_whole(test, path, &file);
        backend_check(test,
                      status == 0 && file.bytes == wanted.bytes && file.data && !memcmp(file.data, wanted.data, file.bytes),
                      "after %ld kills: status %d, and %zu bytes that are not those of the undisturbed training", killed,
                      status, file.bytes);
        tuff_free(NULL, file.data);
        tuff_os_remove(path);
        trainings++;
    }
    backend_check(test, killed >= kills && trainings > 0, "expected %ld kills, got %ld", kills, killed);
    printf("%ld kills, %ld of them while a file was written, %ld runs went on, %ld trainings ended in the same bytes\n",
           killed, writing, going_on, trainings);
    tuff_free(NULL, wanted.data);
    return true;
}

int main(int count, char **arguments)
{
    struct backend_test test;
    char folder[400];
    if (count == 3 && !strcmp(arguments[1], "child")) return train(arguments[2]);
    long kills = count > 1 ? atol(arguments[1]) : 8;
    int code = backend_test_begin(&test, NULL);
    if (code) return code;
    temporary_path("kill", folder, sizeof folder);
    if (tuff_os_make_folders(test.context, folder, NULL) != TUFF_OK) return 1;
    bool tried = kill_often(&test, arguments[0], folder, kills);
    remove_temporaries(folder);
    tuff_os_remove(folder);
    code = backend_test_end(&test, "train_kill");
    if (tried) return code;
    puts("skipped: programs that it starts find no device");
    return NO_DEVICE;
}

#else
#include <stdio.h>
int main(void)
{
    puts("skipped: needs a POSIX system");
    return 77;
}
#endif
