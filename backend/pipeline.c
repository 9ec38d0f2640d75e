/* pipeline.c - kernels of plans become SPIR-V (from caches or by the compiler) and pipelines, shared by all programs.
 *
 * Needs cache.h and spirv.h. Before a pipeline is made, what its SPIR-V needs is compared with the limits of the device, which
 * may be clamped: drivers answer such a pipeline with a crash more often than with an error. Thread-safe. */
#include "backend/pipeline.h"
#include "backend/parallel.h"
#include "backend/spirv.h"

#include <stdio.h>

#define FULL_SUBGROUPS_MARK "// tuff: full-subgroups" /* a line of a kernel file that counts on whole subgroups */

void tuff_pipelines_init(struct tuff_device *device)
{
    VkPipelineCacheCreateInfo info = {.sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO};
    info.pInitialData = tuff_cache_driver_blob(device->cache, &info.initialDataSize);
    VkResult result = device->vk.vkCreatePipelineCache(device->handle, &info, NULL, &device->pipelines.cache);
    if (result != VK_SUCCESS && info.initialDataSize) { /* then an empty one, which the next flush puts in its place */
        info.initialDataSize = 0;
        result = device->vk.vkCreatePipelineCache(device->handle, &info, NULL, &device->pipelines.cache);
    }
    if (result != VK_SUCCESS) device->pipelines.cache = VK_NULL_HANDLE; /* costs time alone */
}

static void destroy_pipeline(struct tuff_device *device, struct tuff_pipeline *pipeline)
{
    if (!pipeline) return;
    if (pipeline->handle) device->vk.vkDestroyPipeline(device->handle, pipeline->handle, NULL);
    if (pipeline->layout) device->vk.vkDestroyPipelineLayout(device->handle, pipeline->layout, NULL);
    if (pipeline->set_layout) device->vk.vkDestroyDescriptorSetLayout(device->handle, pipeline->set_layout, NULL);
    tuff_free(device->context, pipeline);
}

void tuff_pipelines_finish(struct tuff_device *device)
{
    while (device->pipelines.list) {
        struct tuff_pipeline *pipeline = device->pipelines.list;
        device->pipelines.list = pipeline->next;
        destroy_pipeline(device, pipeline);
    }
    if (device->pipelines.cache) device->vk.vkDestroyPipelineCache(device->handle, device->pipelines.cache, NULL);
    tuff_os_mutex_destroy(device->pipelines.lock);
    device->pipelines = (struct tuff_pipelines){0};
}

struct compile_job {
    struct tuff_device *device;
    const struct tuff_plan *plan;
    const struct tuff_compiler *compiler;
    struct tuff_module *modules;
};

bool tuff_kernel_full_subgroups(const struct tuff_kernel_source *source)
{
    return strstr(source->source, FULL_SUBGROUPS_MARK) != NULL;
}

char *tuff_kernel_preamble(struct tuff_context *context, const struct tuff_plan_kernel *kernel)
{
    struct tuff_text text = {.context = context};
    tuff_text_add(&text, "%s%s", kernel->defines, kernel->defines[0] ? "\n" : "");
    if (kernel->hooks[0]) tuff_text_add(&text, "#define TUFF_HOOKS 1\n%s\n", kernel->hooks);
    return tuff_text_take(&text);
}

const struct tuff_kernel_source *tuff_kernel_source_of(const struct tuff_plan_kernel *kernel)
{
    return kernel->own ? kernel->own : tuff_kernel_find(kernel->file);
}

static tuff_status no_source(struct tuff_context *context, const struct tuff_plan_kernel *kernel, struct tuff_error *error)
{
    return tuff_fail(context, error, TUFF_ERR_UNSUPPORTED, "this build has no kernel called %s", kernel->file);
}

tuff_status tuff_kernel_key(struct tuff_context *context, const struct tuff_plan_kernel *kernel, const char *version,
                            struct tuff_spirv_key *key, struct tuff_error *error)
{
    const struct tuff_kernel_source *source = tuff_kernel_source_of(kernel);
    if (!source) return no_source(context, kernel, error);
    char *preamble = tuff_kernel_preamble(context, kernel);
    if (!preamble) return tuff_fail_memory(context, error);
    *key = tuff_spirv_key(source->source, preamble, version);
    tuff_free(context, preamble);
    return TUFF_OK;
}

static tuff_status compile_source(struct compile_job *job, const struct tuff_kernel_source *source, const char *preamble,
                                  struct tuff_module *module, struct tuff_error *error)
{
    struct tuff_device *device = job->device;
    struct tuff_spirv_key key = tuff_spirv_key(source->source, preamble, job->compiler ? job->compiler->version : NULL);
    module->spirv = tuff_cache_find(device->cache, key);
    if (module->spirv.words) return TUFF_OK;
    if (!job->compiler)
        return tuff_fail(device->context, error, TUFF_ERR_UNSUPPORTED,
                         "kernel %s is in no cache, and this program has no compiler", source->name);
    uint32_t *spirv = NULL;
    size_t words = 0;
    TUFF_TRY(job->compiler->compile(job->compiler->user, device->context, source->name, source->source, preamble, &spirv,
                                    &words, error));
    tuff_cache_dump(device->cache, source->name, key, preamble, source->source, spirv, words);
    module->spirv = tuff_cache_add(device->cache, key, spirv, words);
    module->compiled = true;
    tuff_free(device->context, spirv);
    return module->spirv.words ? TUFF_OK : tuff_fail_memory(device->context, error);
}

static tuff_status compile_one(void *user, uint32_t index, struct tuff_error *error)
{
    struct compile_job *job = user;
    const struct tuff_plan_kernel *kernel = &job->plan->kernels[index];
    const struct tuff_kernel_source *source = tuff_kernel_source_of(kernel);
    if (!source) return no_source(job->device->context, kernel, error);
    char *preamble = tuff_kernel_preamble(job->device->context, kernel);
    if (!preamble) return tuff_fail_memory(job->device->context, error);
    job->modules[index].full_subgroups = tuff_kernel_full_subgroups(source);
    tuff_status status = compile_source(job, source, preamble, &job->modules[index], error);
    tuff_free(job->device->context, preamble);
    return status;
}

tuff_status tuff_modules_compile(struct tuff_device *device, const struct tuff_plan *plan,
                                 const struct tuff_compiler *compiler, const struct tuff_progress *progress,
                                 struct tuff_module *modules, struct tuff_error *error)
{
    struct compile_job job = {device, plan, compiler, modules};
    return tuff_parallel(device->context, plan->kernel_count, compile_one, &job, "compiling kernels", progress, error);
}

/* Everything that vkCreateComputePipelines is given for one pipeline. */
struct pipeline_job {
    const struct tuff_plan_kernel *kernel; /* [borrowed] */
    struct tuff_pipeline *pipeline;        /* [owned] until it stands in the list */
    VkShaderModule module;                 /* [owned] */
    VkSpecializationMapEntry *entries;     /* [owned] */
    uint32_t *values;                      /* [owned] */
    VkSpecializationInfo specialization;
    VkPipelineShaderStageRequiredSubgroupSizeCreateInfo subgroup;
    VkComputePipelineCreateInfo info;
};

struct pipeline_jobs {
    struct tuff_device *device;
    struct pipeline_job *items; /* [owned] */
    uint32_t count;
};

static tuff_status check_limits(struct tuff_device *device, const char *name, const struct tuff_spirv_info *needs,
                                const struct tuff_pipeline *pipeline, struct tuff_error *error)
{
    const struct tuff_caps *caps = &device->caps;
    uint32_t texels = 0;
    for (uint32_t rest = pipeline->texels; rest; rest &= rest - 1) texels++;
    uint64_t invocations = (uint64_t)needs->local_size[0] * needs->local_size[1] * needs->local_size[2];
    const struct {
        const char *what;
        uint64_t needed, limit;
    } rows[] = {
        {"bytes of shared memory", needs->shared_bytes, caps->max_shared_bytes},
        {"invocations in a workgroup", invocations, caps->max_workgroup_invocations},
        {"invocations in a workgroup along x", needs->local_size[0], caps->max_workgroup_size[0]},
        {"invocations in a workgroup along y", needs->local_size[1], caps->max_workgroup_size[1]},
        {"invocations in a workgroup along z", needs->local_size[2], caps->max_workgroup_size[2]},
        {"bytes of push constants", pipeline->push_bytes, caps->max_push_bytes},
        {"storage buffers", pipeline->binding_count - texels, caps->max_storage_buffers},
    };
    for (size_t i = 0; i < TUFF_COUNT(rows); i++)
        if (rows[i].needed > rows[i].limit)
            return tuff_fail(device->context, error, TUFF_ERR_UNSUPPORTED, "kernel %s needs %llu %s; %s has %llu", name,
                             (unsigned long long)rows[i].needed, rows[i].what, caps->name,
                             (unsigned long long)rows[i].limit);
    if (needs->texels != pipeline->texels)
        return tuff_refuse(device->context, error, "kernel %s reads bindings %#x as texels; the launch gives %#x so", name,
                           needs->texels, pipeline->texels);
    if (needs->missing_capability)
        return tuff_fail(device->context, error, TUFF_ERR_UNSUPPORTED,
                         "kernel %s needs SPIR-V capability %u, which %s lacks", name, needs->missing_capability,
                         caps->name);
    if (!invocations) return tuff_refuse(device->context, error, "kernel %s has an empty workgroup", name);
    if (needs->binding_end > pipeline->binding_count || needs->push_bytes > pipeline->push_bytes)
        return tuff_refuse(device->context, error,
                           "kernel %s declares %u bindings and %llu bytes of push constants; the launch gives %u and %u",
                           name, needs->binding_end, (unsigned long long)needs->push_bytes, pipeline->binding_count,
                           pipeline->push_bytes);
    if (needs->number_bytes > pipeline->number_bytes)
        return tuff_refuse(device->context, error, "kernel %s declares %llu bytes of numbers; the launch gives %u", name,
                           (unsigned long long)needs->number_bytes, pipeline->number_bytes);
    return TUFF_OK;
}

static tuff_status create_layouts(struct tuff_device *device, struct tuff_pipeline *pipeline, struct tuff_error *error)
{
    uint32_t count = pipeline->binding_count;
    VkDescriptorSetLayoutBinding *bindings = tuff_alloc(device->context, (count + 1) * sizeof *bindings);
    if (!bindings) return tuff_fail_memory(device->context, error);
    for (uint32_t i = 0; i < pipeline->binding_count; i++)
        bindings[i] = (VkDescriptorSetLayoutBinding){i, tuff_descriptor_type(pipeline->texels, i), 1,
                                                     VK_SHADER_STAGE_COMPUTE_BIT, NULL};
    if (pipeline->number_bytes)
        bindings[count++] = (VkDescriptorSetLayoutBinding){TUFF_PLAN_NUMBERS_BINDING, VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER, 1,
                                                           VK_SHADER_STAGE_COMPUTE_BIT, NULL};
    VkDescriptorSetLayoutCreateInfo set = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO, .bindingCount = count, .pBindings = bindings};
    tuff_status status = TUFF_VK_CREATE(device, error, DescriptorSetLayout, &set, &pipeline->set_layout);
    tuff_free(device->context, bindings);
    if (status != TUFF_OK) return status;
    VkPushConstantRange range = {.stageFlags = VK_SHADER_STAGE_COMPUTE_BIT, .size = pipeline->push_bytes};
    VkPipelineLayoutCreateInfo info = {.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
                                       .setLayoutCount = 1,
                                       .pSetLayouts = &pipeline->set_layout,
                                       .pushConstantRangeCount = pipeline->push_bytes != 0,
                                       .pPushConstantRanges = &range};
    return TUFF_VK_CREATE(device, error, PipelineLayout, &info, &pipeline->layout);
}

static tuff_status specialize(struct tuff_device *device, const struct tuff_plan_spec *specs, uint32_t count,
                              struct pipeline_job *job, struct tuff_error *error)
{
    job->entries = tuff_alloc(device->context, count * sizeof *job->entries);
    job->values = tuff_alloc(device->context, count * sizeof *job->values);
    if (!job->entries || !job->values) return tuff_fail_memory(device->context, error);
    for (uint32_t i = 0; i < count; i++) {
        job->entries[i] = (VkSpecializationMapEntry){specs[i].id, (uint32_t)(i * sizeof *job->values), sizeof *job->values};
        job->values[i] = specs[i].value;
    }
    job->specialization = (VkSpecializationInfo){count, job->entries, count * sizeof *job->values, job->values};
    return TUFF_OK;
}

uint32_t tuff_required_subgroup(const struct tuff_caps *caps, const uint32_t local_size[3])
{
    uint32_t size = caps->subgroup_size;
    return caps->subgroup_size_control && size && local_size[0] % size == 0 ? size : 0;
}

/* Whole subgroups of one size. */
static void require_subgroups(const struct tuff_device *device, const struct tuff_spirv_info *needs,
                              struct pipeline_job *job)
{
    uint32_t size = tuff_required_subgroup(&device->caps, needs->local_size);
    if (!size) return;
    job->subgroup = (VkPipelineShaderStageRequiredSubgroupSizeCreateInfo){
        .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO, .requiredSubgroupSize = size};
    job->info.stage.pNext = &job->subgroup;
    job->info.stage.flags |= VK_PIPELINE_SHADER_STAGE_CREATE_REQUIRE_FULL_SUBGROUPS_BIT;
}

/* Caches hold modules as they were compiled; what a device can keep is declared here, and hostile mode comes in. parts: of a grid. */
static tuff_status create_module(struct tuff_device *device, const struct tuff_module *module, const char *name, bool parts,
                                 VkShaderModule *made, struct tuff_error *error)
{
    VkShaderModuleCreateInfo info = {.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO, .pCode = module->spirv.words};
    uint32_t *hostile = NULL, *declared = NULL, seed = device->context->options.hostile;
    size_t words = module->spirv.count;
    tuff_status status = TUFF_OK;
    if (seed) {
        TUFF_TRY(tuff_spirv_hostile(device->context, info.pCode, words, seed, !parts, &hostile, &words, error));
        info.pCode = hostile;
    }
    if (device->caps.keeps_nan) {
        status = tuff_spirv_keep_nan(device->context, info.pCode, words, device->caps.keeps_nan_f16, &declared, &words,
                                     error);
        info.pCode = declared;
    }
    info.codeSize = words * sizeof *info.pCode;
    if (status == TUFF_OK) status = TUFF_VK_CREATE(device, error, ShaderModule, &info, made);
    tuff_free(device->context, declared);
    tuff_free(device->context, hostile);
    tuff_device_name_object(device, VK_OBJECT_TYPE_SHADER_MODULE, TUFF_HANDLE(*made), name);
    return status;
}

static tuff_status prepare(struct tuff_device *device, const struct tuff_plan *plan, const struct tuff_module *module,
                           const struct tuff_pipeline_want *want, const uint64_t key[2], struct pipeline_job *job,
                           struct tuff_error *error)
{
    const struct tuff_plan_kernel *kernel = &plan->kernels[want->kernel];
    const struct tuff_plan_spec *specs = plan->specs + kernel->spec_first;
    struct tuff_spirv_info needs;
    job->kernel = kernel;
    job->pipeline = tuff_alloc(device->context, sizeof *job->pipeline);
    if (!job->pipeline) return tuff_fail_memory(device->context, error);
    *job->pipeline = (struct tuff_pipeline){.key = {key[0], key[1]},
                                            .references = 1,
                                            .binding_count = want->binding_count,
                                            .push_bytes = want->push_bytes,
                                            .number_bytes = want->number_bytes,
                                            .texels = want->texels};
    TUFF_TRY(tuff_spirv_read(device->context, module->spirv.words, module->spirv.count, specs, kernel->spec_count,
                             &device->caps, &needs, error));
    TUFF_TRY(check_limits(device, kernel->file, &needs, job->pipeline, error));
    TUFF_TRY(create_layouts(device, job->pipeline, error));
    TUFF_TRY(specialize(device, specs, kernel->spec_count, job, error));
    TUFF_TRY(create_module(device, module, kernel->file, want->parts != 0, &job->module, error));
    job->info = (VkComputePipelineCreateInfo){.sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
                                              .flags = want->parts ? VK_PIPELINE_CREATE_DISPATCH_BASE : 0,
                                              .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                                                        .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                                                        .module = job->module,
                                                        .pName = "main",
                                                        .pSpecializationInfo = &job->specialization},
                                              .layout = job->pipeline->layout};
    if (module->full_subgroups) require_subgroups(device, &needs, job);
    return TUFF_OK;
}

static tuff_status create_one(void *user, uint32_t index, struct tuff_error *error)
{
    struct pipeline_jobs *jobs = user;
    struct tuff_device *device = jobs->device;
    struct pipeline_job *job = &jobs->items[index];
    VkResult result = device->vk.vkCreateComputePipelines(device->handle, device->pipelines.cache, 1, &job->info, NULL,
                                                          &job->pipeline->handle);
    if (result == VK_SUCCESS) {
        tuff_device_name_object(device, VK_OBJECT_TYPE_PIPELINE, TUFF_HANDLE(job->pipeline->handle), job->kernel->file);
        return TUFF_OK;
    }
    job->pipeline->handle = VK_NULL_HANDLE;
    char what[160];
    snprintf(what, sizeof what, "making the pipeline of kernel %.100s", job->kernel->file);
    return tuff_device_status(device, error, result, what);
}

/* One call for all, for drivers that have their own threads or that serialize calls. */
static tuff_status create_batch(struct pipeline_jobs *jobs, struct tuff_error *error)
{
    struct tuff_device *device = jobs->device;
    VkComputePipelineCreateInfo *infos = tuff_alloc(device->context, jobs->count * sizeof *infos);
    VkPipeline *handles = tuff_alloc(device->context, jobs->count * sizeof *handles);
    tuff_status status = TUFF_OK;
    if (!infos || !handles) {
        status = tuff_fail_memory(device->context, error);
    } else {
        for (uint32_t i = 0; i < jobs->count; i++) infos[i] = jobs->items[i].info;
        VkResult result = device->vk.vkCreateComputePipelines(device->handle, device->pipelines.cache, jobs->count, infos,
                                                              NULL, handles);
        for (uint32_t i = 0; i < jobs->count; i++) jobs->items[i].pipeline->handle = handles[i]; /* NULL where it failed */
        status = tuff_device_status(device, error, result, "vkCreateComputePipelines");
    }
    tuff_free(device->context, infos);
    tuff_free(device->context, handles);
    return status;
}

static void finish_job(struct tuff_device *device, struct pipeline_job *job)
{
    if (job->module) device->vk.vkDestroyShaderModule(device->handle, job->module, NULL);
    tuff_free(device->context, job->entries);
    tuff_free(device->context, job->values);
    destroy_pipeline(device, job->pipeline);
}

/* A pipeline of the list with one more reference, NULL if there is none. Under the lock. */
static struct tuff_pipeline *find_pipeline(struct tuff_device *device, const uint64_t key[2])
{
    for (struct tuff_pipeline *pipeline = device->pipelines.list; pipeline; pipeline = pipeline->next) {
        if (pipeline->key[0] != key[0] || pipeline->key[1] != key[1]) continue;
        device->pipelines.unused -= pipeline->references == 0;
        pipeline->references++;
        return pipeline;
    }
    return NULL;
}

static void make_key(const struct tuff_plan *plan, const struct tuff_module *module, const struct tuff_pipeline_want *want,
                     uint64_t key[2])
{
    const struct tuff_plan_kernel *kernel = &plan->kernels[want->kernel];
    const uint32_t shape[] = {want->binding_count, want->push_bytes, module->full_subgroups,
                              want->texels,        want->parts,      want->number_bytes};
    memcpy(key, module->spirv.hash, sizeof module->spirv.hash);
    tuff_hash_pair(key, plan->specs + kernel->spec_first, kernel->spec_count * sizeof *plan->specs);
    tuff_hash_pair(key, shape, sizeof shape);
}

/* Moves made pipelines into the list, or takes the equal one that another want or thread put there. */
static void publish(struct tuff_device *device, struct pipeline_jobs *jobs, struct tuff_pipeline_want *wants,
                    const uint32_t *owners)
{
    tuff_os_mutex_lock(device->pipelines.lock);
    for (uint32_t i = 0; i < jobs->count; i++) {
        struct pipeline_job *job = &jobs->items[i];
        struct tuff_pipeline *older = find_pipeline(device, job->pipeline->key);
        if (!older) {
            job->pipeline->next = device->pipelines.list;
            device->pipelines.list = job->pipeline;
            older = job->pipeline;
            job->pipeline = NULL;
        }
        wants[owners[i]].pipeline = older;
    }
    tuff_os_mutex_unlock(device->pipelines.lock);
}

static tuff_status make_missing(struct tuff_device *device, struct pipeline_jobs *jobs, const struct tuff_progress *progress,
                                struct tuff_error *error)
{
    if (device->caps.driver_effects & TUFF_DRIVER_BATCHES_PIPELINES && jobs->count) return create_batch(jobs, error);
    return tuff_parallel(device->context, jobs->count, create_one, jobs, "making pipelines", progress, error);
}

tuff_status tuff_pipelines_acquire(struct tuff_device *device, const struct tuff_plan *plan,
                                   const struct tuff_module *modules, struct tuff_pipeline_want *wants, uint32_t count,
                                   const struct tuff_progress *progress, struct tuff_error *error)
{
    struct pipeline_jobs jobs = {.device = device, .items = tuff_alloc(device->context, count * sizeof *jobs.items)};
    uint32_t *owners = tuff_alloc(device->context, count * sizeof *owners); /* index of the want of each job */
    tuff_status status = jobs.items && owners ? TUFF_OK : tuff_fail_memory(device->context, error);
    for (uint32_t i = 0; i < count && status == TUFF_OK; i++) {
        uint64_t key[2];
        make_key(plan, &modules[wants[i].kernel], &wants[i], key);
        tuff_os_mutex_lock(device->pipelines.lock);
        wants[i].pipeline = find_pipeline(device, key);
        tuff_os_mutex_unlock(device->pipelines.lock);
        if (wants[i].pipeline) continue;
        owners[jobs.count] = i;
        status = prepare(device, plan, &modules[wants[i].kernel], &wants[i], key, &jobs.items[jobs.count++], error);
    }
    if (status == TUFF_OK) status = make_missing(device, &jobs, progress, error);
    if (status == TUFF_OK) publish(device, &jobs, wants, owners);
    for (uint32_t i = 0; jobs.items && i < jobs.count; i++) finish_job(device, &jobs.items[i]);
    for (uint32_t i = 0; status != TUFF_OK && i < count; i++) {
        tuff_pipelines_release(device, wants[i].pipeline);
        wants[i].pipeline = NULL;
    }
    tuff_free(device->context, owners);
    tuff_free(device->context, jobs.items);
    return status;
}

/* Of those that no program uses any more so many stay: another size of the same network, or the next program, wants most of them again. */
enum { MOST_UNUSED = 128 };

static struct tuff_pipeline *take_oldest(struct tuff_pipelines *all, uint32_t most)
{
    struct tuff_pipeline **oldest = NULL, *gone = NULL;
    tuff_os_mutex_lock(all->lock);
    for (struct tuff_pipeline **link = &all->list; all->unused > most && *link; link = &(*link)->next)
        if ((*link)->references == 0) oldest = link;
    if (oldest) {
        gone = *oldest;
        *oldest = gone->next;
        all->unused--;
    }
    tuff_os_mutex_unlock(all->lock);
    return gone;
}

void tuff_pipelines_trim(struct tuff_device *device, uint32_t most)
{
    for (struct tuff_pipeline *gone; (gone = take_oldest(&device->pipelines, most));) destroy_pipeline(device, gone);
}

void tuff_pipelines_release(struct tuff_device *device, struct tuff_pipeline *pipeline)
{
    if (!pipeline) return;
    struct tuff_pipelines *all = &device->pipelines;
    tuff_os_mutex_lock(all->lock);
    if (--pipeline->references == 0) { /* to the front: the last unused one is so for longest */
        struct tuff_pipeline **link = &all->list;
        while (*link != pipeline) link = &(*link)->next;
        *link = pipeline->next;
        pipeline->next = all->list;
        all->list = pipeline;
        all->unused++;
    }
    tuff_os_mutex_unlock(all->lock);
    tuff_pipelines_trim(device, MOST_UNUSED);
}
