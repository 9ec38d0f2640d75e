/* container_runtime.c - ".tuff": what is written is read, what is damaged is refused; and a plan that libtuff saved runs in a program
 * that links libtuff_runtime alone (tests/runtime/run.c), bit for bit, its weights not copied through host memory. */
#include "tests/backend_help.h"

#include "backend/container.h"
#include "backend/handover.h"
#include "backend/os.h"
#include "graph/op.h"

#include <stdio.h>
#include <stdlib.h>

#define FOLDER TUFF_BUILD_DIR "/tests/"
#ifdef _WIN32 /* its shell takes off the first and the last quote */
#define PROGRAM TUFF_BUILD_DIR "/bin/runtime-run"
#define COMMAND "\"\"%s\" \"%s\" \"%s\" %d %d\""
#else
#define PROGRAM FOLDER "runtime-run"
/* Leaks are looked for in this process: a driver that is unloaded at the end of that one leaves memory of its own. */
#define COMMAND "ASAN_OPTIONS=\"$ASAN_OPTIONS${ASAN_OPTIONS:+:}detect_leaks=0\" \"%s\" \"%s\" \"%s\" %d %d"
#endif

/* ---- the file ------------------------------------------------------------------------------------------------------------------- */

static const char short_text[] = "plan",
                  long_text[] = "what is long enough to have a word of eight bytes for the checksum's table";
static const struct tuff_section_params sections[] = {
    {.kind = TUFF_SECTION_WEIGHTS, .name = "w", .data = long_text, .bytes = sizeof long_text},
    {.kind = TUFF_SECTION_NAMES, .name = "", .data = short_text},
    {.kind = TUFF_SECTION_PLAN, .name = "main", .data = short_text, .bytes = sizeof short_text}};

/* Does it hold what was written? */
static bool is_whole(struct tuff_context *context, const void *data, size_t bytes)
{
    struct tuff_container c;
    if (tuff_container_parse(&c, context, "damaged", data, bytes, NULL) != TUFF_OK) return false;
    bool whole = c.section_count == TUFF_COUNT(sections);
    for (uint32_t i = 0; whole && i < c.section_count; i++) {
        const struct tuff_section *found = tuff_container_find(&c, sections[i].kind, sections[i].name);
        whole = found && tuff_container_check(&c, found, NULL) == TUFF_OK && found->bytes == sections[i].bytes &&
                !memcmp(found->data, sections[i].data, sections[i].bytes) && found->offset % TUFF_SECTION_ALIGNMENT == 0;
    }
    tuff_container_close(&c);
    return whole;
}

static void test_file(struct backend_test *test)
{
    static const char path[] = FOLDER "container.tuff";
    struct tuff_error error = {0};
    struct tuff_container c;
    void *data = NULL;
    size_t bytes = 0, kept = 0;
    uint64_t offsets[TUFF_COUNT(sections)];
    tuff_status status = tuff_container_write(test->context, path, sections, TUFF_COUNT(sections), &error);
    if (!backend_status(test, "write", TUFF_OK, status, &error)) return;
    tuff_container_lay_out(sections, TUFF_COUNT(sections), offsets);
    if (backend_status(test, "open", TUFF_OK, tuff_container_open(&c, test->context, path, &error), &error)) {
        const struct tuff_section *plan = tuff_container_find(&c, TUFF_SECTION_PLAN, "main");
        backend_check(test, plan && plan->offset == offsets[2], "open: expected the plan where it was laid out");
        backend_check(test, !tuff_container_find(&c, TUFF_SECTION_GRAPH, "main"), "open: expected no graph");
        tuff_container_close(&c);
    }
    status = tuff_os_read_file(test->context, path, 0, &data, &bytes, &error);
    if (!backend_status(test, "read", TUFF_OK, status, &error)) return;
    test->quiet = true;
    for (size_t cut = 0; cut < bytes; cut++)
        backend_check(test, !is_whole(test->context, data, cut), "cut at %zu of %zu: expected a refusal", cut, bytes);
    for (size_t bit = 0; bit < 8 * bytes; bit++) {
        ((uint8_t *)data)[bit / 8] ^= (uint8_t)(1u << bit % 8);
        kept += is_whole(test->context, data, bytes);
        ((uint8_t *)data)[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    backend_check(test, kept == 0, "%zu bits flipped unnoticed", kept);
    backend_check(test, is_whole(test->context, data, bytes), "expected the whole file at the end");
    status = tuff_container_parse(&c, test->context, "old", "\x40\0\0\0\0\0\0\0{\"__metadata__\":{}}", 26, &error);
    backend_status(test, "safetensors", TUFF_ERR_FORMAT, status, &error);
    backend_check(test, strstr(error.message, "tuff_safetensors_open"), "safetensors: expected what to do, got %s",
                  error.message);
    test->quiet = false;
    tuff_free(test->context, data);
}

/* ---- a plan in a file ------------------------------------------------------------------------------------------------------------ */

enum { ROWS = 32768, COLUMNS = 256, OUTPUTS = 10 * COLUMNS }; /* a table of 32 MiB */

struct net {
    struct tuff_graph *g;
    tuff_val x, outputs[2];
};

/* Rows of a large table, chosen by a counter, times a product of the input, plus a constant with data. */
static void build(struct net *n, struct tuff_context *context)
{
    static float constant[COLUMNS];
    for (int i = 0; i < COLUMNS; i++) constant[i] = (float)i / 7;
    if (tuff_graph_create(context, &n->g, NULL) != TUFF_OK) abort();
    struct tuff_graph *g = n->g;
    n->x = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(10, 10));
    tuff_val count = tuff_state(g, "count", TUFF_I32, TUFF_SHAPE(10), (struct tuff_init){0});
    tuff_val table = tuff_param(g, "table", TUFF_SHAPE(ROWS, COLUMNS), (struct tuff_init){.kind = TUFF_INIT_NORMAL, .b = 1});
    tuff_val w = tuff_param(g, "w", TUFF_SHAPE(10, COLUMNS), (struct tuff_init){.kind = TUFF_INIT_UNIFORM, .a = -1, .b = 1});
    tuff_val c = tuff_constant(g, (struct tuff_type){TUFF_F32, TUFF_SHAPE(COLUMNS)}, constant);
    tuff_val rows = tuff_gather(g, table, count, 0);
    n->outputs[0] = tuff_add(g, tuff_mul(g, tuff_relu(g, tuff_matmul(g, n->x, w, (struct tuff_matmul_params){0})), rows), c);
    n->outputs[1] = tuff_assign(g, count, tuff_add(g, count, tuff_iota(g, TUFF_SHAPE(10), 0)));
}

static void run_and_read(struct backend_test *test, struct tuff_executable *x, const char *what, float *y)
{
    struct tuff_error error = {0};
    backend_status(test, what, TUFF_OK, tuff_executable_run(x, &error), &error);
    if (y) backend_status(test, what, TUFF_OK, tuff_executable_read(x, 0, y, OUTPUTS * sizeof *y, &error), &error);
}

static bool write_expected(const char *path, const float *y)
{
    FILE *file = fopen(path, "wb");
    bool written = file && fwrite(y, sizeof *y, OUTPUTS, file) == OUTPUTS;
    return file && fclose(file) == 0 && written;
}

/* The file with one bit of a section flipped is refused. */
static void expect_refused(struct backend_test *test, const char *path, enum tuff_section_kind kind, const char *name)
{
    static const char damaged[] = FOLDER "damaged.tuff";
    struct tuff_error error = {0};
    struct tuff_executable *x = NULL;
    void *data = NULL;
    size_t bytes = 0;
    struct tuff_container c;
    if (tuff_container_open(&c, test->context, path, &error) != TUFF_OK) return;
    const struct tuff_section *section = tuff_container_find(&c, kind, name);
    uint64_t at = section ? section->offset + section->bytes / 2 : 0;
    tuff_container_close(&c);
    backend_check(test, at > 0, "expected a section '%s'", name);
    if (tuff_os_read_file(test->context, path, 0, &data, &bytes, &error) != TUFF_OK) return;
    ((uint8_t *)data)[at] ^= 1;
    (void)!tuff_os_write_atomic(test->context, damaged, &(struct tuff_os_part){.data = data, .bytes = bytes}, 1, NULL);
    test->quiet = true;
    backend_status(test, name, TUFF_ERR_FORMAT, tuff_executable_load(test->device, damaged, NULL, &x, &error), &error);
    test->quiet = false;
    tuff_free(test->context, data);
    tuff_os_remove(damaged);
}

static void test_plan(struct backend_test *test)
{
    static const char path[] = FOLDER "runtime.tuff", expected[] = FOLDER "runtime.expected";
    static float y[OUTPUTS], again[OUTPUTS];
    struct tuff_error error = {0};
    struct tuff_session *session = NULL;
    struct tuff_executable *x = NULL, *loaded = NULL;
    struct net n;
    float in[100];
    for (int i = 0; i < 100; i++) in[i] = (float)(i % 13 - 6);
    build(&n, test->context);
    struct tuff_executable_params params = {.struct_size = sizeof params, .outputs = n.outputs, .output_count = 2};
    backend_status(test, "session", TUFF_OK, tuff_session_create(test->device, n.g, NULL, &session, &error), &error);
    backend_status(test, "compile", TUFF_OK, tuff_session_compile(session, &params, &x, &error), &error);
    backend_status(test, "input", TUFF_OK, tuff_executable_write(x, n.x, in, sizeof in, &error), &error);
    run_and_read(test, x, "first run", NULL);
    backend_status(test, "save", TUFF_OK, tuff_executable_save(x, path, &error), &error);
    run_and_read(test, x, "second run", y);
    backend_check(test, write_expected(expected, y), "cannot write %s", expected);

    backend_status(test, "load", TUFF_OK, tuff_executable_load(test->device, path, NULL, &loaded, &error), &error);
    backend_status(test, "set", TUFF_OK, tuff_executable_set(loaded, "x", in, sizeof in, &error), &error);
    run_and_read(test, loaded, "loaded", NULL);
    backend_status(test, "get", TUFF_OK, tuff_executable_get(loaded, "output0", again, sizeof again, &error), &error);
    backend_check(test, !memcmp(y, again, sizeof y), "loaded: expected the same bits");
    tuff_executable_destroy(loaded);
    expect_refused(test, path, TUFF_SECTION_PLAN, "main");
    expect_refused(test, path, TUFF_SECTION_SPIRV, "main/0");
    for (uint32_t i = 0; i < tuff_executable_plan(x)->slot_count; i++) {
        char name[64];
        snprintf(name, sizeof name, "main/%u table", (unsigned)i);
        if (!strcmp(tuff_executable_plan(x)->slots[i].name, "table")) expect_refused(test, path, TUFF_SECTION_WEIGHTS, name);
    }
    tuff_executable_destroy(x);
    tuff_session_destroy(session);
    tuff_graph_destroy(n.g);

    char command[1000];
    const char *program = PROGRAM;
    fflush(stdout);
    snprintf(command, sizeof command, COMMAND, program, path, expected, OUTPUTS, 4 << 20);
    int status = system(command);
    if (status == 77 || status == 77 << 8) /* Windows; Unix */
        printf("programs that a test starts find no driver (it reaches this process alone)\n");
    else
        backend_check(test, status == 0, "the runtime's program: expected status 0, got %d", status);
}

int main(void)
{
    struct backend_test test;
    int skip = backend_test_begin(&test, NULL);
    if (skip) return skip;
    test_file(&test);
    test_plan(&test);
    return backend_test_end(&test, "container_runtime");
}
