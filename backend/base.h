/* base.h - the floor of Tuff: status codes, errors, and the context that replaces globals.
 *
 * Every function that can fail returns a tuff_status (0 on success) and leaves its results untouched on failure. The
 * sentence that explains a failure goes into the caller's struct tuff_error, if one is passed, and to the context's log. */
#ifndef TUFF_BASE_H
#define TUFF_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TUFF_VERSION_MAJOR 0
#define TUFF_VERSION_MINOR 1
#define TUFF_VERSION_PATCH 0

#if defined(_WIN32) && defined(TUFF_BUILDING) /* the library itself; who uses its DLL needs no word for functions */
#define TUFF_API __declspec(dllexport)
#elif defined(_WIN32) || defined(TUFF_HIDDEN) /* a copy within another library */
#define TUFF_API
#elif defined(__GNUC__)
#define TUFF_API __attribute__((visibility("default")))
#else
#define TUFF_API
#endif

#if defined(__MINGW32__) && !defined(__clang__)
#define TUFF_PRINTF_KIND gnu_printf /* %zu and the rest of C99, whatever printf the program itself has */
#else
#define TUFF_PRINTF_KIND printf
#endif
#if defined(__GNUC__)
#define TUFF_MUST_CHECK __attribute__((warn_unused_result))
#define TUFF_PRINTF(text, first) __attribute__((format(TUFF_PRINTF_KIND, text, first)))
#else
#define TUFF_MUST_CHECK
#define TUFF_PRINTF(text, first)
#endif

/* Groups of ten leave room: 1.. usage and graph, 10.. memory and device, 30.. files, 50.. control. */
typedef enum tuff_status {
    TUFF_OK = 0,
    TUFF_ERR_USAGE = 1,          /* the caller broke a documented contract */
    TUFF_ERR_SHAPE = 2,          /* shapes or types do not fit an operator */
    TUFF_ERR_UNSUPPORTED = 3,    /* valid, but not on this device or in this build */
    TUFF_ERR_MEMORY = 10,        /* host memory is exhausted */
    TUFF_ERR_DEVICE_MEMORY = 11, /* device memory is exhausted, or a limit of the device is exceeded */
    TUFF_ERR_NO_DEVICE = 12,     /* no Vulkan loader, no driver, or no device of the wanted name */
    TUFF_ERR_DEVICE_LOST = 13,   /* sticky: destroy the device and create it anew */
    TUFF_ERR_DRIVER = 14,        /* the driver returned an error that fits none of the above */
    TUFF_ERR_COMPILE = 15,       /* a shader did not compile */
    TUFF_ERR_TIMEOUT = 16,       /* the device did not finish in the given time */
    TUFF_ERR_WRONG = 17,         /* the device computes wrong numbers: tuff_selftest */
    TUFF_ERR_NOT_FINITE = 18,    /* a training's loss or gradients are infinite or NaN */
    TUFF_ERR_FILE = 30,          /* cannot open, read, write or rename */
    TUFF_ERR_FORMAT = 31,        /* the file's content is malformed */
    TUFF_ERR_CANCELLED = 50      /* a progress callback asked to stop */
} tuff_status;

/* Name of a status, as "TUFF_ERR_SHAPE". Never NULL; the text is static. Thread-safe. */
TUFF_API const char *tuff_status_name(tuff_status status);

/* Where the sentence about a failure goes. Zero it (or {0}) before the first use; the caller owns it. */
struct tuff_error {
    tuff_status status;
    char message[500]; /* one sentence, UTF-8, always terminated */
};

/* Bytes that the caller owns and keeps unchanged during the call. */
struct tuff_span {
    const void *data;
    size_t bytes;
};

enum tuff_log_level { TUFF_LOG_ERROR = 1, TUFF_LOG_WARNING = 2, TUFF_LOG_INFO = 3, TUFF_LOG_DEBUG = 4 };

/* Memory functions of the caller. `allocate` returns NULL on failure; memory is aligned as by malloc.
 * All may be called from any thread that calls into Tuff or that Tuff starts for it. */
struct tuff_allocator {
    void *user;
    void *(*allocate)(void *user, size_t bytes);
    void *(*reallocate)(void *user, void *old, size_t bytes); /* old may be NULL */
    void (*release)(void *user, void *memory);                /* memory may be NULL */
};

/* Bits of tuff_options.debug, also by name in TUFF_DEBUG=print,check,... (TUFF_DEBUG=help lists them). */
enum tuff_debug {
    TUFF_DEBUG_PRINT = 1 << 0,      /* log graph and plan after every pass */
    TUFF_DEBUG_CHECK = 1 << 1,      /* check the graph after every pass, also in release builds */
    TUFF_DEBUG_NOFUSE = 1 << 2,     /* skip the fuse pass: every operator is a launch of its own */
    TUFF_DEBUG_NOSIMPLIFY = 1 << 3, /* skip the simplify pass */
    TUFF_DEBUG_NOALIAS = 1 << 4,    /* every value has its own memory: no reuse, nothing in place */
    TUFF_DEBUG_TIMING = 1 << 5,     /* timestamps around every launch */
    TUFF_DEBUG_POISON = 1 << 6,     /* fill fresh device memory with NaN */
    TUFF_DEBUG_VALIDATE = 1 << 7,   /* Vulkan validation layer with synchronization validation */
    TUFF_DEBUG_DUMP_SPIRV = 1 << 8, /* write every shader's GLSL and SPIR-V into the cache folder */
    TUFF_DEBUG_NOCACHE = 1 << 9,    /* no cache on disk */
    TUFF_DEBUG_SERIAL = 1 << 10,    /* a barrier before every launch, whether it needs one or not */
    TUFF_DEBUG_NOCOMPILER = 1 << 11 /* sessions that are given no compiler do without, as with TUFF_GLSLANG=OFF */
};

/* Which launches are run by themselves on made-up numbers when a session compiles them, and compared with their definitions in double precision.
 * A family of kernels that is wrong is not used any more (tuff_device_found), and plans are made of the next one. */
enum tuff_check_mode {
    TUFF_CHECK_FIRST, /* self-test: one small launch of each kernel, once for a device, driver, processor and version of Tuff. Where no other
                         kernel can take its place, a warning in the log. Not where nothing is kept on disk */
    TUFF_CHECK_ALL, /* checked mode: every launch, the first time that its shape is seen on a device; where no other kernel can take its place,
                         compiling ends with TUFF_ERR_WRONG. Compiling takes seconds longer, running does not */
    TUFF_CHECK_NONE
};

/* What a context is made with. Zero is the default of every field but struct_size. */
struct tuff_options {
    size_t struct_size;                                                      /* sizeof(struct tuff_options) */
    struct tuff_allocator allocator;                                         /* zero: malloc and free */
    void (*log)(void *user, enum tuff_log_level level, const char *message); /* NULL: silent */
    void *log_user;
    enum tuff_log_level log_level; /* 0: TUFF_LOG_WARNING */
    uint32_t debug;                /* enum tuff_debug */
    const char *device;            /* index, UUID or part of a name; NULL: the best one */
    const char *cache_dir; /* folder of caches, used where nobody else may write it; NULL: the platform's; "": none */
    const char *limits;    /* clamps what devices offer, as "v3d71,range=65536,no-timeline"; NULL: not */
    const char *driver; /* rows of the table of known drivers: "none", "+NAME", "-NAME", by commas; NULL: those that fit */
    const char *device_class; /* the class of devices that kernels are chosen for, "amd-rdna"; NULL: the device's own */
    uint32_t
        submission_ms; /* longest submission that is aimed at, 1 to 10000; 0: 500. Apps that share the GPU with a screen: 8 */
    enum tuff_check_mode check; /* TUFF_CHECK_FIRST */
    const char *tuning; /* path of a tuning file (tuff_tuning_open), which sessions of the context read; NULL: none */
    uint32_t hostile;   /* not 0: kernels compute the worst that Vulkan allows, drawn by this seed: for tests, slow */
};

/* Fills options from the environment, the only place where it is read. Fields that are already set stay; bits of debug are added; the
 * strings belong to the environment. Options NULL given to tuff_context_create are filled by it; a struct that is given is taken as it
 * is, so a program that has options of its own and wants the variables too calls this before.
 *   TUFF_DEVICE     device     index, UUID or part of a name: "0", "radeon"
 *   TUFF_DEBUG      debug      words by commas: print, check, nofuse, nosimplify, noalias, timing, poison, validate, dump-spirv, nocache,
 *                              serial, nocompiler; help logs what they do
 *   TUFF_LOG        log_level  error, warning, info or debug: of what goes to the program's log function
 *   TUFF_CACHE_DIR  cache_dir  a folder; empty: none
 *   TUFF_LIMITS     limits     "v3d71", "range=65536,no-subgroups"
 *   TUFF_DRIVER     driver     "none", "+NAME", "-NAME"
 *   TUFF_CLASS      device_class  "amd-rdna", "nvidia", ..: kernels of another class of devices
 *   TUFF_SUBMISSION_MS  submission_ms  a whole number, "8"
 *   TUFF_TUNING     tuning     a path
 *   TUFF_CHECK      check      "1": all, "0": none
 *   TUFF_HOSTILE    hostile    a whole number, "1"
 * A word that nobody knows is an error of tuff_context_create (debug, log) or of opening and listing devices (the others), with a
 * sentence that lists the known ones. XDG_CACHE_HOME and HOME (Windows: LOCALAPPDATA) say where the platform keeps caches. */
TUFF_API void tuff_options_from_env(struct tuff_options *options);

/* Owns allocator, log and options; everything else is made from one. Thread-safe.
 *
 * fork: a driver's queues, threads and locks are not the child's. A context and what was made from it serve the process that made them;
 * in a child every call that would reach the device returns TUFF_ERR_USAGE at once, and destroying or releasing does nothing there but
 * free host memory (what belongs to the device stays the parent's). Graphs and what else lies in host memory alone may be read. A child
 * that wants a device makes a context and a device of its own; drivers promise this only where the parent had none open when it forked,
 * so fork first, or let the child call exec. */
struct tuff_context;

/* options NULL: those of the environment (tuff_options_from_env), without a log. Errors: USAGE (struct_size, unknown words of TUFF_DEBUG
 * or TUFF_LOG, unknown bits of debug), MEMORY. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_context_create(const struct tuff_options *options, struct tuff_context **context,
                                                         struct tuff_error *error);
/* What was made from the context and is still there keeps what it needs of it: devices, graphs, sessions, executables, trainers and models
 * may be destroyed in any order, the context before them too. NULL is legal. */
TUFF_API void tuff_context_destroy(struct tuff_context *context);

/* Text of others (names of files and classes, metadata) as it can be shown on a terminal or in a log: control characters, bytes that are
 * no UTF-8, separators of lines and marks of the direction of writing become "\n", "\\x1b" or "\\u202e"; all else, also a backslash,
 * stays, so that doing it twice changes nothing. Every message of Tuff went through it.
 *   out, size  where it is written, with a zero byte; what does not fit ends in "..."
 * Returns out. Thread-safe. */
TUFF_API const char *tuff_printable(const char *text, char *out, size_t size);

/* "0.1.0". Static text. Thread-safe. */
TUFF_API const char *tuff_version(void);

/* A wish to stop, made by any thread: work that was given it ends with TUFF_ERR_CANCELLED at its next step (a kernel
 * compiled, a batch run, a picture read), and so does work that is begun before it is reset. */
struct tuff_cancel;
/* Errors: MEMORY. */
TUFF_API TUFF_MUST_CHECK tuff_status tuff_cancel_create(struct tuff_context *context, struct tuff_cancel **cancel,
                                                        struct tuff_error *error);
TUFF_API void tuff_cancel_destroy(struct tuff_cancel *cancel);         /* after the work that uses it; NULL is legal */
TUFF_API void tuff_cancel_request(struct tuff_cancel *cancel);         /* Thread-safe, also from a signal handler */
TUFF_API void tuff_cancel_reset(struct tuff_cancel *cancel);           /* Thread-safe */
TUFF_API bool tuff_cancel_requested(const struct tuff_cancel *cancel); /* Thread-safe; false for NULL */

/* Progress of long work (compile, fit). report (may be NULL) is called on the thread that does the work; returning false
 * cancels it, as does a request to cancel (may be NULL), and the work returns TUFF_ERR_CANCELLED. done counts up to total
 * (0: unknown). */
struct tuff_progress {
    bool (*report)(void *user, const char *what, uint64_t done, uint64_t total);
    void *user;
    struct tuff_cancel *cancel; /* [borrowed] */
};

#ifdef __cplusplus
}
#endif
#endif
