/* bundle.c - an executable in a file and back: plan text, SPIR-V of its kernels, content of its slots, as sections of a container.
 *
 * The file is untrusted: the plan's text is parsed and checked as any, content must lie within a section whose checksum is right, and
 * SPIR-V is checked against the device's limits before a pipeline is made of it (pipeline.c). */
#include "backend/container.h"
#include "backend/handover.h"
#include "backend/pipeline.h"

#include <stdio.h>

static const char PLAN_NAME[] = "main";

/* ---- saving ------------------------------------------------------------------------------------------------------------------- */

struct saving {
    struct tuff_executable *x;
    struct tuff_context *context;
    struct tuff_arena arena;
    const struct tuff_plan *plan;
    struct tuff_section_params *sections; /* [arena] weights, SPIR-V, plan */
    uint64_t *offsets;                    /* [arena] */
    uint32_t count;
    struct tuff_error *error;
};

static bool has_content(const struct tuff_plan *plan, const struct tuff_plan_slot *slot)
{
    enum tuff_memory kind = tuff_slot_kind(plan, slot);
    return kind == TUFF_MEMORY_CONST || tuff_memory_is_shared(kind);
}

static tuff_status add_section(struct saving *s, enum tuff_section_kind kind, const char *name, const void *data,
                               size_t bytes)
{
    if (!name || !data) return tuff_fail_memory(s->context, s->error);
    s->sections[s->count++] = (struct tuff_section_params){.kind = kind, .name = name, .data = data, .bytes = bytes};
    return TUFF_OK;
}

struct slot_content {
    struct tuff_executable *x;
    uint32_t slot;
};

static tuff_status read_slot(void *user, void *to, size_t bytes, struct tuff_error *error)
{
    const struct slot_content *content = user;
    return tuff_executable_get_slot(content->x, content->slot, to, bytes, error);
}

/* Content of slots as it is when it is written; sections are called after the slot's number, as names may be empty. */
static tuff_status add_contents(struct saving *s)
{
    for (uint32_t i = 0; i < s->plan->slot_count; i++) {
        const struct tuff_plan_slot *slot = &s->plan->slots[i];
        if (!has_content(s->plan, slot)) continue;
        struct slot_content *content = tuff_arena_alloc(&s->arena, sizeof *content);
        const char *name = tuff_arena_printf(&s->arena, "%s/%u %s", PLAN_NAME, (unsigned)i, slot->name);
        if (!content || !name) return tuff_fail_memory(s->context, s->error);
        *content = (struct slot_content){s->x, i};
        s->sections[s->count++] = (struct tuff_section_params){
            .kind = TUFF_SECTION_WEIGHTS, .name = name, .bytes = (size_t)slot->bytes, .read = read_slot, .user = content};
    }
    return TUFF_OK;
}

static tuff_status add_kernels(struct saving *s, struct tuff_device *device)
{
    for (uint32_t i = 0; i < s->plan->kernel_count; i++) {
        struct tuff_spirv_key key;
        TUFF_TRY(tuff_kernel_key(s->context, &s->plan->kernels[i], tuff_executable_compiler(s->x), &key, s->error));
        const struct tuff_spirv spirv = tuff_cache_find(device->cache, key);
        if (!spirv.words)
            return tuff_fail(s->context, s->error, TUFF_ERR_UNSUPPORTED, "the SPIR-V of kernel %s is no longer in the cache",
                             s->plan->kernels[i].file);
        const char *name = tuff_arena_printf(&s->arena, "%s/%u", PLAN_NAME, (unsigned)i);
        TUFF_TRY(add_section(s, TUFF_SECTION_SPIRV, name, spirv.words, spirv.count * sizeof *spirv.words));
    }
    return TUFF_OK;
}

/* The plan whose slots name ranges of the file; kept memories end behind the last slot that it has there. */
static tuff_status add_plan(struct saving *s, struct tuff_text *text)
{
    struct tuff_plan plan = *s->plan;
    plan.slots = tuff_arena_copy(&s->arena, plan.slots, plan.slot_count * sizeof *plan.slots);
    plan.memories = tuff_arena_copy(&s->arena, plan.memories, plan.memory_count * sizeof *plan.memories);
    if (!plan.slots || !plan.memories) return tuff_fail_memory(s->context, s->error);
    TUFF_TRY(add_section(s, TUFF_SECTION_PLAN, PLAN_NAME, "", 0)); /* its name counts for where others lie */
    tuff_container_lay_out(s->sections, s->count, s->offsets);
    for (uint32_t i = 0, section = 0; i < plan.slot_count; i++) {
        struct tuff_plan_slot *slot = &plan.slots[i];
        if (!has_content(&plan, slot)) continue;
        slot->content = TUFF_CONTENT_FILE;
        slot->data = NULL;
        slot->content_bytes = slot->bytes;
        slot->content_hash = 0; /* the section has a checksum, and is not read before it is written */
        slot->file_offset = s->offsets[section++];
    }
    tuff_plan_print(&plan, text);
    if (text->failed) return tuff_fail_memory(s->context, s->error);
    s->sections[s->count - 1].data = text->data;
    s->sections[s->count - 1].bytes = text->length;
    return TUFF_OK;
}

tuff_status tuff_executable_save(struct tuff_executable *x, const char *path, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, x != NULL && path != NULL);
    struct tuff_device *device = tuff_executable_device(x);
    const struct tuff_plan *plan = tuff_executable_plan(x);
    struct saving s = {.x = x, .context = device->context, .plan = plan, .error = error};
    struct tuff_text text = {.context = s.context};
    tuff_arena_init(&s.arena, s.context);
    size_t most = (size_t)plan->slot_count + plan->kernel_count + 1;
    s.sections = tuff_arena_alloc(&s.arena, most * sizeof *s.sections);
    s.offsets = tuff_arena_alloc(&s.arena, most * sizeof *s.offsets);
    tuff_status status = s.sections && s.offsets ? add_contents(&s) : tuff_fail_memory(s.context, error);
    if (status == TUFF_OK) status = add_kernels(&s, device);
    if (status == TUFF_OK) status = add_plan(&s, &text);
    if (status == TUFF_OK) status = tuff_container_write(s.context, path, s.sections, s.count, error);
    tuff_text_finish(&text);
    tuff_arena_finish(&s.arena);
    return status;
}

/* ---- loading ------------------------------------------------------------------------------------------------------------------ */

/* The weights' section that a slot's content lies in; sections are few or in the order of slots, so that looking on from the last
 * one finds it at once. */
static const struct tuff_section *section_of(const struct tuff_container *file, const struct tuff_plan_slot *slot,
                                             uint32_t *last)
{
    for (uint32_t i = 0; i < file->section_count; i++) {
        uint32_t at = (*last + i) % file->section_count;
        const struct tuff_section *section = &file->sections[at];
        if (section->kind != TUFF_SECTION_WEIGHTS || slot->file_offset < section->offset) continue;
        uint64_t skip = slot->file_offset - section->offset;
        if (skip > section->bytes || slot->content_bytes > section->bytes - skip) continue;
        *last = at;
        return section;
    }
    return NULL;
}

static tuff_status check_contents(const struct tuff_container *file, const struct tuff_plan *plan, struct tuff_error *error)
{
    const struct tuff_section *checked = NULL;
    for (uint32_t i = 0, last = 0; i < plan->slot_count; i++) {
        const struct tuff_plan_slot *slot = &plan->slots[i];
        if (slot->content != TUFF_CONTENT_FILE) continue;
        const struct tuff_section *section = section_of(file, slot, &last);
        if (!section)
            return tuff_fail(plan->arena.context, error, TUFF_ERR_FORMAT, "%s: the content of '%s' lies in no section",
                             file->name, slot->name);
        if (section != checked) TUFF_TRY(tuff_container_check(file, section, error));
        checked = section;
    }
    return TUFF_OK;
}

/* SPIR-V into the device's cache, where it serves this very file alone: whoever wrote it, others never get it. */
static tuff_status take_kernels(struct tuff_device *device, const struct tuff_container *file, const struct tuff_plan *plan,
                                const char *version, struct tuff_error *error)
{
    for (uint32_t i = 0; i < plan->kernel_count; i++) {
        struct tuff_spirv_key key;
        char name[64];
        snprintf(name, sizeof name, "%s/%u", PLAN_NAME, (unsigned)i);
        const struct tuff_section *section = tuff_container_find(file, TUFF_SECTION_SPIRV, name);
        if (!section || section->bytes % 4)
            return tuff_fail(device->context, error, TUFF_ERR_FORMAT, "%s: no SPIR-V of kernel %u (%s)", file->name,
                             (unsigned)i, plan->kernels[i].file);
        TUFF_TRY(tuff_container_check(file, section, error));
        TUFF_TRY(tuff_kernel_key(device->context, &plan->kernels[i], version, &key, error));
        if (!tuff_cache_add(device->cache, key, (const void *)section->data, (size_t)section->bytes / 4).words)
            return tuff_fail_memory(device->context, error);
    }
    return TUFF_OK;
}

/* Never asked: all kernels are in the cache. */
static tuff_status refuse(void *user, struct tuff_context *context, const char *name, const char *source,
                          const char *preamble, uint32_t **spirv, size_t *words, struct tuff_error *error)
{
    (void)user, (void)source, (void)preamble, (void)spirv, (void)words;
    return tuff_fail(context, error, TUFF_ERR_UNSUPPORTED, "the file has no SPIR-V of kernel %s", name);
}

static tuff_status load(struct tuff_device *device, const struct tuff_container *file, struct tuff_plan *plan,
                        const struct tuff_load_params *params, struct tuff_executable **executable, struct tuff_error *error)
{
    const struct tuff_section *text = tuff_container_find(file, TUFF_SECTION_PLAN, PLAN_NAME);
    if (!text) return tuff_fail(device->context, error, TUFF_ERR_FORMAT, "%s: there is no plan in it", file->name);
    TUFF_TRY(tuff_container_check(file, text, error));
    TUFF_TRY(tuff_plan_parse(plan, (const char *)text->data, (size_t)text->bytes, error));
    struct tuff_error why = {0};
    tuff_status status = tuff_plan_check(plan, device->context, &why);
    if (status != TUFF_OK)
        return tuff_fail(device->context, error, status == TUFF_ERR_MEMORY ? status : TUFF_ERR_FORMAT, "%s: %s", file->name,
                         why.message);
    TUFF_TRY(check_contents(file, plan, error));
    char version[64];
    snprintf(version, sizeof version, "file %08x of %llu bytes", (unsigned)file->table_crc, (unsigned long long)file->bytes);
    TUFF_TRY(take_kernels(device, file, plan, version, error));
    const struct tuff_compiler compiler = {.struct_size = sizeof compiler, .version = version, .compile = refuse};
    struct tuff_run_params run = {.plan = plan, .compiler = &compiler, .file = file->data, .file_bytes = file->bytes};
    if (params) {
        run.memories = params->memories;
        run.input_sets = params->input_sets;
        run.profile = params->profile;
        run.timed = params->timed;
        run.progress = params->progress;
    }
    return tuff_executable_create(device, &run, executable, error);
}

tuff_status tuff_executable_load(struct tuff_device *device, const char *path, const struct tuff_load_params *params,
                                 struct tuff_executable **executable, struct tuff_error *error)
{
    TUFF_REQUIRE(NULL, error, device != NULL && path != NULL && executable != NULL);
    TUFF_REQUIRE(device->context, error, !params || params->struct_size >= sizeof *params);
    struct tuff_container file;
    struct tuff_plan plan;
    TUFF_TRY(tuff_container_open(&file, device->context, path, error));
    tuff_plan_init(&plan, device->context);
    tuff_status status = load(device, &file, &plan, params, executable, error);
    tuff_plan_finish(&plan);
    tuff_container_close(&file);
    return status;
}
