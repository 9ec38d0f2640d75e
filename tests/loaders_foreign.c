/* loaders_foreign.c - what others made: names with control characters never reach a message raw, and what is no file is refused at once. */
#include "samples/data/data.h"
#include "tests/loaders_support.h"

#include <stdio.h>
#include <stdlib.h>
#ifndef _WIN32
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#endif

/* ---- text ------------------------------------------------------------------------------------------------------------------------ */

static void test_printable(struct loaders_test *test)
{
    static const char *const cases[][2] = {
        {"plain.png", "plain.png"},
        {"caf\xc3\xa9 \xe6\xbc\xa2 \xf0\x9f\x90\x88", "caf\xc3\xa9 \xe6\xbc\xa2 \xf0\x9f\x90\x88"},
        {"C:\\new", "C:\\new"},
        {"a\nerror: b", "a\\nerror: b"},
        {"\t\r\x1b[31mred\x7f", "\\t\\r\\x1b[31mred\\x7f"},
        {"\xc2\x9b"
         "2J",
         "\\u009b2J"}, /* CSI of C1 */
        {"\xe2\x80\xae"
         "gnp.exe",
         "\\u202egnp.exe"},                                                /* right-to-left override */
        {"\xe2\x80\xa8\xe2\x81\xa6\xef\xbb\xbf", "\\u2028\\u2066\\ufeff"}, /* line separator, isolate, byte order mark */
        {"\xff\xc0\xaf\xed\xa0\x80\xc3", "\\xff\\xc0\\xaf\\xed\\xa0\\x80\\xc3"}, /* no UTF-8: overlong, surrogate, cut */
        {"", ""},
    };
    char out[100], again[100];
    for (size_t i = 0; i < TUFF_COUNT(cases); i++) {
        expect_text(test, "printable", cases[i][1], tuff_printable(cases[i][0], out, sizeof out));
        expect_text(test, "printable, twice", cases[i][1], tuff_printable(out, again, sizeof again));
    }
    expect_text(test, "exactly as long", "1234567", tuff_printable("1234567", out, 8));
    expect_text(test, "cut", "1234...", tuff_printable("12345678", out, 8));
    expect_text(test, "cut before a character", "123...", tuff_printable("123\xe6\xbc\xa2\xe6\xbc\xa2", out, 8));
    expect_text(test, "cut before an escape", "12...", tuff_printable("12\n\n\n\n\n", out, 6));
    for (size_t size = 0; size < 6; size++) {
        memset(out, 'x', sizeof out);
        tuff_printable("\x1b\x1b\x1b", out, size);
        expect(test, out[size] == 'x', "size", "nothing written behind it", "size %zu", size);
    }
}

/* Log and error of a failure, in which nothing is raw. */
struct seen {
    char log[2000];
};

static void on_log(void *user, enum tuff_log_level level, const char *message)
{
    struct seen *seen = user;
    (void)level;
    snprintf(seen->log, sizeof seen->log, "%s", message);
}

static bool is_clean(const char *text)
{
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f) return false;
    return true;
}

static const char hostile[] = "a\x1b]0;title\x07\nb\x7f.png";

static void expect_clean(struct loaders_test *test, const char *what, const struct seen *seen,
                         const struct tuff_error *error)
{
    expect(test, error->message[0] && is_clean(error->message), what, "an error without control characters", "%s",
           error->message);
    expect(test, is_clean(seen->log) && !strcmp(seen->log, error->message), what, "the same in the log", "%s", seen->log);
}

static void test_messages(struct loaders_test *test)
{
    static const char header[] = "{\"w\\u001b[2J\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,8]}}";
    static struct seen seen;
    struct tuff_options options = {.struct_size = sizeof options, .log = on_log, .log_user = &seen};
    struct tuff_context *context = NULL;
    struct tuff_error error = {0};
    struct tuff_picture picture = {0};
    struct tuff_idx idx = {0};
    struct tuff_tensors *tensors = NULL;
    struct tuff_saved *saved = NULL;
    if (tuff_context_create(&options, &context, NULL) != TUFF_OK) exit(1);
    expect(test, tuff_picture_read(context, hostile, NULL, &picture, &error) == TUFF_ERR_FILE, "picture", "FILE", "another");
    expect_clean(test, "name of a picture", &seen, &error);
    expect(test, tuff_idx_read(context, hostile, 0, &idx, &error) == TUFF_ERR_FILE, "IDX", "FILE", "another");
    expect_clean(test, "name of an IDX file", &seen, &error);
    expect(test, tuff_saved_open(context, hostile, &saved, &error) == TUFF_ERR_FILE, "model", "FILE", "another");
    expect_clean(test, "name of a model", &seen, &error);
    if (TUFF_HAVE_JSON) {
        char file[8 + sizeof header + 8] = {(char)(sizeof header - 1)};
        memcpy(file + 8, header, sizeof header - 1);
        tuff_status status = tuff_safetensors_decode(context, (struct tuff_span){file, 8 + sizeof header - 1 + 8}, &tensors,
                                                     &error);
        expect(test, status == TUFF_ERR_FORMAT && strstr(error.message, "w\\x1b[2J"), "key", "named and escaped", "%s",
               error.message);
        expect_clean(test, "key of a safetensors file", &seen, &error);
    }
    struct tuff_graph *g = NULL;
    if (tuff_graph_create(context, &g, NULL) != TUFF_OK) exit(1);
    tuff_status status = tuff_graph_parse(g, "v1 = \x1b[2J\n", &error);
    expect(test, status != TUFF_OK, "graph text", "refused", "read");
    expect_clean(test, "graph text", &seen, &error);
    tuff_graph_destroy(g);
    tuff_context_destroy(context);
}

/* ---- what is no file ----------------------------------------------------------------------------------------------------------------- */

#ifndef _WIN32
static void expect_no_file(struct loaders_test *test, const char *path)
{
    struct tuff_context *c = test->context;
    struct tuff_error error = {0};
    struct tuff_picture picture = {0};
    struct tuff_idx idx = {0};
    struct tuff_tensors *tensors = NULL;
    struct tuff_saved *saved = NULL;
    expect_status(test, path, TUFF_ERR_FILE, tuff_picture_read(c, path, NULL, &picture, &error), &error, path);
    expect_status(test, path, TUFF_ERR_FILE, tuff_idx_read(c, path, 0, &idx, &error), &error, path);
    expect_status(test, path, TUFF_ERR_FILE, tuff_safetensors_open(c, path, 0, &tensors, &error), &error, path);
    expect_status(test, path, TUFF_ERR_FILE, tuff_checkpoint_read(c, path, NULL, &tensors, &error), &error, path);
    expect_status(test, path, TUFF_ERR_FILE, tuff_saved_open(c, path, &saved, &error), &error, path);
}

static void test_no_files(struct loaders_test *test)
{
    alarm(60); /* today's readers wait for the other end of a pipe */
    const char *pipe_path = scratch_path(test, "pipe.png");
    if (mkfifo(pipe_path, 0600) != 0) exit(1);
    expect_no_file(test, pipe_path);
    expect_no_file(test, "/dev/zero"); /* never ends */
    expect_no_file(test, "/dev/null");
    expect_no_file(test, test->folder);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *socket_path = scratch_path(test, "s");
    int handle = socket(AF_UNIX, SOCK_STREAM, 0);
    if (strlen(socket_path) < sizeof address.sun_path) {
        memcpy(address.sun_path, socket_path, strlen(socket_path) + 1);
        if (bind(handle, (const struct sockaddr *)&address, sizeof address) == 0) expect_no_file(test, socket_path);
        unlink(socket_path);
    }
    close(handle);
    unlink(pipe_path);
    alarm(0);
}
#else
static void test_no_files(struct loaders_test *test)
{
    struct tuff_error error = {0};
    struct tuff_picture picture = {0};
    expect_status(test, "NUL", TUFF_ERR_FILE, tuff_picture_read(test->context, "NUL", NULL, &picture, &error), &error,
                  "NUL");
}
#endif

int main(void)
{
    struct loaders_test test;
    loaders_begin(&test, "loaders_foreign");
    test_printable(&test);
    test_messages(&test);
    test_no_files(&test);
    return loaders_end(&test);
}
