/* core.h - what every folder of Tuff builds on, private: context internals, failing with a sentence, arena, text, hash.
 *
 * Needs base.h only. Implemented in base.c (context, errors), printable.c, arena.c (arena, text, hash), and reader.c (reading text). */
#ifndef TUFF_CORE_H
#define TUFF_CORE_H

#include "backend/base.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#define TUFF_TEXT_OF(number) TUFF_TEXT_OF_EXPANDED(number)
#define TUFF_TEXT_OF_EXPANDED(number) #number
#define TUFF_COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct tuff_context {
    struct tuff_options options; /* strings are copies [owned] */
    struct tuff_allocator allocator;
    uint64_t process;                        /* that made it: a child of it by fork is another one */
    atomic_uint references;                  /* its maker's, and one of each object (tuff_object_create) */
    atomic_bool store_told;                  /* why nothing is cached on disk: told once */
    _Atomic(struct tuff_attached *) kernels; /* [owned] of pack.c, which makes it when it is first needed; or NULL */
    _Atomic(struct tuff_attached *) tuning;  /* [owned] of tune.c; or NULL */
    atomic_bool tuning_opened;               /* the file that the options name */
    atomic_uint plans, fused_plans;          /* that sessions compiled: tuff_kernels_report */
};

/* What destroying a context destroys, and who is not part of all libraries that have a base.c. */
struct tuff_attached {
    void (*destroy)(struct tuff_context *context, struct tuff_attached *attached);
};

/* Was it made by another process, of which this one is a child by fork? What belongs to a driver is then nothing to be touched. */
bool tuff_context_inherited(const struct tuff_context *context);

/* Context's allocator. tuff_alloc zeroes. NULL on failure; sizes of 0 give a valid pointer. */
void *tuff_alloc(struct tuff_context *context, size_t bytes);
void *tuff_realloc(struct tuff_context *context, void *old, size_t bytes); /* new bytes are not zeroed */
void tuff_free(struct tuff_context *context, void *memory);
char *tuff_strdup(struct tuff_context *context, const char *text);
/* Memory of what a caller makes from the context and destroys: the context is there as long as it is, also where its maker has
 * destroyed it before. */
void *tuff_object_create(struct tuff_context *context, size_t bytes);
void tuff_object_destroy(struct tuff_context *context, void *object); /* NULL is legal */

/* One line, shown as by tuff_printable; or several, graphs, plans, tables: then line feeds and tabs of the text stay. */
#define tuff_log_message(context, level, ...) tuff_log_text(context, level, false, __VA_ARGS__)
#define tuff_log_lines(context, level, ...) tuff_log_text(context, level, true, __VA_ARGS__)
void tuff_log_text(struct tuff_context *context, enum tuff_log_level level, bool lines, const char *format, ...)
    TUFF_PRINTF(4, 5);

/* Writes the sentence into error (may be NULL) and the log (context may be NULL), returns status:
 *     return tuff_fail(context, error, TUFF_ERR_FILE, "cannot open %s: %s", path, reason); */
tuff_status tuff_fail(struct tuff_context *context, struct tuff_error *error, tuff_status status, const char *format, ...)
    TUFF_PRINTF(4, 5);
tuff_status tuff_fail_va(struct tuff_context *context, struct tuff_error *error, tuff_status status, const char *format,
                         va_list arguments);
#define tuff_fail_memory(context, error) tuff_fail(context, error, TUFF_ERR_MEMORY, "out of host memory")
#define tuff_refuse(context, error, ...) tuff_fail(context, error, TUFF_ERR_USAGE, __VA_ARGS__)

/* As tuff_printable, but line feeds and tabs stay. */
void tuff_printable_lines(const char *text, char *out, size_t size);
/* Bytes of the UTF-8 character that begins at text (RFC 3629: no surrogates, no overlong forms), 0 if it is none. */
size_t tuff_utf8_step(const char *text, size_t left);

/* Leaves the function on failure; only where nothing is held (style 7.1). */
#define TUFF_TRY(expression)                                                                                                \
    do {                                                                                                                    \
        tuff_status tuff_try_status_ = (expression);                                                                        \
        if (tuff_try_status_ != TUFF_OK) return tuff_try_status_;                                                           \
    } while (0)

/* Caller's contract (style 7.2). Of pointers that may not be NULL and of struct_size, joined by &&: the sentence follows from them. */
#define TUFF_REQUIRE(context, error, condition)                                                                             \
    do {                                                                                                                    \
        if (!(condition)) return tuff_fail_contract(context, error, __func__, #condition);                                  \
    } while (0)
/* Of anything else: with a sentence that says in the caller's words what is wrong. */
#define TUFF_REQUIRE_THAT(context, error, condition, sentence)                                                              \
    do {                                                                                                                    \
        if (!(condition)) return tuff_fail_usage(context, error, __func__, sentence);                                       \
    } while (0)
/* USAGE with the sentence behind the function's name, where that is one that callers know. */
tuff_status tuff_fail_usage(struct tuff_context *context, struct tuff_error *error, const char *function,
                            const char *sentence);
tuff_status tuff_fail_contract(struct tuff_context *context, struct tuff_error *error, const char *function,
                               const char *condition);

/* Unproved belief: asserts in debug builds, false branch in release. Use as: if (TUFF_NEVER(x)) return ...; */
#ifdef NDEBUG
#define TUFF_NEVER(condition) (condition)
#else
#define TUFF_NEVER(condition) (assert(!(condition)), (condition))
#endif

/* Reports; false: the work is cancelled. progress may be NULL. */
bool tuff_progress_report(const struct tuff_progress *progress, const char *what, uint64_t done, uint64_t total);

/* Arena: memory that is freed all at once; empty where all but its context is zero. One thread at a time. */
struct tuff_arena {
    struct tuff_context *context;  /* [borrowed] */
    struct tuff_arena_block *head; /* [owned] */
};
void tuff_arena_init(struct tuff_arena *arena, struct tuff_context *context);
void tuff_arena_finish(struct tuff_arena *arena);
void *tuff_arena_alloc(struct tuff_arena *arena, size_t bytes); /* zeroed, 16-byte aligned; NULL on failure */
void *tuff_arena_copy(struct tuff_arena *arena, const void *data, size_t bytes);
char *tuff_arena_strdup(struct tuff_arena *arena, const char *text);
char *tuff_arena_printf(struct tuff_arena *arena, const char *format, ...) TUFF_PRINTF(2, 3);

/* Growing text or bytes, always terminated; likewise empty. Appending after a failed allocation does nothing; check `failed` at the end. */
struct tuff_text {
    struct tuff_context *context; /* [borrowed] */
    char *data;                   /* [owned]; NULL while empty */
    size_t length, capacity;
    bool failed;
};
void tuff_text_init(struct tuff_text *text, struct tuff_context *context);
void tuff_text_finish(struct tuff_text *text);
void tuff_text_add(struct tuff_text *text, const char *format, ...) TUFF_PRINTF(2, 3);
void tuff_text_append(struct tuff_text *text, const void *bytes, size_t length);
/* In quotes; with escapes of quotes, backslashes, line feeds and other controls, as texts of plans, of graphs, and JSON have them. */
enum tuff_quoting { TUFF_QUOTE_PLAN, TUFF_QUOTE_GRAPH, TUFF_QUOTE_JSON };
void tuff_text_quote(struct tuff_text *text, const char *string, enum tuff_quoting how);
char *tuff_text_take(struct tuff_text *text); /* ownership moves to the caller (tuff_free); NULL if failed */
tuff_status tuff_text_give(struct tuff_text *text, char **taken, struct tuff_error *error); /* likewise; errors: MEMORY */

/* Reading a text of our own, as a plan or a graph, of which nothing is trusted. After the first failure all of these do nothing. */
struct tuff_parser {
    struct tuff_context *context; /* [borrowed] */
    const char *of;               /* what is read, for sentences: "plan" */
    const char *at, *end;
    uint32_t line;
    struct tuff_error error; /* its status is TUFF_OK until the first failure */
};
static inline bool tuff_reads(const struct tuff_parser *r) { return r->error.status == TUFF_OK; }
/* "plan, line 3: <what><detail>"; MEMORY: its own sentence. */
void tuff_read_fail(struct tuff_parser *r, tuff_status status, const char *what, const char *detail);
void tuff_expected(struct tuff_parser *r, const char *what); /* FORMAT: "expected <what>" */
bool tuff_accept(struct tuff_parser *r, const char *word);   /* takes it if it comes next */
void tuff_expect(struct tuff_parser *r, const char *word);
static inline int tuff_digit_of(char c) /* 0 .. 15; 99: it is none */
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
}
uint64_t tuff_read_number(struct tuff_parser *r, unsigned base, uint64_t most); /* of base 10 or 16; 0 after a failure */
/* As tuff_text_quote writes it for plans and graphs, into a text, of which it is all; "" after a failure. */
const char *tuff_read_quoted(struct tuff_parser *r, struct tuff_text *to);

/* Hash for keys of caches and equality of plans: 64-bit FNV-1a with a final mix; not for secrets. Start with seed 0. */
uint64_t tuff_hash(uint64_t seed, const void *bytes, size_t length);
uint64_t tuff_hash_text(uint64_t seed, const char *text);
/* hash[k] = tuff_hash(hash[k], bytes, length), both in the time of one: each waits for its own products alone. */
void tuff_hash_pair(uint64_t hash[2], const void *bytes, size_t length);
/* CRC-32 (IEEE 802.3) of files that carry a checksum. Start with 0. */
uint32_t tuff_crc32(uint32_t crc, const void *bytes, size_t length);

/* A number of so many bytes in a file, lowest first. */
static inline uint64_t tuff_little(const uint8_t *at, unsigned bytes)
{
    uint64_t value = 0;
    while (bytes-- > 0) value = value << 8 | at[bytes];
    return value;
}

static inline uint64_t tuff_align(uint64_t value, uint64_t alignment)
{
    return (value + alignment - 1) / alignment * alignment;
}

#endif
