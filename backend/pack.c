/* pack.c - SPIR-V by key, for sessions that have no shader compiler: taken from files, recorded from plans, written into files.
 *
 * A kernel is a section of kind SPIRV, called as the 128 bits of its key (tuff_spirv_key, whichever compiler made it) in hexadecimal digits. Sections
 * of any other name are not looked at, so that kernels lie beside a model in its file. Entries live as long as the context. What
 * is in a file is checked against its checksums, and SPIR-V when a pipeline is made of it (pipeline.c). Thread-safe. */
#include "backend/container.h"
#include "backend/handover.h"
#include "backend/lookup.h"
#include "backend/parallel.h"
#include "backend/pipeline.h"
#include "backend/spirv.h"

#include <stdio.h>

enum { NAME_DIGITS = 32 };

struct kernel {
    struct tuff_spirv_key key;
    const uint32_t *spirv; /* [arena] */
    size_t words;
};

struct pack {
    struct tuff_attached head;
    struct tuff_os_mutex *lock; /* [owned] */
    struct tuff_arena arena;
    struct kernel *kernels; /* [arena] */
    uint32_t count;
    struct tuff_lookup lookup; /* kernels by the first word of their key */
    struct tuff_caps *classes; /* [arena] that is recorded for */
    uint32_t class_count;
    char missing[64];
};

static void destroy(struct tuff_context *context, struct tuff_attached *attached)
{
    struct pack *pack = (struct pack *)attached;
    tuff_arena_finish(&pack->arena);
    tuff_os_mutex_destroy(pack->lock);
    tuff_free(context, pack);
}

static struct pack *pack_of(const struct tuff_context *context) { return (struct pack *)atomic_load(&context->kernels); }

/* The context's, made if there is none; NULL: no memory. */
static struct pack *make_pack(struct tuff_context *context)
{
    struct tuff_attached *there = NULL;
    struct pack *pack = pack_of(context);
    if (pack || !(pack = tuff_alloc(context, sizeof *pack))) return pack;
    pack->head.destroy = destroy;
    tuff_arena_init(&pack->arena, context);
    if (tuff_os_mutex_create(context, &pack->lock) != TUFF_OK) {
        tuff_free(context, pack);
        return NULL;
    }
    if (atomic_compare_exchange_strong(&context->kernels, &there, &pack->head)) return pack;
    destroy(context, &pack->head); /* another thread was first */
    return (struct pack *)there;
}

/* ---- kernels by key: under the lock --------------------------------------------------------------------------------------------- */

static const struct kernel *find(const struct pack *pack, const struct tuff_spirv_key *key)
{
    uint32_t place, step = 0;
    while ((place = tuff_lookup_find(&pack->lookup, key->words[0], &step)) != TUFF_LOOKUP_END)
        if (pack->kernels[place].key.words[1] == key->words[1]) return &pack->kernels[place];
    return NULL;
}

static bool add(struct pack *pack, const struct tuff_spirv_key *key, const void *spirv, size_t words)
{
    if (find(pack, key)) return true;
    if (!TUFF_GROW_ARENA(&pack->arena, pack->kernels, pack->count, 1) || !tuff_lookup_reserve(&pack->lookup, &pack->arena))
        return false;
    const uint32_t *copy = tuff_arena_copy(&pack->arena, spirv, words * sizeof *copy);
    if (!copy) return false;
    (void)!tuff_lookup_add(&pack->lookup, &pack->arena, key->words[0], pack->count); /* there is room */
    pack->kernels[pack->count++] = (struct kernel){*key, copy, words};
    return true;
}

/* ---- files ---------------------------------------------------------------------------------------------------------------------- */

static bool read_name(const char *name, struct tuff_spirv_key *key)
{
    *key = (struct tuff_spirv_key){.compiler = 0};
    for (int i = 0; i < NAME_DIGITS; i++) {
        int digit = tuff_digit_of(name[i]);
        if (digit > 15) return false;
        key->words[i / 16] = key->words[i / 16] << 4 | (unsigned)digit;
    }
    return name[NAME_DIGITS] == 0;
}

/* All or, but for a lack of memory, none. */
static tuff_status take(struct tuff_context *context, const struct tuff_container *file, uint32_t *count,
                        struct tuff_error *error)
{
    struct tuff_spirv_key key;
    uint32_t taken = 0;
    bool complete = true;
    for (uint32_t i = 0; i < file->section_count; i++) {
        const struct tuff_section *section = &file->sections[i];
        if (section->kind != TUFF_SECTION_SPIRV || !read_name(section->name, &key)) continue;
        TUFF_TRY(tuff_container_check(file, section, error));
        if (!section->bytes || section->bytes % 4)
            return tuff_fail(context, error, TUFF_ERR_FORMAT, "%s: kernel %s is no SPIR-V", file->name, section->name);
    }
    struct pack *pack = make_pack(context);
    if (!pack) return tuff_fail_memory(context, error);
    tuff_os_mutex_lock(pack->lock);
    for (uint32_t i = 0; i < file->section_count && complete; i++) {
        const struct tuff_section *section = &file->sections[i];
        if (section->kind != TUFF_SECTION_SPIRV || !read_name(section->name, &key)) continue;
        complete = add(pack, &key, section->data, (size_t)section->bytes / 4);
        taken++;
    }
    tuff_os_mutex_unlock(pack->lock);
    if (!complete) return tuff_fail_memory(context, error);
    if (count) *count = taken;
    return TUFF_OK;
}

tuff_status tuff_kernels_add(struct tuff_context *context, struct tuff_span file, uint32_t *count, struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, context != NULL);
    TUFF_REQUIRE_THAT(context, error, file.data || !file.bytes, "the data is NULL, though it has bytes");
    struct tuff_container container;
    TUFF_TRY(tuff_container_parse(&container, context, "kernels in memory", file.data, file.bytes, error));
    tuff_status status = take(context, &container, count, error);
    tuff_container_close(&container);
    return status;
}

tuff_status tuff_kernels_open(struct tuff_context *context, const char *path, uint32_t *count, struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, context != NULL && path != NULL);
    struct tuff_container container;
    TUFF_TRY(tuff_container_open(&container, context, path, error));
    tuff_status status = take(context, &container, count, error);
    tuff_container_close(&container);
    return status;
}

/* The sections of `file`, and kernels in place of those of their names. Under the lock. */
static tuff_status write_all(struct tuff_context *context, const struct pack *pack, const struct tuff_container *file,
                             const char *path, struct tuff_error *error)
{
    struct tuff_arena arena = {.context = context};
    const size_t most = (size_t)file->section_count + (pack ? pack->count : 0) + 1;
    struct tuff_section_params *sections = tuff_arena_alloc(&arena, most * sizeof *sections);
    tuff_status status = sections ? TUFF_OK : tuff_fail_memory(context, error);
    uint32_t count = 0;
    for (uint32_t i = 0; i < file->section_count && status == TUFF_OK; i++) {
        const struct tuff_section *s = &file->sections[i];
        struct tuff_spirv_key key;
        if (pack && s->kind == TUFF_SECTION_SPIRV && read_name(s->name, &key) && find(pack, &key)) continue;
        if (s->kind == TUFF_SECTION_PLAN)
            status = tuff_fail(context, error, TUFF_ERR_UNSUPPORTED,
                               "%s is an executable (tuff_executable_save), which has its kernels", file->name);
        if (status == TUFF_OK) status = tuff_container_check(file, s, error);
        sections[count++] = (struct tuff_section_params){s->kind, s->name, s->data, (size_t)s->bytes, NULL, NULL};
    }
    for (uint32_t i = 0; pack && i < pack->count && status == TUFF_OK; i++) {
        const struct kernel *kernel = &pack->kernels[i];
        const char *name = tuff_arena_printf(&arena, "%016llx%016llx", (unsigned long long)kernel->key.words[0],
                                             (unsigned long long)kernel->key.words[1]);
        if (!name) status = tuff_fail_memory(context, error);
        sections[count++] = (struct tuff_section_params){
            TUFF_SECTION_SPIRV, name, kernel->spirv, kernel->words * sizeof *kernel->spirv, NULL, NULL};
    }
    if (status == TUFF_OK) status = tuff_container_write(context, path, sections, count, error);
    tuff_arena_finish(&arena);
    return status;
}

/* Read, not mapped: where both paths are one, systems that do not replace files that are mapped write it, too. */
tuff_status tuff_kernels_write(struct tuff_context *context, const char *from, const char *to, struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, context != NULL && from != NULL && to != NULL);
    struct pack *pack = pack_of(context);
    struct tuff_container file;
    void *data = NULL;
    size_t bytes = 0;
    TUFF_TRY(tuff_os_read_file(context, from, 0, &data, &bytes, error));
    tuff_status status = tuff_container_parse(&file, context, from, data, bytes, error);
    if (status == TUFF_OK) {
        if (pack) tuff_os_mutex_lock(pack->lock);
        status = write_all(context, pack, &file, to, error);
        if (pack) tuff_os_mutex_unlock(pack->lock);
        tuff_container_close(&file);
    }
    tuff_free(context, data);
    return status;
}

/* ---- for sessions --------------------------------------------------------------------------------------------------------------- */

bool tuff_packed_any(const struct tuff_context *context)
{
    const struct pack *pack = pack_of(context);
    if (!pack) return false;
    tuff_os_mutex_lock(pack->lock);
    bool any = pack->count > 0;
    tuff_os_mutex_unlock(pack->lock);
    return any;
}

static tuff_status give(void *user, struct tuff_context *context, const char *name, const char *source, const char *preamble,
                        uint32_t **spirv, size_t *words, struct tuff_error *error)
{
    const struct pack *pack = pack_of(user);
    const struct tuff_spirv_key key = tuff_spirv_key(source, preamble, NULL);
    tuff_os_mutex_lock(pack->lock);
    const struct kernel *found = find(pack, &key);
    const struct kernel kernel = found ? *found : (struct kernel){.words = 0};
    tuff_os_mutex_unlock(pack->lock);
    if (!found) return tuff_fail(context, error, TUFF_ERR_UNSUPPORTED, "no file that was added has kernel %s", name);
    return tuff_spirv_give(context, kernel.spirv, kernel.words, spirv, words, error);
}

tuff_status tuff_packed_for(struct tuff_context *context, const struct tuff_plan *plan, struct tuff_packed *packed,
                            struct tuff_error *error)
{
    const struct pack *pack = pack_of(context);
    uint64_t hash = 0; /* of these very kernels: what else the context has does not part them from the device's cache */
    *packed = (struct tuff_packed){.missing = ""};
    for (uint32_t i = 0; i < plan->kernel_count && !packed->missing[0]; i++) {
        struct tuff_spirv_key key;
        TUFF_TRY(tuff_kernel_key(context, &plan->kernels[i], NULL, &key, error));
        tuff_os_mutex_lock(pack->lock);
        const struct kernel *found = find(pack, &key);
        if (found)
            hash = tuff_hash(hash, found->spirv, found->words * sizeof *found->spirv);
        else
            snprintf(packed->missing, sizeof packed->missing, "%s", plan->kernels[i].file);
        tuff_os_mutex_unlock(pack->lock);
    }
    if (packed->missing[0]) return TUFF_OK;
    snprintf(packed->version, sizeof packed->version, "packs %016llx", (unsigned long long)hash);
    packed->compiler = (struct tuff_compiler){
        .struct_size = sizeof packed->compiler, .user = context, .version = packed->version, .compile = give};
    return TUFF_OK;
}

void tuff_packed_count(struct tuff_context *context, bool fused, const char *missing)
{
    struct pack *pack = pack_of(context);
    atomic_fetch_add(&context->plans, 1);
    atomic_fetch_add(&context->fused_plans, fused);
    if (!missing[0] || !pack) return;
    tuff_log_message(context, TUFF_LOG_INFO, "no file that was added has kernel %s: the plan runs unfused", missing);
    tuff_os_mutex_lock(pack->lock);
    if (!pack->missing[0]) snprintf(pack->missing, sizeof pack->missing, "%s", missing);
    tuff_os_mutex_unlock(pack->lock);
}

struct tuff_kernels_report tuff_kernels_report(const struct tuff_context *context)
{
    struct tuff_kernels_report report = {.plans = atomic_load(&context->plans), .fused = atomic_load(&context->fused_plans)};
    const struct pack *pack = pack_of(context);
    if (!pack) return report;
    tuff_os_mutex_lock(pack->lock);
    report.kernels = pack->count;
    memcpy(report.missing, pack->missing, sizeof report.missing);
    tuff_os_mutex_unlock(pack->lock);
    return report;
}

/* ---- recording ------------------------------------------------------------------------------------------------------------------ */

tuff_status tuff_kernels_record(struct tuff_context *context, const struct tuff_caps *classes, uint32_t count,
                                struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, context != NULL);
    TUFF_REQUIRE_THAT(context, error, classes || !count, "classes is NULL, though count is not 0");
    struct pack *pack = make_pack(context);
    if (!pack) return tuff_fail_memory(context, error);
    tuff_os_mutex_lock(pack->lock);
    struct tuff_caps *copy = count ? tuff_arena_copy(&pack->arena, classes, count * sizeof *classes) : NULL;
    if (copy || !count) {
        pack->classes = copy;
        pack->class_count = count;
    }
    tuff_os_mutex_unlock(pack->lock);
    return copy || !count ? TUFF_OK : tuff_fail_memory(context, error);
}

const struct tuff_caps *tuff_recorded_classes(const struct tuff_context *context, uint32_t *count)
{
    const struct pack *pack = pack_of(context);
    *count = 0;
    if (!pack) return NULL;
    tuff_os_mutex_lock(pack->lock);
    const struct tuff_caps *classes = pack->classes;
    *count = pack->class_count;
    tuff_os_mutex_unlock(pack->lock);
    return classes;
}

struct recording {
    struct tuff_context *context;
    struct pack *pack;
    const struct tuff_plan *plan;
    const struct tuff_compiler *compiler;
};

static tuff_status record_one(void *user, uint32_t index, struct tuff_error *error)
{
    const struct recording *r = user;
    const struct tuff_plan_kernel *kernel = &r->plan->kernels[index];
    struct tuff_spirv_key key;
    uint32_t *spirv = NULL;
    size_t words = 0;
    TUFF_TRY(tuff_kernel_key(r->context, kernel, NULL, &key, error));
    tuff_os_mutex_lock(r->pack->lock);
    bool known = find(r->pack, &key) != NULL;
    tuff_os_mutex_unlock(r->pack->lock);
    if (known) return TUFF_OK;
    const struct tuff_kernel_source *source = tuff_kernel_source_of(kernel);
    char *preamble = tuff_kernel_preamble(r->context, kernel);
    if (!preamble) return tuff_fail_memory(r->context, error);
    tuff_status status = r->compiler->compile(r->compiler->user, r->context, source->name, source->source, preamble, &spirv,
                                              &words, error);
    tuff_free(r->context, preamble);
    if (status != TUFF_OK) return status;
    tuff_os_mutex_lock(r->pack->lock);
    bool added = add(r->pack, &key, spirv, words);
    tuff_os_mutex_unlock(r->pack->lock);
    tuff_free(r->context, spirv);
    return added ? TUFF_OK : tuff_fail_memory(r->context, error);
}

tuff_status tuff_record_plan(struct tuff_context *context, const struct tuff_plan *plan,
                             const struct tuff_compiler *compiler, const struct tuff_progress *progress,
                             struct tuff_error *error)
{
    struct recording recording = {context, pack_of(context), plan, compiler};
    return tuff_parallel(context, plan->kernel_count, record_one, &recording, "compiling for other devices", progress,
                         error);
}
