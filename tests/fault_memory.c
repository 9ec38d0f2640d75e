/* fault_memory.c - the n-th allocation fails, for every n, on the whole way from a context to a trained model in a file: the
 * status is TUFF_ERR_MEMORY with a sentence, or the work is done as if nothing had been (caches and threads that are missing
 * cost time alone) with the same bytes as its result; nothing leaks, validation is silent, and the next run is as good as ever.
 *
 *   fault_memory [STRIDE]   tries every STRIDE-th allocation; 1: all. Without: some of the long ways */
#include "tests/external_help.h"
#include "tests/fault_help.h"
#include "tests/temporary.h"
#include "tests/train_help.h"

#include "backend/os.h"

#include <stdio.h>
#include <stdlib.h>

enum { MOST = 100000 }; /* more allocations would be an endless loop */

struct ways {
    struct backend_test *test;
    char folder[400];
    struct train fit; /* device and pipelines of the second way, kept so that its rounds are short */
    struct tuff_device *device;
};

/* ---- compilers: glslang's answers, remembered ---------------------------------------------------------------------------------- */

struct answer {
    uint64_t key;
    uint32_t *spirv;
    size_t words;
};
static struct answer answers[64];
static struct tuff_os_mutex *answers_lock;

static tuff_status look_up(const char *name, const char *source, const char *preamble, struct answer *found,
                           struct tuff_error *error)
{
    uint64_t key = tuff_hash_text(tuff_hash_text(0, source), preamble);
    struct answer *answer = answers;
    tuff_status status = TUFF_OK;
    tuff_os_mutex_lock(answers_lock);
    while (answer->spirv && answer->key != key) answer++;
    if (answer == answers + TUFF_COUNT(answers) - 1) exit(1);
    answer->key = key;
    if (!answer->spirv)
        status = tuff_glslang()->compile(NULL, NULL, name, source, preamble, &answer->spirv, &answer->words, error);
    *found = *answer;
    tuff_os_mutex_unlock(answers_lock);
    return status;
}

static tuff_status compile(void *user, struct tuff_context *context, const char *name, const char *source,
                           const char *preamble, uint32_t **spirv, size_t *words, struct tuff_error *error)
{
    struct answer answer;
    (void)user;
    TUFF_TRY(look_up(name, source, preamble, &answer, error));
    uint32_t *copy = tuff_alloc(context, answer.words * sizeof *copy);
    if (!copy) return tuff_fail_memory(context, error);
    memcpy(copy, answer.spirv, answer.words * sizeof *copy);
    *spirv = copy;
    *words = answer.words;
    return TUFF_OK;
}

/* ---- ways ----------------------------------------------------------------------------------------------------------------------- */

static void clear_folder(const char *path)
{
    char **names = NULL, file[600];
    size_t count = 0;
    if (tuff_os_list_folder(NULL, path, &names, &count, NULL) != TUFF_OK) return;
    for (size_t i = 0; i < count; i++) {
        snprintf(file, sizeof file, "%s/%s", path, names[i]);
        (void)!tuff_os_remove(file);
    }
    tuff_free(NULL, names);
}

/* A small graph on a session: y = relu(x w). */
static tuff_status run_session(struct tuff_device *device, const struct tuff_compiler *compiler, struct tuff_graph *g,
                               struct tuff_error *error)
{
    enum { N = 4 };
    struct tuff_session *session = NULL;
    struct tuff_executable *executable = NULL;
    struct tuff_session_params params = {.struct_size = sizeof params, .compiler = compiler};
    float x[N * N], y[N * N] = {0};
    for (int i = 0; i < N * N; i++) x[i] = (float)(i % 5 - 2);
    tuff_val in = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(N, N));
    tuff_val w = tuff_param(g, "w", TUFF_SHAPE(N, N), (struct tuff_init){.kind = TUFF_INIT_CONSTANT, .a = 0.5});
    tuff_val out = tuff_relu(g, tuff_matmul(g, in, w, (struct tuff_matmul_params){0}));
    struct tuff_executable_params what = {.struct_size = sizeof what, .outputs = &out, .output_count = 1};
    tuff_status status = tuff_session_create(device, g, &params, &session, error);
    if (status == TUFF_OK) status = tuff_session_compile(session, &what, &executable, error);
    if (status == TUFF_OK) status = tuff_executable_write(executable, in, x, sizeof x, error);
    if (status == TUFF_OK) status = tuff_executable_run(executable, error);
    if (status == TUFF_OK) status = tuff_executable_read(executable, 0, y, sizeof y, error);
    for (int i = 0; status == TUFF_OK && i < N; i++) {
        float sum = 0;
        for (int k = 0; k < N; k++) sum += x[i * N + k];
        if (y[i * N] != (sum > 0 ? sum / 2 : 0)) status = TUFF_ERR_DRIVER;
    }
    tuff_executable_destroy(executable);
    tuff_session_destroy(session);
    return status;
}

/* Everything fresh: context, device, a cache folder that holds nothing, pipelines. */
static tuff_status cold(struct ways *ways, const struct tuff_options *options, struct tuff_error *error)
{
    const struct tuff_compiler compiler = {sizeof compiler, NULL, "remembered", compile};
    struct train t = {0};
    struct tuff_graph *g = NULL;
    clear_folder(ways->folder);
    tuff_status status = train_open(&t, options, error);
    if (status == TUFF_OK) status = tuff_graph_create(t.context, &g, error);
    if (status == TUFF_OK) status = run_session(t.device, &compiler, g, error);
    tuff_graph_destroy(g);
    train_close(&t);
    return status;
}

/* A training with its checkpoint, its going on in a second model, answers, and the model as a file that is read and asked. */
static tuff_status training(struct ways *ways, const struct tuff_options *options, struct tuff_error *error)
{
    static const char *const names[TRAIN_CLASSES] = {"down", "across", "slanted"};
    struct tuff_model_save_params save = {
        .struct_size = sizeof save,
        .preprocess = {.channels = 1, .height = TRAIN_SIDE, .width = TRAIN_SIDE, .filter = TUFF_FILTER_AREA},
        .class_names = names,
        .class_count = TRAIN_CLASSES};
    struct train t = {.context = ways->fit.context, .device = ways->device};
    struct tuff_saved *saved = NULL;
    struct tuff_predictor *classifier = NULL;
    struct tuff_metrics metrics;
    float answer[2 * TRAIN_CLASSES];
    char checkpoint[500], model[500];
    (void)options;
    snprintf(checkpoint, sizeof checkpoint, "%s/checkpoint", ways->folder);
    snprintf(model, sizeof model, "%s/model", ways->folder);
    struct train_params params = {.path = checkpoint, .samples = 40, .epochs = 1};
    tuff_status status = train_model(&t, &params, error);
    if (status == TUFF_OK) status = train_fit(&t, error);
    if (status == TUFF_OK) status = tuff_model_evaluate(t.model, &t.data, &metrics, error);
    if (status == TUFF_OK)
        status = tuff_model_predict(t.model, &(struct tuff_data){.count = 2, .fields = {t.data.fields[0]}},
                                    (void *[]){answer}, error);
    if (status == TUFF_OK) status = tuff_model_save(t.context, t.model, model, &save, error);
    train_close_model(&t);
    params.epochs = 2;
    if (status == TUFF_OK) status = train_model(&t, &params, error);
    if (status == TUFF_OK) status = train_load(&t, error);
    if (status == TUFF_OK) status = train_fit(&t, error);
    train_close_model(&t);
    if (status == TUFF_OK) status = tuff_saved_open(t.context, model, &saved, error);
    if (status == TUFF_OK) status = tuff_predictor_create(t.device, saved, &classifier, error);
    if (status == TUFF_OK)
        status = tuff_predictor_run(classifier, (const void *[]){t.data.fields[0]}, 2, (void *[]){answer}, error);
    tuff_predictor_destroy(classifier);
    tuff_saved_destroy(saved);
    return status;
}

/* Handles of what the driver offers, given away and taken. */
static tuff_status handles(struct ways *ways, const struct tuff_options *options, struct tuff_error *error)
{
    (void)options;
    return external_exchange(ways->device, error);
}

/* ---- failing ---------------------------------------------------------------------------------------------------------------------- */

typedef tuff_status (*way_function)(struct ways *ways, const struct tuff_options *options, struct tuff_error *error);

/* The files of the folder as one number; caches have no part in it, as what they hold depends on what failed. */
static uint64_t results(struct ways *ways)
{
    static const char *const names[] = {"checkpoint", "model"};
    uint64_t hash = 0;
    for (size_t i = 0; i < TUFF_COUNT(names); i++) {
        char path[500];
        void *data = NULL;
        size_t bytes = 0;
        snprintf(path, sizeof path, "%s/%s", ways->folder, names[i]);
        if (tuff_os_read_file(NULL, path, 0, &data, &bytes, NULL) == TUFF_OK) hash = tuff_hash(hash, data, bytes);
        tuff_free(NULL, data);
    }
    return hash;
}

/* Leftovers of a file that was not finished. */
static bool has_temporaries(struct ways *ways)
{
    char **names = NULL;
    size_t count = 0;
    bool found = false;
    if (tuff_os_list_folder(NULL, ways->folder, &names, &count, NULL) != TUFF_OK) return false;
    for (size_t i = 0; i < count; i++) found = found || strstr(names[i], ".tmp");
    tuff_free(NULL, names);
    return found;
}

static void try_all(struct ways *ways, const char *what, way_function way, struct tuff_options *options,
                    struct fault_memory *memory, long stride)
{
    struct backend_test *test = ways->test;
    struct tuff_error error = {0};
    long n = 1, tried = 0, absorbed = 0;
    fault_memory_arm(memory, 0);
    for (int i = 0; i < 2; i++) /* the second finds what is made on first use, and tells what lives on */
        if (!backend_status(test, what, TUFF_OK, way(ways, options, &error), &error)) return;
    long kept = memory->live, all = memory->made / 2;
    if (!stride) stride = all / 70 + 1;
    uint64_t wanted = results(ways);
    for (; n < MOST; n += stride, tried++) {
        error = (struct tuff_error){0};
        fault_memory_arm(memory, n);
        tuff_status status = way(ways, options, &error);
        backend_check(test, memory->live == kept, "%s: allocation %ld fails: expected no leak, got %ld", what, n,
                      memory->live - kept);
        if (!memory->failed) break;
        absorbed += status == TUFF_OK;
        bool said = status == TUFF_ERR_MEMORY && error.status == status && error.message[0];
        backend_check(test, status == TUFF_OK ? results(ways) == wanted : said,
                      "%s: allocation %ld fails: expected TUFF_ERR_MEMORY with a sentence, or the same result, got %s: '%s'",
                      what, n, tuff_status_name(status), error.message);
        backend_check(test, !has_temporaries(ways), "%s: allocation %ld fails: expected no temporary file", what, n);
    }
    fault_memory_arm(memory, 0);
    backend_check(test, n < MOST && tried >= all / stride / 2, "%s: %ld allocations, but %ld faults", what, all, tried);
    backend_status(test, what, TUFF_OK, way(ways, options, &error), &error);
    backend_check(test, results(ways) == wanted, "%s: expected the same result after all faults", what);
    printf("%s: %ld allocations, %ld faults survived, %ld of them without consequence\n", what, all, tried, absorbed);
}

/* The built-in compiler alone: its process is started before, as glslang's own memory is not the context's. */
static tuff_status compile_shader(struct ways *ways, const struct tuff_options *options, struct tuff_error *error)
{
    static const char source[] = "#version 450\nlayout(local_size_x = 1) in;\nvoid main() { }\n";
    struct tuff_context *context = NULL;
    uint32_t *spirv = NULL;
    size_t words = 0;
    (void)ways;
    TUFF_TRY(tuff_context_create(options, &context, error));
    tuff_status status = tuff_glslang()->compile(NULL, context, "empty", source, "", &spirv, &words, error);
    tuff_free(context, spirv);
    tuff_context_destroy(context);
    return status;
}

int main(int count, char **arguments)
{
    struct backend_test test;
    struct fault_memory memory = {0}, kept = {0};
    struct ways ways = {.test = &test, .folder = ""};
    struct tuff_error error = {0};
    long stride = count > 1 ? atol(arguments[1]) : 0;
    if (!tuff_glslang()) {
        printf("skipped: this build has no run-time compiler (TUFF_GLSLANG=OFF)\n");
        return 77;
    }
    int code = backend_test_begin(&test, NULL);
    if (code) return code;
    temporary_path("fault", ways.folder, sizeof ways.folder);
    if (tuff_os_make_folders(NULL, ways.folder, NULL) || tuff_os_mutex_create(NULL, &answers_lock)) return 1;
    struct tuff_options options = fault_options(&memory);
    options.cache_dir = ways.folder;
    try_all(&ways, "compiler", compile_shader, &options, &memory, 1);
    try_all(&ways, "cold", cold, &options, &memory, stride ? stride : 7);
    backend_check(&test, memory.live == 0, "expected no leak, got %ld", (long)memory.live);

    struct tuff_options kept_options = fault_options(&kept);
    if (backend_status(&test, "device", TUFF_OK, train_open(&ways.fit, &kept_options, &error), &error) &&
        backend_status(&test, "model", TUFF_OK,
                       train_model(&ways.fit, &(struct train_params){.samples = 40, .epochs = 1}, &error), &error) &&
        backend_status(&test, "fit", TUFF_OK, train_fit(&ways.fit, &error), &error)) {
        ways.device = ways.fit.device;
        try_all(&ways, "handles", handles, &kept_options, &kept, 1);
        try_all(&ways, "training", training, &kept_options, &kept, stride);
    }
    train_close(&ways.fit);
    backend_check(&test, kept.live == 0, "expected no leak, got %ld", (long)kept.live);
    backend_check(&test, !memory.messages && !kept.messages, "expected silence of validation, got %u messages",
                  (unsigned)(memory.messages + kept.messages));
    for (size_t i = 0; i < TUFF_COUNT(answers); i++) free(answers[i].spirv);
    clear_folder(ways.folder);
    (void)!tuff_os_remove(ways.folder);
    tuff_os_mutex_destroy(answers_lock);
    return backend_test_end(&test, "fault_memory");
}
