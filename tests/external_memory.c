/* external_memory.c - a session's inputs and outputs in memory that others have, too: every kind of handle that the driver offers goes
 * from one device to another of this process and, where it is a descriptor, to another process, with semaphores where there are
 * such; a network computes in the app's own memory; whatever a handle can be wrong in is refused with a sentence, and nothing leaks. */
#include "tests/external_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef _WIN32
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

static float x_at(uint32_t i) { return (float)(i % 97) - 30; }

/* ---- between two devices of a process ------------------------------------------------------------------------------------------- */

static void fill(struct backend_test *test, struct tuff_buffer *buffer)
{
    static float x[EXTERNAL_COUNT];
    struct tuff_error error = {0};
    for (uint32_t i = 0; i < EXTERNAL_COUNT; i++) x[i] = x_at(i);
    backend_status(test, "write", TUFF_OK, tuff_buffer_write(buffer, 0, x, sizeof x, &error), &error);
}

static void expect(struct backend_test *test, const char *what, const float *y)
{
    for (uint32_t i = 0; i < EXTERNAL_COUNT; i++) {
        float wanted = 2 * x_at(i) + 1;
        if (!backend_check(test, y[i] == wanted, "%s: y[%u]: expected %g, got %g", what, (unsigned)i, (double)wanted,
                           (double)y[i]))
            return;
    }
}

static void expect_buffer(struct backend_test *test, const char *what, struct tuff_buffer *buffer)
{
    static float y[EXTERNAL_COUNT];
    struct tuff_error error = {0};
    backend_status(test, what, TUFF_OK, tuff_buffer_read(buffer, 0, y, sizeof y, &error), &error);
    expect(test, what, y);
}

/* Both ends: made on the test's device, imported by `other`, which computes. */
static void between_devices(struct backend_test *test, struct tuff_device *other, enum tuff_handle_kind kind)
{
    struct tuff_error error = {0};
    struct tuff_buffer *own[2] = {NULL}, *theirs[2] = {NULL};
    struct external_net net;
    const char *name = external_kind_name(kind);
    if (!external_net_open(&net, test, other)) return;
    for (int i = 0; i < 2; i++) {
        struct tuff_handle handle = {0};
        tuff_status status = tuff_vulkan_memory_create(test->device, EXTERNAL_BYTES, kind, "shared", &own[i], &error);
        if (status == TUFF_OK) status = tuff_vulkan_memory_export(own[i], &handle, &error);
        bool descriptor = handle.fd >= 0;
        if (status == TUFF_OK) status = tuff_vulkan_memory_import(other, &handle, NULL, &theirs[i], &error);
        if (!backend_status(test, name, TUFF_OK, status, &error)) goto done;
        backend_check(test, !descriptor || handle.kind == TUFF_HANDLE_NONE, "%s: a descriptor was not taken", name);
    }
    fill(test, own[0]);
    backend_status(test, "wait", TUFF_OK, tuff_device_wait(test->device, own[0]->last_use, UINT64_MAX, &error), &error);
    for (int round = 0; round < 2; round++)
        backend_status(test, name, TUFF_OK, external_net_run(&net, theirs[0], theirs[1], &error), &error);
    backend_status(test, "wait", TUFF_OK, tuff_device_wait(other, theirs[1]->last_use, UINT64_MAX, &error), &error);
    expect_buffer(test, name, own[1]);
    printf("%s: from one device to another: %u numbers\n", name, (unsigned)EXTERNAL_COUNT);
done:
    for (int i = 0; i < 2; i++) {
        tuff_buffer_release(own[i]);
        tuff_buffer_release(theirs[i]);
    }
    external_net_close(&net);
}

/* The network reads and writes memory of the app. */
static void in_own_memory(struct backend_test *test)
{
    struct tuff_error error = {0};
    struct tuff_buffer *buffers[2] = {NULL};
    struct external_net net;
    unsigned char *memory = malloc(3 * EXTERNAL_UNIT);
    if (!memory) abort();
    float *at[2] = {(float *)(void *)(memory + EXTERNAL_UNIT - (uintptr_t)memory % EXTERNAL_UNIT)};
    at[1] = at[0] + EXTERNAL_UNIT / sizeof(float);
    if (external_net_open(&net, test, test->device)) {
        for (int i = 0; i < 2; i++) {
            struct tuff_handle handle = {.kind = TUFF_HANDLE_HOST_POINTER, .pointer = at[i], .bytes = EXTERNAL_UNIT};
            tuff_status status = tuff_vulkan_memory_import(test->device, &handle, "own", &buffers[i], &error);
            backend_status(test, "host pointer", TUFF_OK, status, &error);
        }
        for (uint32_t i = 0; i < EXTERNAL_COUNT; i++) at[0][i] = x_at(i);
        if (buffers[0] && buffers[1]) {
            tuff_status status = external_net_run(&net, buffers[0], buffers[1], &error);
            if (status == TUFF_OK) status = tuff_device_wait(test->device, buffers[1]->last_use, UINT64_MAX, &error);
            backend_status(test, "host pointers", TUFF_OK, status, &error);
            expect(test, "host pointers", at[1]);
            expect_buffer(test, "host pointers, read", buffers[1]);
            printf("host pointers: a network computes in the app's memory\n");
        }
        external_net_close(&net);
    }
    for (int i = 0; i < 2; i++) tuff_buffer_release(buffers[i]);
    tuff_queue_collect(test->device);
    free(memory);
}

/* ---- semaphores of a process ---------------------------------------------------------------------------------------------------- */

/* `other` waits on the device for what the test's device signals. */
static void signal_devices(struct backend_test *test, struct tuff_device *other, enum tuff_handle_kind kind, bool timeline)
{
    struct tuff_error error = {0};
    struct tuff_handle handle = {0};
    VkSemaphore own = VK_NULL_HANDLE, theirs = VK_NULL_HANDLE;
    const char *name = external_kind_name(kind);
    uint64_t value = timeline ? 5 : 0, ticket = 0;
    tuff_status status = tuff_vulkan_semaphore_create(test->device, kind, timeline, &own, &error);
    if (timeline && status == TUFF_ERR_UNSUPPORTED) {
        printf("%s: %s\n", name, error.message);
        return;
    }
    bool late = kind == TUFF_HANDLE_SYNC_FD; /* a fence is of a signal that is submitted */
    if (status == TUFF_OK && late) status = tuff_vulkan_signal(test->device, own, value, NULL, &error);
    if (status == TUFF_OK) status = tuff_vulkan_semaphore_export(test->device, own, kind, timeline, &handle, &error);
    if (status == TUFF_OK) status = tuff_vulkan_semaphore_import(other, &handle, &theirs, &error);
    if (status == TUFF_OK && !late) status = tuff_vulkan_signal(test->device, own, value, NULL, &error);
    if (status == TUFF_OK) status = tuff_vulkan_wait(other, theirs, value, &ticket, &error);
    if (status == TUFF_OK) status = tuff_device_wait(other, ticket, UINT64_C(10000000000), &error);
    if (backend_status(test, name, TUFF_OK, status, &error))
        printf("%s: a %s semaphore of one device is waited for on another\n", name, timeline ? "timeline" : "binary");
    tuff_vulkan_semaphore_destroy(test->device, own);
    tuff_vulkan_semaphore_destroy(other, theirs);
}

/* ---- refusals ------------------------------------------------------------------------------------------------------------------- */

static void refuse(struct backend_test *test, struct tuff_device *device, struct tuff_handle handle, tuff_status wanted,
                   const char *part)
{
    struct tuff_error error = {0};
    struct tuff_buffer *buffer = NULL;
    struct tuff_handle before = handle;
    tuff_status status = tuff_vulkan_memory_import(device, &handle, NULL, &buffer, &error);
    bool said = strstr(error.message, part) != NULL;
    backend_check(test, status == wanted && said && !buffer && !memcmp(&before, &handle, sizeof handle),
                  "expected %s with '%s', got %s: %s", tuff_status_name(wanted), part, tuff_status_name(status),
                  error.message);
    if (said) printf("    %s\n", error.message);
    tuff_buffer_release(buffer);
}

/* By every device of this machine that is another one. */
static void refuse_elsewhere(struct backend_test *test, struct tuff_handle handle)
{
    struct tuff_error error = {0};
    struct tuff_caps caps[8] = {{.struct_size = sizeof caps[0]}};
    const struct tuff_caps *own = tuff_device_caps(test->device);
    uint32_t count = TUFF_COUNT(caps);
    if (!backend_status(test, "devices", TUFF_OK, tuff_device_list(test->context, caps, &count, &error), &error)) return;
    for (uint32_t i = 0; i < count && i < TUFF_COUNT(caps); i++) {
        struct tuff_device *third = NULL;
        char name[16];
        if (!memcmp(caps[i].uuid, own->uuid, 16) && !memcmp(caps[i].driver_uuid, own->driver_uuid, 16)) continue;
        snprintf(name, sizeof name, "%u", (unsigned)i);
        if (tuff_device_create(test->context, name, &third, &error) != TUFF_OK) continue;
        if (tuff_vulkan_offers(third, TUFF_HANDLE_FD, TUFF_IMPORTS_MEMORY, NULL) == TUFF_OK)
            refuse(test, third, handle, TUFF_ERR_USAGE, "of another device or driver");
        tuff_device_release(third);
    }
}

static void refuse_descriptors(struct backend_test *test, struct tuff_device *other)
{
    struct tuff_error error = {0};
    struct tuff_buffer *buffer = NULL, *second = NULL;
    struct tuff_handle handle = {0}, changed;
    tuff_status status = tuff_vulkan_memory_create(test->device, EXTERNAL_BYTES, TUFF_HANDLE_FD, NULL, &buffer, &error);
    if (status == TUFF_OK) status = tuff_vulkan_memory_export(buffer, &handle, &error);
    if (!backend_status(test, "to refuse", TUFF_OK, status, &error)) return;
    refuse_elsewhere(test, handle);
    changed = handle;
    changed.bytes = changed.memory_bytes + 4;
    refuse(test, other, changed, TUFF_ERR_USAGE, "at most the");
    changed = handle;
    changed.memory_bytes = UINT64_C(1) << 40;
#ifndef _WIN32
    struct rlimit limit, none;
    if (lseek(handle.fd, 5, SEEK_SET) != 5 || getrlimit(RLIMIT_NOFILE, &limit)) abort();
    refuse(test, other, changed, TUFF_ERR_USAGE, "the file descriptor's memory has");
    backend_check(test, lseek(handle.fd, 0, SEEK_CUR) == 5, "measuring moved the file position");
    none = limit;
    none.rlim_cur = 1; /* descriptors that are open stay */
    if (setrlimit(RLIMIT_NOFILE, &none)) abort();
    refuse(test, other, handle, TUFF_ERR_MEMORY, "too many open files");
    if (setrlimit(RLIMIT_NOFILE, &limit)) abort();
#endif
    changed = handle;
    changed.bytes = 6;
    refuse(test, other, changed, TUFF_ERR_USAGE, "whole words");
    changed = handle;
    changed.bytes = 0;
    refuse(test, other, changed, TUFF_ERR_USAGE, "at least one byte");
    changed = handle;
    changed.memory_type = 31;
    refuse(test, other, changed, TUFF_ERR_USAGE, "a type that no buffer lies in");
    changed = handle;
    changed.device_uuid[3] ^= 1;
    refuse(test, other, changed, TUFF_ERR_USAGE, "of another device or driver");
    changed = handle;
    changed.driver_uuid[15] ^= 1;
    refuse(test, other, changed, TUFF_ERR_USAGE, "of another device or driver");
    changed = handle;
    changed.fd = 12345;
    refuse(test, other, changed, TUFF_ERR_USAGE, "no open file descriptor 12345");
    changed.fd = -1;
    refuse(test, other, changed, TUFF_ERR_USAGE, "no open file descriptor -1");
    backend_status(test, "import", TUFF_OK, tuff_vulkan_memory_import(other, &handle, NULL, &second, &error), &error);
    refuse(test, other, handle, TUFF_ERR_USAGE, "it was taken before");
    status = tuff_vulkan_memory_export(second, &handle, &error);
    backend_check(test, status == TUFF_ERR_USAGE && strstr(error.message, "was not made by"), "an imported buffer: %s",
                  error.message);
    tuff_buffer_release(second);
    tuff_buffer_release(buffer);
}

static void refuse_host(struct backend_test *test)
{
    static unsigned char memory[64];
    struct tuff_error error = {0};
    struct tuff_buffer *buffer = NULL;
    struct tuff_handle handle = {.kind = TUFF_HANDLE_HOST_POINTER, .bytes = EXTERNAL_UNIT};
    refuse(test, test->device, handle, TUFF_ERR_USAGE, "pointer is NULL");
    handle.pointer = memory + 4 + (uintptr_t)memory % 2;
    refuse(test, test->device, handle, TUFF_ERR_USAGE, "at multiples of");
    handle.pointer = (void *)(uintptr_t)EXTERNAL_UNIT;
    handle.bytes = 20;
    refuse(test, test->device, handle, TUFF_ERR_USAGE, "at multiples of");
    tuff_status status = tuff_vulkan_memory_create(test->device, 64, TUFF_HANDLE_HOST_POINTER, NULL, &buffer, &error);
    backend_check(test, status == TUFF_ERR_UNSUPPORTED && strstr(error.message, "given away as host pointers"),
                  "a host pointer given away: %s", error.message);
}

static void refuse_copies(struct backend_test *test, struct tuff_device *other)
{
    struct tuff_error error = {0};
    struct tuff_buffer *own = NULL, *theirs = NULL;
    struct external_net net;
    if (!external_net_open(&net, test, test->device)) return;
    backend_status(test, "buffer", TUFF_OK, tuff_buffer_create(test->device, EXTERNAL_BYTES, true, "own", &own, &error),
                   &error);
    backend_status(test, "buffer", TUFF_OK, tuff_buffer_create(other, EXTERNAL_BYTES, true, "other", &theirs, &error),
                   &error);
    const struct {
        const char *what, *part;
        struct tuff_executable *run;
        const char *name;
        struct tuff_buffer *buffer;
        uint64_t offset;
        bool get;
    } cases[] = {
        {"another device's", "of another device", net.run, "x", theirs, 0, false},
        {"beyond the end", "at offset 8", net.run, "x", own, 8, false},
        {"far beyond", "at offset", net.run, "x", own, UINT64_MAX - 3, false},
        {"no such input", "has no 'z'", net.run, "z", own, 0, false},
        {"no buffer", "buffer", net.run, "x", NULL, 0, false},
        {"before a run", "not there yet", net.run, "output0", own, 0, true},
        {"a place beyond", "at offset 4", net.run, "output0", own, 4, true},
        {"no executable", "NULL", NULL, "output0", own, 0, true},
    };
    for (size_t i = 0; i < TUFF_COUNT(cases); i++) {
        tuff_status (*call)(struct tuff_executable *, const char *, struct tuff_buffer *, uint64_t, uint64_t *,
                            struct tuff_error *) = cases[i].get ? tuff_executable_get_buffer : tuff_executable_set_buffer;
        const tuff_status status = call(cases[i].run, cases[i].name, cases[i].buffer, cases[i].offset, NULL, &error);
        backend_check(test, status == TUFF_ERR_USAGE && strstr(error.message, cases[i].part),
                      "%s: expected USAGE with '%s', got %s: %s", cases[i].what, cases[i].part, tuff_status_name(status),
                      error.message);
    }
    tuff_buffer_release(own);
    tuff_buffer_release(theirs);
    external_net_close(&net);
}

/* Of every kind that is not offered: the reason. */
static bool offered(struct backend_test *test, struct tuff_device *device, enum tuff_handle_kind kind,
                    enum tuff_handle_use use)
{
    static const char *const uses[] = {"memory in", "memory out", "semaphores in", "semaphores out"};
    struct tuff_error error = {0};
    tuff_status status = tuff_vulkan_offers(device, kind, use, &error);
    printf("%-24s %-15s %s\n", external_kind_name(kind), uses[use], status == TUFF_OK ? "yes" : error.message);
    backend_check(test, status == TUFF_OK || (status == TUFF_ERR_UNSUPPORTED && error.message[0]), "%s: %s: %s",
                  external_kind_name(kind), tuff_status_name(status), error.message);
    return status == TUFF_OK;
}

static void refuse_unoffered(struct backend_test *test, enum tuff_handle_kind kind)
{
    static int anything;
    struct tuff_error error = {0};
    struct tuff_buffer *buffer = NULL;
    struct tuff_handle handle = {.kind = kind, .fd = -1, .pointer = &anything, .bytes = 4096};
    VkSemaphore semaphore = VK_NULL_HANDLE;
    const struct {
        enum tuff_handle_use use;
        tuff_status status;
    } calls[] = {{TUFF_IMPORTS_MEMORY, tuff_vulkan_memory_import(test->device, &handle, NULL, &buffer, &error)},
                 {TUFF_IMPORTS_SEMAPHORE, tuff_vulkan_semaphore_import(test->device, &handle, &semaphore, &error)},
                 {TUFF_EXPORTS_MEMORY, tuff_vulkan_memory_create(test->device, 4096, kind, NULL, &buffer, &error)}};
    for (size_t i = 0; i < TUFF_COUNT(calls); i++)
        if (tuff_vulkan_offers(test->device, kind, calls[i].use, NULL) != TUFF_OK)
            backend_status(test, external_kind_name(kind), TUFF_ERR_UNSUPPORTED, calls[i].status, &error);
    tuff_buffer_release(buffer);
    tuff_vulkan_semaphore_destroy(test->device, semaphore);
}

/* ---- another process ------------------------------------------------------------------------------------------------------------ */

#ifndef _WIN32
/* What goes over the socket, with as many descriptors. */
struct parcel {
    enum tuff_handle_kind kind;
    bool semaphores;
    struct tuff_handle handles[4]; /* x, y, x is written, y is written */
};
enum { MEMORIES = 2, ALL = 4 };

static bool send_parcel(int socket, const struct parcel *parcel)
{
    const size_t count = parcel->semaphores ? ALL : MEMORIES;
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(ALL * sizeof(int))];
    } control = {.bytes = {0}};
    struct iovec part = {(void *)(uintptr_t)parcel, sizeof *parcel};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_SPACE(count * sizeof(int))};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(count * sizeof(int));
    for (size_t i = 0; i < count; i++) memcpy(CMSG_DATA(head) + i * sizeof(int), &parcel->handles[i].fd, sizeof(int));
    return sendmsg(socket, &message, 0) == (ssize_t)sizeof *parcel;
}

static bool receive_parcel(int socket, struct parcel *parcel)
{
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(ALL * sizeof(int))];
    } control;
    struct iovec part = {parcel, sizeof *parcel};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    if (recvmsg(socket, &message, MSG_WAITALL) != (ssize_t)sizeof *parcel) return false;
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    for (size_t i = 0; head && i < (parcel->semaphores ? ALL : MEMORIES); i++)
        memcpy(&parcel->handles[i].fd, CMSG_DATA(head) + i * sizeof(int), sizeof(int));
    return head != NULL;
}

/* The other process: imports and computes, between two semaphores where there are such. */
static int be_other(struct parcel *parcel)
{
    struct backend_test test;
    struct tuff_error error = {0};
    struct tuff_buffer *buffers[2] = {NULL};
    VkSemaphore written[2] = {VK_NULL_HANDLE};
    struct external_net net;
    int status = backend_test_begin(&test, NULL);
    if (status) return status;
    tuff_status done = TUFF_OK;
    for (int i = 0; i < 2 && done == TUFF_OK; i++) {
        done = tuff_vulkan_memory_import(test.device, &parcel->handles[i], NULL, &buffers[i], &error);
        if (parcel->semaphores && done == TUFF_OK)
            done = tuff_vulkan_semaphore_import(test.device, &parcel->handles[MEMORIES + i], &written[i], &error);
    }
    if (backend_status(&test, "the other process", TUFF_OK, done, &error) && external_net_open(&net, &test, test.device)) {
        if (written[0]) done = tuff_vulkan_wait(test.device, written[0], 0, NULL, &error);
        if (done == TUFF_OK) done = external_net_run(&net, buffers[0], buffers[1], &error);
        if (written[1] && done == TUFF_OK) done = tuff_vulkan_signal(test.device, written[1], 0, NULL, &error);
        backend_status(&test, "the other process", TUFF_OK, done, &error);
        external_net_close(&net);
    }
    for (int i = 0; i < 2; i++) {
        tuff_buffer_release(buffers[i]);
        tuff_vulkan_semaphore_destroy(test.device, written[i]);
    }
    return backend_test_end(&test, "external_memory, the other process");
}

/* Before there is any Vulkan: a process that makes one for each parcel, and tells how it ended. Returns the socket to it. */
static int start_others(void)
{
    int sockets[2];
    struct parcel parcel;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, sockets)) abort();
    pid_t forker = fork();
    if (forker < 0) abort();
    close(sockets[forker ? 1 : 0]);
    if (forker) return sockets[0];
    while (receive_parcel(sockets[1], &parcel)) {
        int ended = 1;
        pid_t child = fork();
        if (!child) exit(be_other(&parcel));
        for (int i = 0; i < (parcel.semaphores ? ALL : MEMORIES); i++) close(parcel.handles[i].fd);
        waitpid(child, &ended, 0);
        if (write(sockets[1], &ended, sizeof ended) != (ssize_t)sizeof ended) break;
    }
    exit(0);
}

static void between_processes(struct backend_test *test, int others, enum tuff_handle_kind kind)
{
    struct tuff_error error = {0};
    struct tuff_buffer *buffers[2] = {NULL};
    VkSemaphore written[2] = {VK_NULL_HANDLE};
    struct parcel parcel = {.kind = kind};
    int ended = -1;
    tuff_status status = TUFF_OK;
    parcel.semaphores = tuff_vulkan_offers(test->device, TUFF_HANDLE_FD, TUFF_EXPORTS_SEMAPHORE, NULL) == TUFF_OK;
    for (int i = 0; i < 2 && status == TUFF_OK; i++) {
        status = tuff_vulkan_memory_create(test->device, EXTERNAL_BYTES, kind, "shared", &buffers[i], &error);
        if (status == TUFF_OK) status = tuff_vulkan_memory_export(buffers[i], &parcel.handles[i], &error);
        if (!parcel.semaphores || status != TUFF_OK) continue;
        status = tuff_vulkan_semaphore_create(test->device, TUFF_HANDLE_FD, false, &written[i], &error);
        if (status == TUFF_OK)
            status = tuff_vulkan_semaphore_export(test->device, written[i], TUFF_HANDLE_FD, false,
                                                  &parcel.handles[MEMORIES + i], &error);
    }
    if (backend_status(test, "to another process", TUFF_OK, status, &error)) {
        bool sent = !written[0] || send_parcel(others, &parcel); /* with semaphores before x is written */
        fill(test, buffers[0]);
        status = tuff_device_wait(test->device, buffers[0]->last_use, UINT64_MAX, &error);
        if (written[0]) status = tuff_vulkan_signal(test->device, written[0], 0, NULL, &error);
        if (!written[0] && sent) sent = send_parcel(others, &parcel);
        if (sent && written[1]) status = tuff_vulkan_wait(test->device, written[1], 0, NULL, &error);
        backend_status(test, "to another process", TUFF_OK, status, &error);
        if (!written[1] && sent) sent = read(others, &ended, sizeof ended) == (ssize_t)sizeof ended;
        if (backend_check(test, sent, "the socket is closed")) expect_buffer(test, "of another process", buffers[1]);
        if (written[1] && sent) sent = read(others, &ended, sizeof ended) == (ssize_t)sizeof ended;
        backend_check(test, sent && WIFEXITED(ended) && !WEXITSTATUS(ended), "the other process ended with %d", ended);
        printf("%s: to another process and back%s\n", external_kind_name(kind), written[0] ? ", by semaphores" : "");
    }
    for (int i = 0; i < 2; i++) {
        tuff_buffer_release(buffers[i]);
        tuff_vulkan_semaphore_destroy(test->device, written[i]);
    }
    for (int i = 0; i < (parcel.semaphores ? ALL : MEMORIES); i++) close(parcel.handles[i].fd);
}

/* What lies in a file, which lavapipe takes for a dma-buf as it maps both alike: this machine has no other. */
static void in_file(struct backend_test *test)
{
    static float values[2][EXTERNAL_UNIT / 4];
    struct tuff_error error = {0};
    struct tuff_buffer *buffers[2] = {NULL};
    struct external_net net;
    FILE *files[2] = {tmpfile(), tmpfile()};
    for (uint32_t i = 0; i < EXTERNAL_COUNT; i++) values[0][i] = x_at(i);
    tuff_status status = TUFF_OK;
    for (int i = 0; i < 2; i++) {
        if (!files[i] || fwrite(values[i], 1, EXTERNAL_UNIT, files[i]) != EXTERNAL_UNIT || fflush(files[i])) abort();
        struct tuff_handle handle = {.kind = TUFF_HANDLE_DMA_BUF,
                                     .fd = dup(fileno(files[i])),
                                     .bytes = EXTERNAL_BYTES,
                                     .memory_bytes = EXTERNAL_UNIT};
        if (status == TUFF_OK) status = tuff_vulkan_memory_import(test->device, &handle, NULL, &buffers[i], &error);
        if (handle.kind != TUFF_HANDLE_NONE) close(handle.fd);
    }
    if (backend_status(test, "dma-buf", TUFF_OK, status, &error) && external_net_open(&net, test, test->device)) {
        status = external_net_run(&net, buffers[0], buffers[1], &error);
        if (status == TUFF_OK) status = tuff_device_wait(test->device, buffers[1]->last_use, UINT64_MAX, &error);
        backend_status(test, "dma-buf", TUFF_OK, status, &error);
        rewind(files[1]);
        if (fread(values[1], 1, EXTERNAL_UNIT, files[1]) != EXTERNAL_UNIT) abort();
        expect(test, "dma-buf", values[1]);
        printf("dma-buf: a network computes in a file\n");
        external_net_close(&net);
    }
    for (int i = 0; i < 2; i++) {
        tuff_buffer_release(buffers[i]);
        fclose(files[i]);
    }
}
#else
static int start_others(void) { return 0; }
static void between_processes(struct backend_test *test, int others, enum tuff_handle_kind kind)
{
    (void)test, (void)others, (void)kind;
}
static void in_file(struct backend_test *test) { (void)test; }
#endif

/* ---- all of it ------------------------------------------------------------------------------------------------------------------ */

static void test_kinds(struct backend_test *test, struct tuff_device *other, int others)
{
    for (enum tuff_handle_kind kind = TUFF_HANDLE_FD; kind <= TUFF_HANDLE_SYNC_FD; kind++) {
        bool offers[4];
        for (int use = 0; use < 4; use++) offers[use] = offered(test, test->device, kind, (enum tuff_handle_use)use);
        bool memory = offers[TUFF_IMPORTS_MEMORY] && offers[TUFF_EXPORTS_MEMORY];
        if (memory) between_devices(test, other, kind);
        if (memory && (kind == TUFF_HANDLE_FD || kind == TUFF_HANDLE_DMA_BUF)) between_processes(test, others, kind);
        if (kind == TUFF_HANDLE_DMA_BUF && offers[TUFF_IMPORTS_MEMORY] && !memory) in_file(test);
        if (offers[TUFF_IMPORTS_SEMAPHORE] && offers[TUFF_EXPORTS_SEMAPHORE])
            for (int timeline = 0; timeline < 2; timeline++) {
                test->quiet = timeline;
                signal_devices(test, other, kind, timeline);
            }
        test->quiet = true;
        refuse_unoffered(test, kind);
        if (memory && kind == TUFF_HANDLE_FD) refuse_descriptors(test, other);
        if (kind == TUFF_HANDLE_HOST_POINTER && offers[TUFF_IMPORTS_MEMORY]) {
            refuse_host(test);
            test->quiet = false;
            in_own_memory(test);
        }
        test->quiet = false;
    }
    test->quiet = true;
    refuse_copies(test, other);
    struct tuff_error error = {0};
    backend_status(test, "an empty handle", TUFF_ERR_USAGE,
                   tuff_vulkan_offers(test->device, TUFF_HANDLE_NONE, TUFF_IMPORTS_MEMORY, &error), &error);
    backend_status(test, "no such kind", TUFF_ERR_USAGE,
                   tuff_vulkan_offers(test->device, (enum tuff_handle_kind)99, TUFF_IMPORTS_MEMORY, &error), &error);
    test->quiet = false;
}

int main(void)
{
    struct backend_test test;
    struct tuff_device *other = NULL;
    struct tuff_error error = {0};
    int others = start_others(), status = backend_test_begin(&test, NULL);
    if (status) return status;
    backend_status(&test, "another device", TUFF_OK, tuff_device_create(test.context, NULL, &other, &error), &error);
    uint64_t bytes[2][2];
    unsigned open[2] = {0};
    for (int round = 0; round < 2; round++) { /* what is made once and kept (staging) is made in the first */
        test_kinds(&test, other, others);
        struct tuff_device *const devices[2] = {test.device, other};
        for (int i = 0; i < 2; i++) {
            (void)!tuff_device_wait(devices[i], atomic_load(&devices[i]->queue.submitted), UINT64_MAX, &error);
            tuff_queue_collect(devices[i]);
            tuff_device_memory(devices[i], &bytes[round][i], NULL);
        }
        for (int fd = 0; fd < 1000; fd++) {
            int copy = tuff_os_descriptor_copy(fd);
            open[round] += copy >= 0;
            tuff_os_descriptor_close(copy);
        }
    }
    backend_check(&test, bytes[0][0] == bytes[1][0] && bytes[0][1] == bytes[1][1], "device memory: %llu and %llu bytes left",
                  (unsigned long long)bytes[1][0], (unsigned long long)bytes[1][1]);
    backend_check(&test, open[0] == open[1], "descriptors: %u open after a round, %u after two", open[0], open[1]);
    tuff_device_release(other);
    return backend_test_end(&test, "external_memory");
}
