/* session_kernels.c [PACKED.tuff SCRATCH.tuff [CLASSES]] - kernels in files: what a context with a compiler records runs fused in one without, with the same bits; where a kernel is
 * missing the plan is the plain one, and the report says so. Damaged files and failing allocations give a status. Caps as text. With
 * arguments (pack_program.sh): the model file alone, predicting and taught, without a compiler; everything runs fused. */
#include "backend/container.h"
#include "backend/handover.h"
#include "samples/common/teach.h"
#include "tests/loaders_support.h"
#include "tests/train_help.h"

#include <stdio.h>
#include <stdlib.h>
#ifndef _WIN32
#include <signal.h>
#include <sys/resource.h>
#endif

enum { SAMPLES = 40 }; /* in batches of 16: the last one has 8 */
enum { PREDICTED = 5 };

struct kernels_test {
    struct loaders_test files;
    struct backend_test *device; /* counts failures of comparisons */
    char model[500], packed[500];
};

static struct tuff_options options_with(uint32_t debug)
{
    struct tuff_options options = {.struct_size = sizeof options, .cache_dir = ""};
    tuff_options_from_env(&options);
    options.debug |= debug;
    return options;
}

/* What a run gave. */
struct run {
    struct train_content content;
    float probabilities[PREDICTED * TRAIN_CLASSES];
    struct tuff_kernels_report report;
};

/* A fit and a prediction in a context of its own. pack: a file of kernels, or NULL. record, model, packed: it records for its own device, saves
 * the model and writes the pack. */
static tuff_status run(struct kernels_test *t, uint32_t debug, const char *pack, bool record, struct run *out,
                       struct tuff_error *error)
{
    const struct tuff_options options = options_with(debug);
    struct train train = {0};
    uint32_t count = 0;
    *out = (struct run){0};
    tuff_status status = train_open(&train, &options, error);
    if (status == TUFF_OK && pack) status = tuff_kernels_open(train.context, pack, &count, error);
    if (status == TUFF_OK && pack && tuff_kernels_report(train.context).kernels != count) status = TUFF_ERR_USAGE;
    if (status == TUFF_OK && record) status = tuff_kernels_record(train.context, tuff_device_caps(train.device), 1, error);
    if (status == TUFF_OK)
        status = train_model(&train, &(struct train_params){.samples = SAMPLES, .epochs = 2, .units = 16}, error);
    if (status == TUFF_OK) status = train_fit(&train, error);
    if (status == TUFF_OK) {
        struct tuff_data some = train.data;
        void *outputs[TUFF_MODEL_OUTPUTS] = {out->probabilities};
        some.count = PREDICTED;
        status = tuff_model_predict(train.model, &some, outputs, error);
    }
    if (status == TUFF_OK) status = train_content(&train, &out->content, error);
    if (status == TUFF_OK && record) {
        const struct tuff_model_save_params save = {.struct_size = sizeof save};
        status = tuff_model_save(train.context, train.model, t->model, &save, error);
        if (status == TUFF_OK) status = tuff_kernels_write(train.context, t->model, t->packed, error);
    }
    if (train.context) out->report = tuff_kernels_report(train.context);
    train_close(&train);
    return status;
}

static void run_ok(struct kernels_test *t, const char *what, uint32_t debug, const char *pack, bool record, struct run *out)
{
    struct tuff_error error = {0};
    tuff_status status = run(t, debug, pack, record, out, &error);
    expect_status(&t->files, what, TUFF_OK, status, &error, NULL);
}

static void expect_same(struct kernels_test *t, const char *what, const struct run *a, const struct run *b)
{
    train_expect_same(t->device, what, &a->content, &b->content);
    expect(&t->files, !memcmp(a->probabilities, b->probabilities, sizeof a->probabilities), what, "the same predictions",
           "others");
}

/* Within what another order of sums does to two epochs of training. */
static void expect_near(struct kernels_test *t, const char *what, const struct run *a, const struct run *b)
{
    double largest = 0;
    for (int i = 0; i < PREDICTED * TRAIN_CLASSES; i++) {
        const double d = (double)a->probabilities[i] - (double)b->probabilities[i];
        largest = d > largest ? d : -d > largest ? -d : largest;
    }
    expect(&t->files, largest < 0.02, what, "predictions within 0.02", "%g", largest);
}

/* ---- files ------------------------------------------------------------------------------------------------------------------------ */

/* The packed file without its kernel number `left` (of those that are there), or damaged: with the checksums of what is written. */
static void write_without(struct kernels_test *t, const char *path, uint32_t left)
{
    struct tuff_container file;
    struct tuff_section_params sections[4096];
    uint32_t count = 0, kernels = 0;
    struct tuff_error error = {0};
    if (tuff_container_open(&file, t->files.context, t->packed, &error) != TUFF_OK) return;
    for (uint32_t i = 0; i < file.section_count && count < 4096; i++) {
        const struct tuff_section *s = &file.sections[i];
        if (s->kind == TUFF_SECTION_SPIRV && kernels++ == left) continue;
        sections[count++] = (struct tuff_section_params){s->kind, s->name, s->data, (size_t)s->bytes, NULL, NULL};
    }
    expect_status(&t->files, "writing", TUFF_OK, tuff_container_write(t->files.context, path, sections, count, &error),
                  &error, NULL);
    tuff_container_close(&file);
}

static void test_missing(struct kernels_test *t, const struct run *plain, const struct run *packed)
{
    char path[500];
    snprintf(path, sizeof path, "%s", scratch_path(&t->files, "one_less.tuff"));
    for (uint32_t left = 0; left < packed->report.kernels; left += packed->report.kernels / 3) {
        struct run less;
        write_without(t, path, left);
        run_ok(t, "a kernel is missing", TUFF_DEBUG_NOCOMPILER, path, false, &less);
        expect_number(&t->files, "kernels", packed->report.kernels - 1, less.report.kernels);
        expect(&t->files, less.report.missing[0] != 0, "missing", "a kernel's file", "nothing");
        expect(&t->files, less.report.fused < less.report.plans, "fused", "fewer than all plans", "%u of %u",
               less.report.fused, less.report.plans);
        expect_near(t, "a kernel is missing", plain, &less);
        free(less.content.bytes);
    }
}

static tuff_status add(struct kernels_test *t, const uint8_t *data, size_t bytes, struct tuff_error *error)
{
    struct tuff_context *context = NULL;
    struct tuff_options options = {.struct_size = sizeof options};
    uint32_t count = 1000000;
    if (tuff_context_create(&options, &context, NULL) != TUFF_OK) abort();
    tuff_status status = tuff_kernels_add(context, (struct tuff_span){data, bytes}, &count, error);
    expect(&t->files, status == TUFF_OK || (count == 1000000 && tuff_kernels_report(context).kernels == 0),
           "a file that is refused", "nothing taken", "%u", (unsigned)count);
    tuff_context_destroy(context);
    return status;
}

static void test_damage(struct kernels_test *t)
{
    size_t bytes = 0;
    uint8_t *file = file_read(t->packed, &bytes);
    struct tuff_container c;
    struct tuff_error error = {0};
    if (!file || tuff_container_parse(&c, t->files.context, "file", file, bytes, &error) != TUFF_OK) abort();
    expect_status(&t->files, "from memory", TUFF_OK, add(t, file, bytes, &error), &error, NULL);
    for (uint32_t i = 0; i < c.section_count; i++) { /* a bit of each kernel, and of the table */
        const struct tuff_section *s = &c.sections[i];
        size_t at = s->kind == TUFF_SECTION_SPIRV ? (size_t)(s->offset + s->bytes / 2) : 16 + i % 200;
        file[at] ^= (uint8_t)(1u << i % 8);
        expect_refused(&t->files, "a flipped bit", add(t, file, bytes, &error), &error);
        file[at] ^= (uint8_t)(1u << i % 8);
    }
    for (size_t cut = 0; cut < bytes; cut += bytes / 50)
        expect_refused(&t->files, "cut off", add(t, file, cut, &error), &error);
    expect_refused(&t->files, "another file", add(t, (const uint8_t *)"PK\3\4", 4, &error), &error);
    tuff_container_close(&c);
    free(file);
}

/* Names that are no key are not looked at; a kernel of no whole words is refused, though its checksum is right. */
static void test_sections(struct kernels_test *t)
{
    static const uint8_t words[12] = {3, 2, 0x23, 7};
    const struct {
        const char *name;
        size_t bytes;
        int kernels; /* -1: refused */
    } rows[] = {{"0123456789abcdef0123456789abcdef", 12, 1},
                {"0123456789abcdef0123456789abcdef", 11, -1},
                {"0123456789abcdef0123456789abcdef", 0, -1},
                {"0123456789ABCDEF0123456789abcdef", 12, 0},
                {"0123456789abcdef0123456789abcdef0", 12, 0},
                {"main/0", 11, 0},
                {"", 12, 0}};
    for (size_t i = 0; i < TUFF_COUNT(rows); i++) {
        struct tuff_context *context = NULL;
        struct tuff_options options = {.struct_size = sizeof options};
        struct tuff_error error = {0};
        uint32_t count = 99;
        const struct tuff_section_params section = {TUFF_SECTION_SPIRV, rows[i].name, words, rows[i].bytes, NULL, NULL};
        const char *path = scratch_path(&t->files, "section.tuff");
        if (tuff_container_write(t->files.context, path, &section, 1, NULL) != TUFF_OK) abort();
        if (tuff_context_create(&options, &context, NULL) != TUFF_OK) abort();
        tuff_status status = tuff_kernels_open(context, path, &count, &error);
        if (rows[i].kernels < 0)
            expect_refused(&t->files, rows[i].name, status, &error);
        else
            expect_number(&t->files, rows[i].name, rows[i].kernels, status == TUFF_OK ? (long long)count : -2);
        tuff_context_destroy(context);
    }
    struct tuff_error error = {0};
    struct tuff_context *context = t->files.context;
    const struct tuff_section_params plan = {TUFF_SECTION_PLAN, "main", "", 0, NULL, NULL};
    const char *path = scratch_path(&t->files, "plan.tuff");
    if (tuff_container_write(context, path, &plan, 1, NULL) != TUFF_OK) abort();
    expect_status(&t->files, "into an executable", TUFF_ERR_UNSUPPORTED, tuff_kernels_write(context, path, path, &error),
                  &error, "executable");
    expect_status(&t->files, "from no file", TUFF_ERR_FILE,
                  tuff_kernels_write(context, scratch_path(&t->files, "none"), path, &error), &error, NULL);
}

/* ---- memory ------------------------------------------------------------------------------------------------------------------------ */

static tuff_status add_and_write(struct loaders_test *test, void *paths)
{
    struct kernels_test *t = paths;
    struct tuff_context *context = NULL;
    struct tuff_caps caps = {.struct_size = sizeof caps};
    struct tuff_options options = test->context->options;
    options.cache_dir = NULL;
    tuff_status status = tuff_context_create(&options, &context, NULL);
    if (status == TUFF_OK) status = tuff_kernels_open(context, t->packed, NULL, NULL);
    if (status == TUFF_OK) status = tuff_kernels_record(context, &caps, 1, NULL);
    if (status == TUFF_OK) status = tuff_kernels_write(context, t->packed, t->packed, NULL); /* into itself */
    tuff_context_destroy(context);
    return status;
}

static void must(tuff_status status, const struct tuff_error *error)
{
    if (status == TUFF_OK) return;
    printf("session_kernels: expected ok, got %s\n", error->message);
    exit(1);
}

struct small {
    struct tuff_device *device;
    struct tuff_graph *graph;
    tuff_val output;
};

static tuff_status compile_small(struct loaders_test *test, void *user)
{
    const struct small *small = user;
    struct tuff_session *session = NULL;
    struct tuff_executable *x = NULL;
    const struct tuff_executable_params params = {
        .struct_size = sizeof params, .outputs = &small->output, .output_count = 1};
    (void)test;
    tuff_status status = tuff_session_create(small->device, small->graph, NULL, &session, NULL);
    if (status == TUFF_OK) status = tuff_session_compile(session, &params, &x, NULL);
    tuff_executable_destroy(x);
    tuff_session_destroy(session);
    return status;
}

static void build_small(struct small *small, struct tuff_context *context, struct tuff_error *error)
{
    must(tuff_device_create(context, NULL, &small->device, error), error);
    must(tuff_graph_create(context, &small->graph, error), error);
    struct tuff_graph *g = small->graph;
    const tuff_val x = tuff_input(g, "x", TUFF_F32, TUFF_SHAPE(3, 20)),
                   y = tuff_layer_dense(g, x, "d", (struct tuff_layer_dense_params){.units = 12});
    small->output = tuff_softmax(g, tuff_gelu(g, y), 1);
    must(tuff_graph_finish(g, error), error);
}

static void close_small(struct small *small, struct tuff_context *context)
{
    tuff_graph_destroy(small->graph);
    tuff_device_release(small->device);
    tuff_context_destroy(context);
}

/* What the device's cache goes by is the kernels of the plan, whatever else the context has. */
static void test_cache(struct kernels_test *t, const char *path)
{
    char versions[2][64];
    for (int more = 0; more < 2; more++) {
        const struct tuff_options options = options_with(TUFF_DEBUG_NOCOMPILER);
        struct tuff_error error = {0};
        struct tuff_context *context = NULL;
        struct tuff_session *session = NULL;
        struct tuff_executable *x = NULL;
        struct small small;
        must(tuff_context_create(&options, &context, &error), &error);
        build_small(&small, context, &error);
        const struct tuff_executable_params params = {
            .struct_size = sizeof params, .outputs = &small.output, .output_count = 1};
        if (more) must(tuff_kernels_open(context, t->packed, NULL, &error), &error);
        must(tuff_kernels_open(context, path, NULL, &error), &error);
        must(tuff_session_create(small.device, small.graph, NULL, &session, &error), &error);
        must(tuff_session_compile(session, &params, &x, &error), &error);
        snprintf(versions[more], sizeof versions[more], "%s", tuff_executable_compiler(x));
        tuff_executable_destroy(x);
        tuff_session_destroy(session);
        close_small(&small, context);
    }
    expect(&t->files, !strncmp(versions[0], "packs ", 6) && !strcmp(versions[0], versions[1]), "another file of kernels",
           "the same keys", "%s and %s", versions[0], versions[1]);
}

/* Sessions that record, and sessions that find what they need, with each allocation failing. */
static void test_memory(struct kernels_test *t)
{
    struct loaders_test *test = &t->files;
    struct tuff_error error = {0};
    char path[500];
    snprintf(path, sizeof path, "%s", scratch_path(test, "small.tuff"));
    for (int play = 0; play < 2; play++) {
        struct tuff_context *context = NULL;
        struct small small;
        struct tuff_options options = options_with(play ? TUFF_DEBUG_NOCOMPILER : 0);
        options.allocator = test->context->options.allocator;
        options.log = NULL; /* of failures that are asked for */
        must(tuff_context_create(&options, &context, &error), &error);
        build_small(&small, context, &error);
        if (play)
            must(tuff_kernels_open(context, path, NULL, &error), &error);
        else
            must(tuff_kernels_record(context, tuff_device_caps(small.device), 1, &error), &error);
        must(compile_small(test, &small), &error); /* pipelines and caches stay */
        expect_survives_memory(test, play ? "compiling from a pack" : "recording", compile_small, &small);
        const struct tuff_kernels_report report = tuff_kernels_report(context);
        expect(test, report.kernels > 0 && report.plans == report.fused && !report.missing[0], "after that",
               "all plans fused", "%u of %u", report.fused, report.plans);
        if (!play) must(tuff_kernels_write(context, t->model, path, &error), &error);
        close_small(&small, context);
    }
    test_cache(t, path);
    expect_survives_memory(test, "taking and writing", add_and_write, t);
}

/* A class for which there is no plan: the sentence names it. Without a compiler nothing is recorded. */
static void test_classes(struct kernels_test *t)
{
    struct tuff_error error = {0};
    for (int plain = 0; plain < 2; plain++) {
        struct tuff_context *context = NULL;
        struct small small;
        struct tuff_options options = options_with(plain ? TUFF_DEBUG_NOCOMPILER : 0);
        options.log = NULL;
        must(tuff_context_create(&options, &context, &error), &error);
        build_small(&small, context, &error);
        struct tuff_caps caps = *tuff_device_caps(small.device);
        caps.max_storage_buffers = 1;
        snprintf(caps.name, sizeof caps.name, "little one");
        must(tuff_kernels_record(context, &caps, 1, &error), &error);
        struct tuff_session *session = NULL;
        struct tuff_executable *x = NULL;
        const struct tuff_executable_params params = {
            .struct_size = sizeof params, .outputs = &small.output, .output_count = 1};
        must(tuff_session_create(small.device, small.graph, NULL, &session, &error), &error);
        tuff_status status = tuff_session_compile(session, &params, &x, &error);
        if (plain || status != TUFF_OK)
            expect_status(&t->files, "a class without a plan", plain ? TUFF_ERR_UNSUPPORTED : status, status, &error,
                          plain ? "compiler" : "little one");
        tuff_executable_destroy(x);
        must(tuff_kernels_record(context, NULL, 0, &error), &error);
        must(compile_small(&t->files, &small), &error);
        tuff_session_destroy(session);
        close_small(&small, context);
    }
}

/* ---- caps as text ---------------------------------------------------------------------------------------------------------------- */

static void test_caps(struct kernels_test *t)
{
    struct tuff_context *context = t->files.context;
    const struct tuff_caps *caps = tuff_device_caps(t->device->device);
    struct tuff_error error = {0};
    struct tuff_caps back = {.struct_size = 0};
    struct tuff_caps_field field;
    char *text = NULL, *again = NULL;
    expect_status(&t->files, "print", TUFF_OK, tuff_caps_print(context, caps, &text, &error), &error, NULL);
    expect_status(&t->files, "parse", TUFF_OK, tuff_caps_parse(context, text, &back, &error), &error, NULL);
    for (uint32_t i = 0; tuff_caps_field(i, &field); i++)
        expect_number(&t->files, field.name, (long long)tuff_caps_value(caps, &field),
                      (long long)tuff_caps_value(&back, &field));
    expect_number(&t->files, "kind", caps->kind, back.kind);
    if (!t->files.context->options.driver && !getenv("TUFF_DRIVER"))
        expect_number(&t->files, "driver rows", caps->driver_rows, back.driver_rows);
    expect_status(&t->files, "print again", TUFF_OK, tuff_caps_print(context, &back, &again, &error), &error, NULL);
    expect_text(&t->files, "again", text, again);
    const struct {
        const char *from, *to, *sentence; /* in the text */
    } rows[] = {{"subgroup_basic ", "subgroup_base ", "is no field"},
                {"subgroup_basic ", "subgroup_shuffle ", "twice"},
                {"subgroup_size ", "subgroup_size x", "cannot be this"},
                {"subgroup_size ", "subgroup_size 3", "power of two"},
                {"subgroup_size ", "# subgroup_size ", "subgroup_size is missing"},
                {"f16_storage ", "f16_storage 7", "cannot be this"},
                {"kind ", "kind very ", "cannot be this"},
                {"max_workgroup_size ", "max_workgroup_size 0 0 ", "cannot be this"},
                {"max_shared_bytes ", "max_shared_bytes 99999999999", "cannot be this"}};
    for (size_t i = 0; i < TUFF_COUNT(rows); i++) {
        char *changed = malloc(strlen(text) + 60), *at = strstr(text, rows[i].from);
        const size_t before = (size_t)(at - text);
        memcpy(changed, text, before);
        strcpy(changed + before, rows[i].to);
        strcat(changed, at + strlen(rows[i].from));
        expect_status(&t->files, rows[i].to, TUFF_ERR_FORMAT, tuff_caps_parse(context, changed, &back, &error), &error,
                      rows[i].sentence);
        free(changed);
    }
    tuff_text_free(context, text);
    tuff_text_free(context, again);
}

/* ---- the file of a program ------------------------------------------------------------------------------------------------------- */

struct play {
    struct tuff_context *context;
    struct tuff_device *device;
    struct tuff_error error;
    const char *scratch;
    float *probabilities, *features; /* of a picture of zeros, of a batch of them */
    uint32_t classes;
};

/* One picture and a batch. */
static void play_file(struct play *p, const char *path)
{
    struct tuff_saved *saved = NULL;
    struct tuff_predictor *predictor = NULL;
    must(tuff_saved_open(p->context, path, &saved, &p->error), &p->error);
    must(tuff_predictor_create(p->device, saved, &predictor, &p->error), &p->error);
    const struct tuff_saved_info *info = tuff_saved_info(saved);
    const char *text = tuff_tensors_text(tuff_saved_tensors(saved), "batch");
    const uint32_t batch = text ? (uint32_t)atoi(text) : 1, features = teach_features(saved);
    p->classes = info->outputs[0].type.shape.dim[0];
    uint8_t *pictures = calloc(batch, (size_t)info->sample_bytes);
    free(p->probabilities);
    free(p->features);
    p->probabilities = malloc((size_t)batch * p->classes * sizeof(float));
    p->features = malloc(((size_t)batch * features + 1) * sizeof(float));
    const void *inputs[] = {pictures};
    void *outputs[] = {p->probabilities, features ? p->features : NULL};
    must(tuff_predictor_run(predictor, inputs, 1, outputs, &p->error), &p->error);
    must(tuff_predictor_run(predictor, inputs, batch, outputs, &p->error), &p->error);
    free(pictures);
    tuff_predictor_destroy(predictor);
    tuff_saved_destroy(saved);
}

/* A save that the disk has no room for leaves what was there. */
static void play_full(struct play *p, const struct tuff_saved *saved, struct tuff_model *model)
{
#ifndef _WIN32
    size_t before = 0, after = 0;
    uint8_t *was = file_read(p->scratch, &before);
    struct rlimit limit, less;
    if (getrlimit(RLIMIT_FSIZE, &limit)) exit(1);
    less = limit;
    less.rlim_cur = before - 4096; /* the model alone fits */
    signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &less)) exit(1);
    const tuff_status status = teach_save(p->context, saved, model, NULL, p->scratch, &p->error);
    if (setrlimit(RLIMIT_FSIZE, &limit)) exit(1);
    uint8_t *is = file_read(p->scratch, &after);
    if (status == TUFF_OK || !was || !is || before != after || memcmp(was, is, before) != 0) {
        printf("a save without room: %s, %zu bytes of %zu\n", tuff_status_name(status), after, before);
        exit(1);
    }
    free(was);
    free(is);
#else
    (void)p, (void)saved, (void)model;
#endif
}

/* A head of so many classes; then the network with it gives what the head gave of the features. */
static void play_teach(struct play *p, const char *path, uint32_t classes)
{
    enum { COUNT = 21 };
    struct tuff_saved *saved = NULL;
    struct tuff_model *model = NULL;
    must(tuff_saved_open(p->context, path, &saved, &p->error), &p->error);
    const struct teach_head head = {.features = teach_features(saved), .classes = classes};
    float *features = calloc(COUNT, head.features * sizeof(float)), *given = calloc(classes, sizeof(float));
    int32_t labels[COUNT];
    char name[2][8] = {"one", "two"};
    const char **names = calloc(classes, sizeof *names);
    for (uint32_t i = 0; i < classes; i++) names[i] = name[i % 2];
    for (uint32_t i = 0; i < COUNT; i++) labels[i] = (int32_t)(i % classes);
    for (uint32_t i = 0; i < COUNT * head.features; i++) features[i] = (float)(i * 7919u % 1000u) * 0.001f;
    const struct tuff_data data = {.count = COUNT, .fields = {features, labels}},
                           one = {.count = 1, .fields = {p->features, labels}};
    struct tuff_fit_params fit = teach_fit(3);
    must(teach_model(p->device, &head, &model, &p->error), &p->error);
    must(tuff_model_fit(model, &data, &fit, &p->error), &p->error);
    must(tuff_model_predict(model, &one, (void *[]){given}, &p->error), &p->error);
    must(teach_save(p->context, saved, model, names, p->scratch, &p->error), &p->error);
    play_full(p, saved, model);
    tuff_model_destroy(model);
    tuff_saved_destroy(saved);
    play_file(p, p->scratch);
    double far = 0;
    for (uint32_t i = 0; i < classes; i++) {
        const double d = (double)given[i] - (double)p->probabilities[i];
        far = d > far ? d : -d > far ? -d : far;
    }
    if (p->classes != classes || !(far < 1e-5)) {
        printf("taught: expected what the head gives of %u classes, got %u, off by %g\n", (unsigned)classes,
               (unsigned)p->classes, far);
        exit(1);
    }
    free(features);
    free(given);
    free((void *)(uintptr_t)names);
}

static int play(int count, char **arguments)
{
    struct play p = {.scratch = arguments[2]};
    const struct tuff_options options = options_with(TUFF_DEBUG_NOCOMPILER);
    uint32_t kernels = 0;
    must(tuff_context_create(&options, &p.context, &p.error), &p.error);
    must(tuff_kernels_open(p.context, arguments[1], &kernels, &p.error), &p.error);
    must(tuff_device_create(p.context, NULL, &p.device, &p.error), &p.error);
    play_file(&p, arguments[1]);
    if (count > 3) play_teach(&p, arguments[1], (uint32_t)atoi(arguments[3]));
    const struct tuff_kernels_report report = tuff_kernels_report(p.context);
    printf("%u kernels, %u of %u plans fused, missing \"%s\"\n", (unsigned)report.kernels, (unsigned)report.fused,
           (unsigned)report.plans, report.missing);
    free(p.probabilities);
    free(p.features);
    tuff_device_release(p.device);
    tuff_context_destroy(p.context);
    return report.fused != report.plans || !report.plans;
}

int main(int argc, char **argv)
{
    if (argc > 2) return play(argc, argv);
    struct kernels_test t;
    struct backend_test device;
    struct run recorded, packed, plain;
    loaders_begin(&t.files, "session_kernels");
    int skip = backend_test_begin(&device, NULL);
    if (skip) return skip;
    t.device = &device;
    snprintf(t.model, sizeof t.model, "%s", scratch_path(&t.files, "model.tuff"));
    snprintf(t.packed, sizeof t.packed, "%s", scratch_path(&t.files, "packed.tuff"));
    if (!tuff_glslang()) {
        printf("skipped: kernels are recorded by a shader compiler\n");
        return 77;
    }
    run_ok(&t, "recording", 0, NULL, true, &recorded);
    run_ok(&t, "from the pack", TUFF_DEBUG_NOCOMPILER, t.packed, false, &packed);
    run_ok(&t, "without", TUFF_DEBUG_NOCOMPILER, NULL, false, &plain);
    expect_number(&t.files, "kernels", recorded.report.kernels, packed.report.kernels);
    expect(&t.files, packed.report.plans > 0 && packed.report.fused == packed.report.plans && !packed.report.missing[0],
           "from the pack", "all plans fused", "%u of %u, missing %s", packed.report.fused, packed.report.plans,
           packed.report.missing);
    expect_number(&t.files, "fused without", 0, plain.report.fused);
    expect_number(&t.files, "plans without", packed.report.plans, plain.report.plans);
    expect_number(&t.files, "fused with a compiler", recorded.report.plans, recorded.report.fused);
    expect_same(&t, "from the pack", &recorded, &packed);
    expect_near(&t, "without", &recorded, &plain);
    test_missing(&t, &recorded, &packed);
    test_damage(&t);
    test_sections(&t);
    test_caps(&t);
    test_classes(&t);
    test_memory(&t);
    struct tuff_saved *saved = NULL; /* it is the model that it was */
    struct tuff_error error = {0};
    expect_status(&t.files, "the model", TUFF_OK, tuff_saved_open(t.files.context, t.packed, &saved, &error), &error, NULL);
    tuff_saved_destroy(saved);
    free(recorded.content.bytes);
    free(packed.content.bytes);
    free(plain.content.bytes);
    device.failures += (unsigned)loaders_end(&t.files);
    return backend_test_end(&device, "session_kernels");
}
