/* base.c - the context (allocator, log, options), status names, failing with a sentence, options from the environment.
 *
 * Owns struct tuff_context. Needs os.h for the environment. Promises that nothing is kept outside of a context. */
#include "backend/core.h"
#include "backend/os.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/* Private bits of options.debug: TUFF_DEBUG held "help", so that the context logs the table once; it or TUFF_LOG held a word that nobody
 * knows, so that there is no context: a misspelled "validate" must not pass for one. */
#define DEBUG_HELP (UINT32_C(1) << 31)
#define DEBUG_UNKNOWN (UINT32_C(1) << 30)
#define LOG_UNKNOWN (UINT32_C(1) << 29)
#define SUBMISSION_UNKNOWN (UINT32_C(1) << 28)
#define CHECK_UNKNOWN (UINT32_C(1) << 27)
#define HOSTILE_UNKNOWN (UINT32_C(1) << 26)
enum { MOST_SUBMISSION_MS = 10000, MOST_HOSTILE = 1000000 };

struct debug_row {
    const char *name;
    uint32_t bit;
    const char *help;
};

static const struct debug_row debug_rows[] = {
    {"print", TUFF_DEBUG_PRINT, "log graph and plan after every pass"},
    {"check", TUFF_DEBUG_CHECK, "check the graph after every pass"},
    {"nofuse", TUFF_DEBUG_NOFUSE, "skip the fuse pass: every operator is a launch of its own"},
    {"nosimplify", TUFF_DEBUG_NOSIMPLIFY, "skip the simplify pass"},
    {"noalias", TUFF_DEBUG_NOALIAS, "every value has its own memory"},
    {"timing", TUFF_DEBUG_TIMING, "timestamps around every launch"},
    {"poison", TUFF_DEBUG_POISON, "fill fresh device memory with NaN"},
    {"validate", TUFF_DEBUG_VALIDATE, "Vulkan validation layer with synchronization validation"},
    {"dump-spirv", TUFF_DEBUG_DUMP_SPIRV, "write every shader's GLSL and SPIR-V into the cache folder"},
    {"nocache", TUFF_DEBUG_NOCACHE, "no cache on disk"},
    {"serial", TUFF_DEBUG_SERIAL, "a barrier before every launch"},
    {"nocompiler", TUFF_DEBUG_NOCOMPILER, "kernels that the build compiled, unfused: no compiler at run time"},
    {"help", DEBUG_HELP, "log this table"},
};

/* Options that are texts, and the variables that they come from. */
static const struct {
    size_t offset;
    const char *variable;
} text_rows[] = {{offsetof(struct tuff_options, device), "TUFF_DEVICE"},
                 {offsetof(struct tuff_options, cache_dir), "TUFF_CACHE_DIR"},
                 {offsetof(struct tuff_options, limits), "TUFF_LIMITS"},
                 {offsetof(struct tuff_options, driver), "TUFF_DRIVER"},
                 {offsetof(struct tuff_options, device_class), "TUFF_CLASS"},
                 {offsetof(struct tuff_options, tuning), "TUFF_TUNING"}};

static const char **text_of(struct tuff_options *options, size_t row)
{
    return (const char **)(void *)((char *)options + text_rows[row].offset);
}

static void *default_reallocate(void *user, void *old, size_t bytes)
{
    (void)user;
    return realloc(old, bytes);
}

static void default_release(void *user, void *memory)
{
    (void)user;
    free(memory);
}

/* A context without an allocator (a zeroed one, or none at all) uses malloc's, and calloc where `allocate` is NULL. */
static struct tuff_allocator allocator_of(const struct tuff_context *context)
{
    if (context && context->allocator.allocate) return context->allocator;
    return (struct tuff_allocator){NULL, NULL, default_reallocate, default_release};
}

const char *tuff_status_name(tuff_status status)
{
    switch (status) {
    case TUFF_OK: return "TUFF_OK";
    case TUFF_ERR_USAGE: return "TUFF_ERR_USAGE";
    case TUFF_ERR_SHAPE: return "TUFF_ERR_SHAPE";
    case TUFF_ERR_UNSUPPORTED: return "TUFF_ERR_UNSUPPORTED";
    case TUFF_ERR_MEMORY: return "TUFF_ERR_MEMORY";
    case TUFF_ERR_DEVICE_MEMORY: return "TUFF_ERR_DEVICE_MEMORY";
    case TUFF_ERR_NO_DEVICE: return "TUFF_ERR_NO_DEVICE";
    case TUFF_ERR_DEVICE_LOST: return "TUFF_ERR_DEVICE_LOST";
    case TUFF_ERR_DRIVER: return "TUFF_ERR_DRIVER";
    case TUFF_ERR_COMPILE: return "TUFF_ERR_COMPILE";
    case TUFF_ERR_TIMEOUT: return "TUFF_ERR_TIMEOUT";
    case TUFF_ERR_WRONG: return "TUFF_ERR_WRONG";
    case TUFF_ERR_NOT_FINITE: return "TUFF_ERR_NOT_FINITE";
    case TUFF_ERR_FILE: return "TUFF_ERR_FILE";
    case TUFF_ERR_FORMAT: return "TUFF_ERR_FORMAT";
    case TUFF_ERR_CANCELLED: return "TUFF_ERR_CANCELLED";
    }
    return "unknown status";
}

const char *tuff_version(void)
{
    return TUFF_TEXT_OF(TUFF_VERSION_MAJOR) "." TUFF_TEXT_OF(TUFF_VERSION_MINOR) "." TUFF_TEXT_OF(TUFF_VERSION_PATCH);
}

/* The bit of the first word of a list "print,check"; *length is the word's. */
static uint32_t bit_of_word(const char *list, size_t *length)
{
    *length = strcspn(list, ", ");
    for (size_t i = 0; i < TUFF_COUNT(debug_rows); i++)
        if (strlen(debug_rows[i].name) == *length && !memcmp(debug_rows[i].name, list, *length)) return debug_rows[i].bit;
    return *length ? DEBUG_UNKNOWN : 0;
}

static uint32_t debug_bits(const char *list)
{
    uint32_t bits = 0;
    for (size_t length; *list; list += strspn(list, ", ")) {
        bits |= bit_of_word(list, &length);
        list += length;
    }
    return bits;
}

static enum tuff_log_level log_level_of(const char *name)
{
    static const char *const names[] = {"", "error", "warning", "info", "debug"};
    for (size_t i = 1; i < TUFF_COUNT(names); i++)
        if (!strcmp(name, names[i])) return (enum tuff_log_level)i;
    return (enum tuff_log_level)0;
}

/* 0: the text is no number of 1 to most. */
static uint32_t number_of(const char *text, uint32_t most)
{
    uint32_t number = 0;
    for (; *text >= '0' && *text <= '9' && number <= most; text++) number = number * 10 + (uint32_t)(*text - '0');
    return *text || number > most ? 0 : number;
}

/* A whole number of the environment, where the struct has the field and it is not set. */
static void take_number(struct tuff_options *options, const char *variable, size_t offset, uint32_t most, uint32_t unknown)
{
    const char *text = tuff_os_getenv(variable);
    uint32_t *field = (uint32_t *)(void *)((char *)options + offset);
    if (!text || !text[0] || options->struct_size < offset + sizeof *field || *field) return;
    *field = number_of(text, most);
    if (!*field) options->debug |= unknown;
}

void tuff_options_from_env(struct tuff_options *options)
{
    const char *debug = tuff_os_getenv("TUFF_DEBUG");
    const char *level = tuff_os_getenv("TUFF_LOG");
    if (!options) return;
    if (!options->struct_size) options->struct_size = sizeof *options;
    if (debug) options->debug |= debug_bits(debug);
    if (level && level[0] && !options->log_level) {
        options->log_level = log_level_of(level);
        if (!options->log_level) options->debug |= LOG_UNKNOWN;
    }
    take_number(options, "TUFF_SUBMISSION_MS", offsetof(struct tuff_options, submission_ms), MOST_SUBMISSION_MS,
                SUBMISSION_UNKNOWN);
    take_number(options, "TUFF_HOSTILE", offsetof(struct tuff_options, hostile), MOST_HOSTILE, HOSTILE_UNKNOWN);
    const char *check = tuff_os_getenv("TUFF_CHECK");
    if (check && check[0] && options->struct_size >= offsetof(struct tuff_options, check) + sizeof options->check) {
        if (!options->check) options->check = !strcmp(check, "1") ? TUFF_CHECK_ALL : TUFF_CHECK_NONE;
        if (strcmp(check, "0") != 0 && strcmp(check, "1") != 0) options->debug |= CHECK_UNKNOWN;
    }
    for (size_t i = 0; i < TUFF_COUNT(text_rows); i++) {
        bool there = options->struct_size >= text_rows[i].offset + sizeof options->device;
        if (there && !*text_of(options, i)) *text_of(options, i) = tuff_os_getenv(text_rows[i].variable);
    }
}

/* Bits that mean nothing; the words of the environment are read again to name them. */
static tuff_status check_words(const struct tuff_options *options, struct tuff_error *error)
{
    uint32_t known = DEBUG_HELP | DEBUG_UNKNOWN | LOG_UNKNOWN | SUBMISSION_UNKNOWN | CHECK_UNKNOWN | HOSTILE_UNKNOWN;
    char words[300] = "";
    size_t used = 0, length = 0;
    for (size_t i = 0; i < TUFF_COUNT(debug_rows); i++) {
        known |= debug_rows[i].bit;
        used += (size_t)snprintf(words + used, sizeof words - used, "%s%s", i ? ", " : "", debug_rows[i].name);
    }
    const char *list = tuff_os_getenv(options->debug & DEBUG_UNKNOWN ? "TUFF_DEBUG" : "TUFF_LOG");
    if (options->debug & DEBUG_UNKNOWN) {
        while (list && *list && bit_of_word(list, &length) != DEBUG_UNKNOWN) {
            list += length;
            list += strspn(list, ", ");
        }
        return tuff_refuse(NULL, error, "TUFF_DEBUG has no word \"%.*s\"; there are: %s", (int)(length < 40 ? length : 40),
                           list ? list : "", words);
    }
    if (options->debug & LOG_UNKNOWN)
        return tuff_refuse(NULL, error, "TUFF_LOG has no word \"%.40s\"; there are: error, warning, info, debug",
                           list ? list : "");
    if (options->debug & SUBMISSION_UNKNOWN)
        return tuff_refuse(NULL, error, "TUFF_SUBMISSION_MS cannot be \"%.40s\": milliseconds, 1 to %d",
                           tuff_os_getenv("TUFF_SUBMISSION_MS"), MOST_SUBMISSION_MS);
    if (options->debug & HOSTILE_UNKNOWN)
        return tuff_refuse(NULL, error, "TUFF_HOSTILE cannot be \"%.40s\": a seed, 1 to %d", tuff_os_getenv("TUFF_HOSTILE"),
                           MOST_HOSTILE);
    if (options->debug & CHECK_UNKNOWN)
        return tuff_refuse(NULL, error, "TUFF_CHECK cannot be \"%.40s\": 0 or 1", tuff_os_getenv("TUFF_CHECK"));
    if (options->submission_ms > MOST_SUBMISSION_MS)
        return tuff_refuse(NULL, error, "the options' submission_ms is %u; it is at most %d",
                           (unsigned)options->submission_ms, MOST_SUBMISSION_MS);
    if (options->debug & ~known)
        return tuff_refuse(NULL, error, "the options' debug has bits that are none of enum tuff_debug: 0x%x",
                           (unsigned)(options->debug & ~known));
    return TUFF_OK;
}

static void log_debug_table(struct tuff_context *context)
{
    struct tuff_text text = {.context = context};
    tuff_text_add(&text, "TUFF_DEBUG takes a list of:");
    for (size_t i = 0; i < TUFF_COUNT(debug_rows); i++)
        tuff_text_add(&text, "\n  %-11s %s", debug_rows[i].name, debug_rows[i].help);
    if (!text.failed) tuff_log_lines(context, TUFF_LOG_WARNING, "%s", text.data);
    tuff_text_finish(&text);
}

/* Replaces borrowed texts by copies; on failure some are NULL, and none is borrowed. */
static bool copy_texts(struct tuff_context *context)
{
    bool complete = true;
    for (size_t i = 0; i < TUFF_COUNT(text_rows); i++) {
        const char **text = text_of(&context->options, i), *borrowed = *text;
        *text = borrowed ? tuff_strdup(context, borrowed) : NULL;
        complete = complete && (*text || !borrowed);
    }
    return complete;
}

tuff_status tuff_context_create(const struct tuff_options *options, struct tuff_context **context, struct tuff_error *error)
{
    struct tuff_context start = {.options = {.struct_size = sizeof start.options}};
    TUFF_REQUIRE(NULL, error, context);
    if (options) {
        size_t known = sizeof start.options;
        TUFF_REQUIRE(NULL, error, options->struct_size >= offsetof(struct tuff_options, cache_dir));
        memcpy(&start.options, options, options->struct_size < known ? options->struct_size : known);
        start.options.struct_size = known;
    } else {
        tuff_options_from_env(&start.options);
    }
    TUFF_TRY(check_words(&start.options, error));
    start.process = tuff_os_process();
    atomic_init(&start.references, 1);
    start.allocator = start.options.allocator;
    if (!start.allocator.allocate) start.allocator = allocator_of(NULL);
    TUFF_REQUIRE_THAT(NULL, error, start.allocator.reallocate && start.allocator.release,
                      "an allocator has allocate, reallocate and release, or none of them");
    if (!start.options.log_level) start.options.log_level = TUFF_LOG_WARNING;
    struct tuff_context *made = tuff_alloc(&start, sizeof *made);
    if (!made) return tuff_fail_memory(&start, error);
    *made = start;
    if (!copy_texts(made)) {
        tuff_context_destroy(made);
        return tuff_fail_memory(&(struct tuff_context){.allocator = start.allocator}, error);
    }
    if (made->options.debug & DEBUG_HELP) log_debug_table(made);
    *context = made;
    return TUFF_OK;
}

void tuff_context_destroy(struct tuff_context *context)
{
    if (!context || atomic_fetch_sub(&context->references, 1) != 1) return;
    struct tuff_attached *kernels = atomic_load(&context->kernels);
    struct tuff_attached *tuning = atomic_load(&context->tuning);
    if (kernels) kernels->destroy(context, kernels);
    if (tuning) tuning->destroy(context, tuning);
    for (size_t i = 0; i < TUFF_COUNT(text_rows); i++) tuff_free(context, (char *)(uintptr_t)*text_of(&context->options, i));
    tuff_free(context, context);
}

bool tuff_context_inherited(const struct tuff_context *context) { return context->process != tuff_os_process(); }

void *tuff_alloc(struct tuff_context *context, size_t bytes)
{
    struct tuff_allocator allocator = allocator_of(context);
    size_t wanted = bytes ? bytes : 1;
    if (!allocator.allocate) return calloc(1, wanted);
    void *memory = allocator.allocate(allocator.user, wanted);
    if (memory) memset(memory, 0, wanted);
    return memory;
}

void *tuff_realloc(struct tuff_context *context, void *old, size_t bytes)
{
    struct tuff_allocator allocator = allocator_of(context);
    return allocator.reallocate(allocator.user, old, bytes ? bytes : 1);
}

void tuff_free(struct tuff_context *context, void *memory)
{
    struct tuff_allocator allocator = allocator_of(context);
    if (memory) allocator.release(allocator.user, memory);
}

void *tuff_object_create(struct tuff_context *context, size_t bytes)
{
    void *object = tuff_alloc(context, bytes);
    if (object && context) atomic_fetch_add(&context->references, 1);
    return object;
}

void tuff_object_destroy(struct tuff_context *context, void *object)
{
    if (!object) return;
    tuff_free(context, object);
    tuff_context_destroy(context);
}

char *tuff_strdup(struct tuff_context *context, const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = tuff_alloc(context, bytes);
    if (copy) memcpy(copy, text, bytes);
    return copy;
}

static void log_text(struct tuff_context *context, enum tuff_log_level level, bool lines, const char *format,
                     va_list arguments)
{
    char raw[1024], line[1200]; /* most messages; longer ones (plans, tables) are allocated */
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(raw, sizeof raw, format, arguments);
    size_t most = length < 0 ? 0 : (size_t)length, size = most * 4 + 1; /* a byte is shown as four at most */
    char *whole = most < sizeof raw && size <= sizeof line ? NULL : tuff_alloc(context, most + 1 + size);
    if (whole) vsnprintf(whole, most + 1, format, again);
    va_end(again);
    if (length < 0) return;
    const char *text = whole ? whole : raw;
    char *out = whole ? whole + most + 1 : line;
    if (!whole) size = sizeof line;
    if (lines)
        tuff_printable_lines(text, out, size);
    else
        tuff_printable(text, out, size);
    context->options.log(context->options.log_user, level, out);
    tuff_free(context, whole);
}

void tuff_log_text(struct tuff_context *context, enum tuff_log_level level, bool lines, const char *format, ...)
{
    va_list arguments;
    if (!context || !context->options.log || level > context->options.log_level) return;
    va_start(arguments, format);
    log_text(context, level, lines, format, arguments);
    va_end(arguments);
}

tuff_status tuff_fail_va(struct tuff_context *context, struct tuff_error *error, tuff_status status, const char *format,
                         va_list arguments)
{
    char raw[2 * sizeof error->message] = "", message[sizeof error->message]; /* the end of raw is never shown cut */
    if (vsnprintf(raw, sizeof raw, format, arguments) < 0) raw[0] = 0;
    tuff_printable(raw, message, sizeof message);
    if (error) {
        error->status = status;
        memcpy(error->message, message, sizeof message);
    }
    tuff_log_message(context, TUFF_LOG_ERROR, "%s", message);
    return status;
}

tuff_status tuff_fail(struct tuff_context *context, struct tuff_error *error, tuff_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    tuff_fail_va(context, error, status, format, arguments);
    va_end(arguments);
    return status;
}

tuff_status tuff_fail_usage(struct tuff_context *context, struct tuff_error *error, const char *function,
                            const char *sentence)
{
    bool known = !strncmp(function, "tuff_", 5);
    return tuff_refuse(context, error, "%s%s%s", known ? function : "", known ? ": " : "", sentence);
}

/* "params && params->struct_size >= sizeof *params && graph != NULL" -> "params or graph is NULL, or the parameters' struct_size is not
 * set (to the sizeof of their struct)". Members are written as their documentation does: with a point. */
tuff_status tuff_fail_contract(struct tuff_context *context, struct tuff_error *error, const char *function,
                               const char *condition)
{
    static const char join[] = " && ";
    char sentence[400] = "";
    size_t used = 0;
    unsigned names = 0;
    const char *size = strstr(condition, "struct_size");
    for (const char *at = condition, *next; at; at = next ? next + strlen(join) : NULL) {
        next = strstr(at, join);
        size_t length = next ? (size_t)(next - at) : strlen(at), end = 0;
        if (size && size > at && size < at + length) continue;
        used += (size_t)snprintf(sentence + used, sizeof sentence - used, "%s", names++ ? " or " : "");
        const char *noun = strchr(function, '_');
        if (at == condition && at[0] && at[1] == ' ' &&
            noun) { /* a handle, which headers call by the noun of the function */
            used += (size_t)snprintf(sentence + used, sizeof sentence - used, "%.*s", (int)strcspn(noun + 1, "_"), noun + 1);
            continue;
        }
        for (; end < length && at[end] != ' ' && used + 2 < sizeof sentence; end++) {
            bool arrow = at[end] == '-' && at[end + 1] == '>';
            sentence[used++] = arrow ? '.' : at[end];
            end += arrow;
        }
        sentence[used] = 0;
    }
    snprintf(sentence + used, sizeof sentence - used, "%s%s%s", names ? " is NULL" : "", names && size ? ", or " : "",
             size ? "the struct_size of the parameters is not set (it is the sizeof of their struct)" : "");
    return tuff_fail_usage(context, error, function, sentence);
}

/* ---- progress and cancelling ------------------------------------------------------------------------------------------------ */

struct tuff_cancel {
    struct tuff_context *context; /* [borrowed] */
    atomic_bool requested;
};

tuff_status tuff_cancel_create(struct tuff_context *context, struct tuff_cancel **cancel, struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, cancel != NULL);
    struct tuff_cancel *made = tuff_object_create(context, sizeof *made);
    if (!made) return tuff_fail_memory(context, error);
    made->context = context;
    atomic_init(&made->requested, false);
    *cancel = made;
    return TUFF_OK;
}

void tuff_cancel_destroy(struct tuff_cancel *cancel)
{
    if (cancel) tuff_object_destroy(cancel->context, cancel);
}

void tuff_cancel_request(struct tuff_cancel *cancel) { atomic_store(&cancel->requested, true); }
void tuff_cancel_reset(struct tuff_cancel *cancel) { atomic_store(&cancel->requested, false); }
bool tuff_cancel_requested(const struct tuff_cancel *cancel) { return cancel && atomic_load(&cancel->requested); }

bool tuff_progress_report(const struct tuff_progress *progress, const char *what, uint64_t done, uint64_t total)
{
    if (!progress) return true;
    if (tuff_cancel_requested(progress->cancel)) return false;
    return !progress->report || progress->report(progress->user, what, done, total);
}
