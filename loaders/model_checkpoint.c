/* model_checkpoint.c - training in files: all leaves of a model and its place in the training.
 *
 * Numbers of the place are metadata of their own. Doubles are written as the hexadecimal digits of their bits, which come
 * back exactly whatever the locale, infinity too. */
#include "loaders/leaves.h"
#include "loaders/safetensors.h"

#include <stdio.h>

struct field {
    const char *key;
    size_t offset;
    bool real;
    bool later; /* files of versions before lack it: 0 */
};
#define FIELD(name, real)                                                                                                   \
    {                                                                                                                       \
        "fit." #name, offsetof(struct tuff_fit_state, name), real, false                                                    \
    }
#define LATER(name, real)                                                                                                   \
    {                                                                                                                       \
        "fit." #name, offsetof(struct tuff_fit_state, name), real, true                                                     \
    }
static const struct field fields[] = {
    FIELD(epoch, false),
    FIELD(step, false),
    FIELD(run, false),
    FIELD(best_loss, true),
    FIELD(best_epoch, false),
    FIELD(since_best, false),
    FIELD(loss_sum, true),
    FIELD(seed, false),
    FIELD(batch, false),
    FIELD(samples, false),
    FIELD(train_samples, false),
    LATER(plateau.best, true),
    LATER(plateau.scale, true),
    LATER(plateau.count, false),
    LATER(plateau.since_best, false),
    LATER(plateau.cooldown, false),
};
enum { FIELD_COUNT = TUFF_COUNT(fields) };
_Static_assert(FIELD_COUNT + 2 == TUFF_PLACE_TEXTS, "the texts of a place, the optimizer and the groups");
static const char GROUPS[] = "fit.groups", OPTIMIZER[] = "fit.optimizer";

/* A line with name and pattern for each group: who lies where in the optimizer's vectors, whose names and lengths do not tell. */
static tuff_status print_groups(struct tuff_context *context, const struct tuff_model *model, char **text,
                                struct tuff_error *error)
{
    uint32_t count;
    const struct tuff_param_group *groups = tuff_model_groups(model, &count);
    size_t bytes = 1, at = 0;
    for (uint32_t i = 0; i < count; i++) bytes += strlen(groups[i].name) + strlen(groups[i].pattern) + 2;
    *text = tuff_alloc(context, bytes);
    if (!*text) return tuff_fail_memory(context, error);
    (*text)[0] = 0;
    for (uint32_t i = 0; i < count; i++)
        at += (size_t)snprintf(*text + at, bytes - at, "%s %s\n", groups[i].name, groups[i].pattern);
    return TUFF_OK;
}

/* ---- writing ------------------------------------------------------------------------------------------------------------------ */

static const char *print_field(struct tuff_arena *arena, const struct tuff_fit_state *state, const struct field *field)
{
    uint64_t bits; /* both kinds have 8 bytes */
    memcpy(&bits, (const char *)state + field->offset, sizeof bits);
    return tuff_arena_printf(arena, field->real ? "%016llx" : "%llu", (unsigned long long)bits);
}

tuff_status tuff_place_print(struct tuff_arena *arena, const struct tuff_model *model, struct tuff_pair *texts,
                             size_t *count, struct tuff_error *error)
{
    const struct tuff_fit_state state = tuff_model_state(model);
    char *groups = NULL;
    TUFF_TRY(print_groups(arena->context, model, &groups, error));
    bool good = true;
    for (size_t i = 0; i < FIELD_COUNT && good; i++) {
        texts[*count] = (struct tuff_pair){fields[i].key, print_field(arena, &state, &fields[i])};
        good = texts[(*count)++].value != NULL;
    }
    if (tuff_model_optimizer(model)) texts[(*count)++] = (struct tuff_pair){OPTIMIZER, tuff_model_optimizer(model)};
    if (groups[0]) {
        texts[*count] = (struct tuff_pair){GROUPS, tuff_arena_strdup(arena, groups)};
        good = texts[(*count)++].value && good;
    }
    tuff_free(arena->context, groups);
    return good ? TUFF_OK : tuff_fail_memory(arena->context, error);
}

tuff_status tuff_model_checkpoint_save(void *user, struct tuff_model *model, struct tuff_error *error)
{
    const struct tuff_model_checkpoint *checkpoint = user;
    TUFF_REQUIRE(NULL, error, checkpoint && model);
    TUFF_REQUIRE(checkpoint->context, error, checkpoint->struct_size == sizeof *checkpoint);
    TUFF_REQUIRE(checkpoint->context, error, checkpoint->context && checkpoint->path);
    TUFF_REQUIRE_THAT(checkpoint->context, error, checkpoint->texts || checkpoint->text_count == 0,
                      "texts is NULL, though text_count is not 0");
    struct tuff_leaves leaves = {0};
    struct tuff_arena arena;
    size_t count = 0;
    tuff_arena_init(&arena, checkpoint->context);
    struct tuff_pair *texts = tuff_arena_alloc(&arena, (TUFF_PLACE_TEXTS + checkpoint->text_count) * sizeof *texts);
    tuff_status status = texts ? tuff_place_print(&arena, model, texts, &count, error)
                               : tuff_fail_memory(checkpoint->context, error);
    if (status == TUFF_OK) status = tuff_leaves_of_model(checkpoint->context, model, &leaves, error);
    if (status == TUFF_OK) {
        if (checkpoint->text_count) memcpy(texts + count, checkpoint->texts, checkpoint->text_count * sizeof *texts);
        const struct tuff_tensors_params params = {.struct_size = sizeof params,
                                                   .arrays = leaves.arrays,
                                                   .array_count = leaves.count,
                                                   .texts = texts,
                                                   .text_count = count + checkpoint->text_count};
        status = tuff_checkpoint_store(checkpoint->context, checkpoint->path, &params, tuff_leaves_read, model, error);
    }
    tuff_leaves_finish(&leaves);
    tuff_arena_finish(&arena);
    return status;
}

/* ---- reading ------------------------------------------------------------------------------------------------------------------ */

static bool parse_field(const char *text, const struct field *field, struct tuff_fit_state *state)
{
    uint64_t bits;
    if (!text || !tuff_number_of(text, strlen(text), field->real ? 16 : 10, &bits)) return false;
    memcpy((char *)state + field->offset, &bits, sizeof bits);
    return true;
}

tuff_status tuff_place_state(struct tuff_context *context, const struct tuff_tensors *tensors, const char *path,
                             struct tuff_fit_state *state, struct tuff_error *error)
{
    for (size_t i = 0; i < FIELD_COUNT; i++)
        if ((tuff_tensors_text(tensors, fields[i].key) || !fields[i].later) &&
            !parse_field(tuff_tensors_text(tensors, fields[i].key), &fields[i], state))
            return tuff_fail(context, error, TUFF_ERR_FORMAT, "%s: its %s is missing or no number", path, fields[i].key);
    return TUFF_OK;
}

/* Files of versions before do not tell. */
static tuff_status match_settings(struct tuff_context *context, const struct tuff_tensors *tensors, const char *path,
                                  const struct tuff_model *model, struct tuff_error *error)
{
    const char *saved = tuff_tensors_text(tensors, GROUPS), *optimizer = tuff_tensors_text(tensors, OPTIMIZER);
    const char *own = tuff_model_optimizer(model);
    char *groups;
    if (optimizer && own && strcmp(optimizer, own) != 0) /* whose states may be called alike */
        return tuff_fail(context, error, TUFF_ERR_FORMAT, "%s: was trained by the optimizer %.20s, not %s", path, optimizer,
                         own);
    if (!saved) return TUFF_OK;
    TUFF_TRY(print_groups(context, model, &groups, error));
    tuff_status status = TUFF_OK;
    if (strcmp(saved, groups) != 0)
        status = tuff_fail(context, error, TUFF_ERR_FORMAT,
                           "%s: was written with other groups of parameters: \"%.120s\", which are \"%.120s\" here", path,
                           saved, groups);
    tuff_free(context, groups);
    return status;
}

tuff_status tuff_place_read(struct tuff_context *context, const struct tuff_tensors *tensors, const char *path,
                            struct tuff_model *model, struct tuff_error *error)
{
    struct tuff_leaves leaves = {0};
    struct tuff_fit_state state = {0};
    tuff_status status = tuff_place_state(context, tensors, path, &state, error);
    if (status == TUFF_OK) status = tuff_leaves_of_model(context, model, &leaves, error);
    if (status == TUFF_OK) status = tuff_leaves_match(&leaves, tensors, path, true, error);
    if (status == TUFF_OK) status = match_settings(context, tensors, path, model, error);
    if (status == TUFF_OK) status = tuff_leaves_write(&leaves, tensors, model, error);
    if (status == TUFF_OK) tuff_model_resume(model, &state);
    tuff_leaves_finish(&leaves);
    return status;
}

tuff_status tuff_model_checkpoint_load(struct tuff_context *context, struct tuff_model *model, const char *path,
                                       struct tuff_error *error)
{
    TUFF_REQUIRE(context, error, context && model && path);
    struct tuff_tensors *tensors = NULL;
    TUFF_TRY(tuff_checkpoint_read(context, path, NULL, &tensors, error));
    tuff_status status = tuff_place_read(context, tensors, path, model, error);
    tuff_tensors_destroy(tensors);
    return status;
}
