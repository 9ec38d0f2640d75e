/* plan_text.c - a plan as text and back: one line per memory, slot, kernel and launch, fields in a fixed order.
 *
 *   tuff-plan 2
 *   memory 0 input bytes=1024
 *   memory 1 const bytes=256
 *   memory 2 param bytes=4096
 *   slot 0 "x" f32[16,16] memory=0 offset=0 bytes=1024
 *   slot 1 "c" f32[1] memory=1 offset=0 bytes=4 data=0000803f      also: zeros
 *   slot 2 "w" f32[32,32] memory=2 offset=0 bytes=4096 blob=4096:HASH      in a file: file=OFFSET:4096:HASH
 *   kernel 0 "row_softmax" defines="" hooks="" specs=0:256
 *   launch 0 "softmax y" kernel=0 groups=8,1,1 flops=0 barrier bind=0:r@rgba32f:0:1024,2:w:0:1024 push=80 numbers=3,7f
 *   prepare launches=1
 *   station "gradients" launches=1
 *   loop launches=3,7 rounds=1000       launch 3 and six more; bindings in it that go on: OFFSET+STEP:BYTES, OFFSET-STEP%RING:BYTES
 *
 * The text is untrusted: the parser never allocates more than a small multiple of its length. */
#include "backend/plan.h"

#define FORMAT_VERSION 2

enum { SHOWN_BYTES = 64 }; /* content that is not longer stands in the text; of other content its hash does */

static void print_content(const struct tuff_plan_slot *slot, struct tuff_text *text)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *data = slot->data;
    unsigned long long bytes = slot->content_bytes, hash = slot->content_hash;
    switch (slot->content) {
    case TUFF_CONTENT_ZEROS: tuff_text_add(text, " zeros"); break;
    case TUFF_CONTENT_PASSING: tuff_text_add(text, " passing"); break;
    case TUFF_CONTENT_FILE:
        tuff_text_add(text, " file=%llu:%llu:%llx", (unsigned long long)slot->file_offset, bytes, hash);
        break;
    case TUFF_CONTENT_BLOB:
        tuff_text_add(text, data && bytes <= SHOWN_BYTES ? " data=" : " blob=%llu:%llx", bytes, hash);
        for (uint64_t i = 0; data && bytes <= SHOWN_BYTES && i < bytes; i++)
            tuff_text_append(text, (const char[]){digits[data[i] >> 4], digits[data[i] & 15]}, 2);
        break;
    case TUFF_CONTENT_NONE:
    case TUFF_CONTENT_COUNT: break;
    }
}

static void print_slot(const struct tuff_plan *plan, uint32_t index, struct tuff_text *text)
{
    const struct tuff_plan_slot *slot = &plan->slots[index];
    tuff_text_add(text, "slot %u ", index);
    tuff_text_quote(text, slot->name, false);
    tuff_text_add(text, " %s[", slot->dtype);
    for (uint32_t i = 0; i < slot->rank && i < TUFF_PLAN_RANK; i++) tuff_text_add(text, "%s%u", i ? "," : "", slot->dim[i]);
    tuff_text_add(text, "] memory=%u offset=%llu bytes=%llu", slot->memory, (unsigned long long)slot->offset,
                  (unsigned long long)slot->bytes);
    print_content(slot, text);
    tuff_text_append(text, "\n", 1);
}

static void print_kernel(const struct tuff_plan *plan, uint32_t index, struct tuff_text *text)
{
    const struct tuff_plan_kernel *kernel = &plan->kernels[index];
    tuff_text_add(text, "kernel %u ", index);
    tuff_text_quote(text, kernel->file, false);
    tuff_text_add(text, " defines=");
    tuff_text_quote(text, kernel->defines, false);
    tuff_text_add(text, " hooks=");
    tuff_text_quote(text, kernel->hooks, false);
    for (uint32_t i = 0; i < kernel->spec_count; i++) {
        const struct tuff_plan_spec *spec = &plan->specs[kernel->spec_first + i];
        tuff_text_add(text, "%s%u:%u", i ? "," : " specs=", spec->id, spec->value);
    }
    tuff_text_append(text, "\n", 1);
}

static void print_launch(const struct tuff_plan *plan, uint32_t index, struct tuff_text *text)
{
    static const char *const access[] = {"-", "r", "w", "rw"};
    const struct tuff_plan_launch *launch = &plan->launches[index];
    tuff_text_add(text, "launch %u ", index);
    tuff_text_quote(text, launch->label, false);
    tuff_text_add(text, " kernel=%u groups=%u,%u,%u flops=%llu", launch->kernel, launch->groups[0], launch->groups[1],
                  launch->groups[2], (unsigned long long)launch->flops);
    tuff_text_add(text, "%s", launch->barrier ? " barrier" : "");
    for (uint32_t i = 0; i < launch->binding_count; i++) {
        const struct tuff_plan_binding *binding = &plan->bindings[launch->binding_first + i];
        tuff_text_add(text, "%s%u:%s", i ? "," : " bind=", binding->slot,
                      binding->access & TUFF_COUNTS ? "c" : access[binding->access & 3]);
        if (binding->texels) tuff_text_add(text, "@%s", tuff_texels_name((enum tuff_texels)binding->texels));
        tuff_text_add(text, ":%llu", (unsigned long long)binding->offset);
        if (binding->step) tuff_text_add(text, "%+lld", (long long)binding->step);
        if (binding->ring) tuff_text_add(text, "%%%u", binding->ring);
        tuff_text_add(text, ":%llu", (unsigned long long)binding->bytes);
        if (binding->few) tuff_text_add(text, ":%llu", (unsigned long long)binding->few);
    }
    for (uint32_t i = 0; i < launch->push_count; i++)
        tuff_text_add(text, "%s%x", i ? "," : " push=", plan->push_words[launch->push_first + i]);
    for (uint32_t i = 0; i < launch->number_count; i++)
        tuff_text_add(text, "%s%x", i ? "," : " numbers=", plan->numbers[launch->number_first + i]);
    tuff_text_append(text, "\n", 1);
}

void tuff_plan_print(const struct tuff_plan *plan, struct tuff_text *text)
{
    tuff_text_add(text, "tuff-plan %d\n", FORMAT_VERSION);
    for (uint32_t i = 0; i < plan->memory_count; i++)
        tuff_text_add(text, "memory %u %s bytes=%llu\n", i, tuff_memory_name(plan->memories[i].kind),
                      (unsigned long long)plan->memories[i].bytes);
    for (uint32_t i = 0; i < plan->slot_count; i++) print_slot(plan, i, text);
    for (uint32_t i = 0; i < plan->kernel_count; i++) print_kernel(plan, i, text);
    for (uint32_t i = 0; i < plan->launch_count; i++) print_launch(plan, i, text);
    if (plan->prepare_count) tuff_text_add(text, "prepare launches=%u\n", plan->prepare_count);
    for (uint32_t i = 0; i < plan->station_count; i++) {
        tuff_text_add(text, "station ");
        tuff_text_quote(text, plan->stations[i].name, false);
        tuff_text_add(text, " launches=%u\n", plan->stations[i].launch_count);
    }
    for (uint32_t i = 0; i < plan->loop_count; i++)
        tuff_text_add(text, "loop launches=%u,%u rounds=%u\n", plan->loops[i].launch_first, plan->loops[i].launch_count,
                      plan->loops[i].rounds);
}

/* Where the parser stands. After the first failure status is set and every function below does nothing. */
struct reader {
    struct tuff_plan *plan;
    const char *at, *end;
    uint32_t line;
    tuff_status status;
    struct tuff_error *error;
    struct tuff_text texts[4]; /* strings and lists of one line */
};

static void expected(struct reader *reader, const char *what)
{
    if (reader->status != TUFF_OK) return;
    reader->status = tuff_fail(reader->plan->arena.context, reader->error, TUFF_ERR_FORMAT, "plan, line %u: expected %s",
                               reader->line, what);
}

static void out_of_memory(struct reader *reader)
{
    if (reader->status == TUFF_OK) reader->status = tuff_fail_memory(reader->plan->arena.context, reader->error);
}

/* Takes word if it comes next. */
static bool accept(struct reader *reader, const char *word)
{
    size_t length = strlen(word);
    if (reader->status != TUFF_OK || (size_t)(reader->end - reader->at) < length || memcmp(reader->at, word, length))
        return false;
    reader->at += length;
    return true;
}

static void expect(struct reader *reader, const char *word)
{
    if (!accept(reader, word)) expected(reader, word[0] == '\n' ? "the end of the line" : word);
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return 99;
}

static bool digit_or_letter(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '_'; }

static uint64_t number(struct reader *reader, uint64_t base, uint64_t largest)
{
    uint64_t value = 0;
    const char *start = reader->at;
    while (reader->status == TUFF_OK && reader->at < reader->end) {
        uint64_t digit = (uint64_t)digit_of(*reader->at);
        if (digit >= base) break;
        if (value > (largest - digit) / base) {
            expected(reader, "a smaller number");
            return 0;
        }
        value = value * base + digit;
        reader->at++;
    }
    if (reader->at == start) expected(reader, "a number");
    return value;
}

static uint32_t number32(struct reader *reader) { return (uint32_t)number(reader, 10, UINT32_MAX); }
static uint64_t number64(struct reader *reader) { return number(reader, 10, UINT64_MAX - 9); }

/* The number behind this name. */
static uint32_t field32(struct reader *reader, const char *name)
{
    expect(reader, name);
    return number32(reader);
}

static uint64_t field64(struct reader *reader, const char *name)
{
    expect(reader, name);
    return number64(reader);
}

/* Lines of a kind are numbered. */
static void next_number(struct reader *reader, uint32_t count, const char *what)
{
    if (number32(reader) != count) expected(reader, what);
    expect(reader, " ");
}

/* An empty text of the reader. */
static struct tuff_text *start_text(struct reader *reader, unsigned which)
{
    reader->texts[which].length = 0;
    return &reader->texts[which];
}

/* One character of a quoted string; 0 marks a failure, as no string holds a zero byte. */
static char character(struct reader *reader)
{
    char c = *reader->at++;
    if (c != '\\' || reader->at == reader->end) return c == '\n' ? 0 : c;
    c = *reader->at++;
    if (c == 'n') return '\n';
    if (c == '"' || c == '\\') return c;
    if (c != 'x' || reader->end - reader->at < 2) return 0;
    int high = digit_of(reader->at[0]), low = digit_of(reader->at[1]);
    reader->at += 2;
    return high > 15 || low > 15 ? 0 : (char)(high * 16 + low);
}

/* Ends a text, which the builders copy. Empty on failure. */
static const char *end_text(struct reader *reader, struct tuff_text *text)
{
    tuff_text_append(text, "", 0);
    if (text->failed) out_of_memory(reader);
    return reader->status == TUFF_OK ? text->data : "";
}

static const char *string(struct reader *reader, unsigned which)
{
    struct tuff_text *text = start_text(reader, which);
    expect(reader, "\"");
    while (reader->status == TUFF_OK && reader->at < reader->end && *reader->at != '"') {
        char c = character(reader);
        if (!c) expected(reader, "a character or an escape");
        tuff_text_append(text, &c, 1);
    }
    expect(reader, "\"");
    return end_text(reader, text);
}

static enum tuff_memory memory_kind(struct reader *reader)
{
    for (unsigned i = 0; i < TUFF_MEMORY_COUNT; i++)
        if (accept(reader, tuff_memory_name((enum tuff_memory)i))) return (enum tuff_memory)i;
    expected(reader, "a kind of memory");
    return TUFF_MEMORY_SCRATCH;
}

/* Name of a dtype. */
static const char *word(struct reader *reader, unsigned which)
{
    struct tuff_text *text = start_text(reader, which);
    while (reader->status == TUFF_OK && reader->at < reader->end && digit_or_letter(*reader->at))
        tuff_text_append(text, reader->at++, 1);
    return end_text(reader, text);
}

/* Bytes of content into the plan's arena. */
static void read_data(struct reader *reader, struct tuff_plan_slot *slot)
{
    uint8_t data[SHOWN_BYTES];
    uint32_t count = 0;
    for (; reader->status == TUFF_OK && reader->at < reader->end && digit_of(*reader->at) < 16; count++) {
        int high = digit_of(reader->at[0]), low = reader->end - reader->at >= 2 ? digit_of(reader->at[1]) : 99;
        if (low > 15 || count == SHOWN_BYTES) {
            expected(reader, "two digits for every byte of data, of at most 64");
            return;
        }
        data[count] = (uint8_t)(high * 16 + low);
        reader->at += 2;
    }
    slot->content = TUFF_CONTENT_BLOB;
    slot->content_bytes = count;
    slot->data = tuff_arena_copy(&reader->plan->arena, data, count);
    if (!slot->data) out_of_memory(reader);
}

static void read_content(struct reader *reader, struct tuff_plan_slot *slot)
{
    if (accept(reader, " zeros")) slot->content = TUFF_CONTENT_ZEROS;
    if (accept(reader, " passing")) slot->content = TUFF_CONTENT_PASSING;
    if (accept(reader, " data=")) read_data(reader, slot);
    if (accept(reader, " blob=")) slot->content = TUFF_CONTENT_BLOB;
    if (accept(reader, " file=")) {
        slot->content = TUFF_CONTENT_FILE;
        slot->file_offset = number64(reader);
        expect(reader, ":");
    }
    if (slot->data || slot->content == TUFF_CONTENT_NONE || slot->content == TUFF_CONTENT_ZEROS ||
        slot->content == TUFF_CONTENT_PASSING)
        return;
    slot->content_bytes = number64(reader);
    expect(reader, ":");
    slot->content_hash = number(reader, 16, UINT64_MAX);
}

static void read_memory(struct reader *reader)
{
    next_number(reader, reader->plan->memory_count, "the next memory's number");
    enum tuff_memory kind = memory_kind(reader);
    uint64_t bytes = field64(reader, " bytes=");
    expect(reader, "\n");
    if (reader->status == TUFF_OK && tuff_plan_add_memory(reader->plan, kind, bytes) == UINT32_MAX) out_of_memory(reader);
}

static void read_slot(struct reader *reader)
{
    struct tuff_plan_slot slot = {0};
    next_number(reader, reader->plan->slot_count, "the next slot's number");
    slot.name = string(reader, 0);
    expect(reader, " ");
    slot.dtype = word(reader, 1);
    expect(reader, "[");
    while (reader->status == TUFF_OK && !accept(reader, "]")) {
        if (slot.rank) expect(reader, ",");
        if (slot.rank == TUFF_PLAN_RANK) expected(reader, "at most 8 dimensions");
        if (reader->status == TUFF_OK) slot.dim[slot.rank++] = number32(reader);
    }
    slot.memory = field32(reader, " memory=");
    if (slot.memory >= reader->plan->memory_count) expected(reader, "a memory of this plan");
    slot.offset = field64(reader, " offset=");
    slot.bytes = field64(reader, " bytes=");
    read_content(reader, &slot);
    expect(reader, "\n");
    if (reader->status == TUFF_OK && tuff_plan_add_slot(reader->plan, &slot) == UINT32_MAX) out_of_memory(reader);
}

static const struct tuff_plan_spec *read_specs(struct reader *reader, unsigned which, uint32_t *count)
{
    struct tuff_text *specs = start_text(reader, which);
    for (bool more = accept(reader, " specs="); more; more = accept(reader, ",")) {
        struct tuff_plan_spec spec = {.id = number32(reader)};
        spec.value = field32(reader, ":");
        tuff_text_append(specs, &spec, sizeof spec);
    }
    if (specs->failed) out_of_memory(reader);
    *count = (uint32_t)(specs->length / sizeof(struct tuff_plan_spec));
    return (const void *)specs->data;
}

static void read_kernel(struct reader *reader)
{
    struct tuff_plan_kernel kernel = {0};
    uint32_t index = reader->plan->kernel_count, count;
    next_number(reader, index, "the next kernel's number");
    kernel.file = string(reader, 0);
    expect(reader, " defines=");
    kernel.defines = string(reader, 1);
    expect(reader, " hooks=");
    kernel.hooks = string(reader, 2);
    const struct tuff_plan_spec *specs = read_specs(reader, 3, &count);
    expect(reader, "\n");
    if (reader->status != TUFF_OK) return;
    uint32_t added = tuff_plan_add_kernel(reader->plan, &kernel, specs, count);
    if (added == UINT32_MAX) out_of_memory(reader);
    if (added != index) expected(reader, "a kernel that differs from those before");
}

static uint32_t read_access(struct reader *reader)
{
    uint32_t access = 0;
    if (accept(reader, "c")) return TUFF_READ | TUFF_COUNTS;
    if (accept(reader, "r")) access |= TUFF_READ;
    if (accept(reader, "w")) access |= TUFF_WRITE;
    if (!access) expected(reader, "r, w, rw or c");
    return access;
}

static uint32_t read_texels(struct reader *reader)
{
    if (!accept(reader, "@")) return TUFF_TEXELS_NONE;
    for (unsigned i = TUFF_TEXELS_F32; i < TUFF_TEXELS_COUNT; i++)
        if (accept(reader, tuff_texels_name((enum tuff_texels)i))) return i;
    expected(reader, "a format of texels");
    return TUFF_TEXELS_NONE;
}

static void read_step(struct reader *reader, struct tuff_plan_binding *binding)
{
    bool up = accept(reader, "+"), down = !up && accept(reader, "-");
    if (up || down) binding->step = (int64_t)number(reader, 10, INT64_MAX);
    if (down) binding->step = -binding->step;
    if (accept(reader, "%")) binding->ring = number32(reader);
}

/* The bind= list; *count: its bindings. */
static const struct tuff_plan_binding *read_bindings(struct reader *reader, unsigned which, uint32_t *count)
{
    struct tuff_text *bindings = start_text(reader, which);
    for (bool more = accept(reader, " bind="); more; more = accept(reader, ",")) {
        struct tuff_plan_binding binding;
        memset(&binding, 0, sizeof binding);
        binding.slot = number32(reader);
        if (binding.slot >= reader->plan->slot_count) expected(reader, "a slot of this plan");
        expect(reader, ":");
        binding.access = read_access(reader);
        binding.texels = read_texels(reader);
        binding.offset = field64(reader, ":");
        read_step(reader, &binding);
        binding.bytes = field64(reader, ":");
        if (accept(reader, ":")) binding.few = number64(reader);
        tuff_text_append(bindings, &binding, sizeof binding);
    }
    if (bindings->failed) out_of_memory(reader);
    *count = (uint32_t)(bindings->length / sizeof(struct tuff_plan_binding));
    return (const void *)bindings->data;
}

/* A list of words behind this name. */
static const uint32_t *read_words(struct reader *reader, const char *name, unsigned which, uint32_t *count)
{
    struct tuff_text *words = start_text(reader, which);
    for (bool more = accept(reader, name); more; more = accept(reader, ",")) {
        uint32_t word = (uint32_t)number(reader, 16, UINT32_MAX);
        tuff_text_append(words, &word, sizeof word);
    }
    if (words->failed) out_of_memory(reader);
    *count = (uint32_t)(words->length / sizeof(uint32_t));
    return (const void *)words->data;
}

static void read_launch(struct reader *reader)
{
    struct tuff_plan_launch launch = {0};
    uint32_t binding_count, push_count, number_count;
    next_number(reader, reader->plan->launch_count, "the next launch's number");
    launch.label = string(reader, 0);
    launch.kernel = field32(reader, " kernel=");
    if (launch.kernel >= reader->plan->kernel_count) expected(reader, "a kernel of this plan");
    for (int i = 0; i < 3; i++) launch.groups[i] = field32(reader, i ? "," : " groups=");
    launch.flops = field64(reader, " flops=");
    launch.barrier = accept(reader, " barrier");
    const struct tuff_plan_binding *bindings = read_bindings(reader, 1, &binding_count);
    const uint32_t *push = read_words(reader, " push=", 2, &push_count);
    const uint32_t *numbers = read_words(reader, " numbers=", 3, &number_count);
    expect(reader, "\n");
    if (reader->status != TUFF_OK) return;
    if (tuff_plan_add_launch(reader->plan, &launch, bindings, binding_count, push, push_count) == UINT32_MAX ||
        !tuff_plan_add_numbers(reader->plan, numbers, number_count))
        out_of_memory(reader);
}

static void read_prepare(struct reader *reader)
{
    uint32_t count = number32(reader);
    if (!count || reader->plan->prepare_count) expected(reader, "launches that prepare, once");
    expect(reader, "\n");
    reader->plan->prepare_count = count;
}

static void read_station(struct reader *reader)
{
    const char *name = string(reader, 0);
    uint32_t count = field32(reader, " launches=");
    expect(reader, "\n");
    if (reader->status == TUFF_OK && !tuff_plan_add_station(reader->plan, name, count)) out_of_memory(reader);
}

static void read_loop(struct reader *reader)
{
    struct tuff_plan_loop loop;
    loop.launch_first = field32(reader, "launches=");
    loop.launch_count = field32(reader, ",");
    loop.rounds = field32(reader, " rounds=");
    expect(reader, "\n");
    if (reader->status == TUFF_OK && !tuff_plan_add_loop(reader->plan, &loop)) out_of_memory(reader);
}

tuff_status tuff_plan_parse(struct tuff_plan *plan, const char *text, size_t length, struct tuff_error *error)
{
    struct tuff_context *context = plan->arena.context;
    TUFF_REQUIRE_THAT(context, error, !plan->slot_count && !plan->kernel_count && !plan->launch_count && (text || !length),
                      "the plan is not empty, or text is NULL");
    struct reader reader = {.plan = plan, .at = text, .end = text ? text + length : text, .line = 1, .error = error};
    for (size_t i = 0; i < TUFF_COUNT(reader.texts); i++) tuff_text_init(&reader.texts[i], context);
    if (field32(&reader, "tuff-plan ") != FORMAT_VERSION) expected(&reader, "format version 2");
    expect(&reader, "\n");
    while (reader.status == TUFF_OK && reader.at < reader.end) {
        reader.line++;
        if (accept(&reader, "memory "))
            read_memory(&reader);
        else if (accept(&reader, "slot "))
            read_slot(&reader);
        else if (accept(&reader, "kernel "))
            read_kernel(&reader);
        else if (accept(&reader, "launch "))
            read_launch(&reader);
        else if (accept(&reader, "prepare launches="))
            read_prepare(&reader);
        else if (accept(&reader, "station "))
            read_station(&reader);
        else if (accept(&reader, "loop "))
            read_loop(&reader);
        else
            expected(&reader, "memory, slot, kernel, launch, prepare, station or loop");
    }
    for (size_t i = 0; i < TUFF_COUNT(reader.texts); i++) tuff_text_finish(&reader.texts[i]);
    if (reader.status != TUFF_OK) tuff_plan_finish(plan);
    return reader.status;
}

static void add_bytes(struct tuff_text *text, uint64_t bytes)
{
    if (bytes < 10000)
        tuff_text_add(text, "%llu B", (unsigned long long)bytes);
    else if (bytes < 10000 * UINT64_C(1024))
        tuff_text_add(text, "%.1f KiB", (double)bytes / 1024.0);
    else
        tuff_text_add(text, "%.1f MiB", (double)bytes / 1048576.0);
}

void tuff_plan_summary(const struct tuff_plan *plan, struct tuff_text *text)
{
    uint32_t barriers = 0;
    uint64_t flops = 0, bytes = 0, peak = 0;
    for (uint32_t i = 0; i < plan->launch_count; i++) {
        barriers += plan->launches[i].barrier;
        flops += plan->launches[i].flops * tuff_plan_rounds(plan, i);
        bytes += tuff_launch_bytes(plan, &plan->launches[i]) * tuff_plan_rounds(plan, i);
    }
    tuff_text_add(text, "launches   %u", plan->launch_count);
    if (plan->prepare_count) tuff_text_add(text, ", %u of them to prepare", plan->prepare_count);
    tuff_text_add(text, "\nbarriers   %u\nkernels    %u\nslots      %u\nflops      %llu\nbytes      %llu\n", barriers,
                  plan->kernel_count, plan->slot_count, (unsigned long long)flops, (unsigned long long)bytes);
    for (unsigned i = 0; i < TUFF_MEMORY_COUNT; i++) {
        tuff_text_add(text, "%-10s ", tuff_memory_name((enum tuff_memory)i));
        add_bytes(text, tuff_plan_kind_bytes(plan, (enum tuff_memory)i));
        tuff_text_append(text, "\n", 1);
        peak += tuff_plan_kind_bytes(plan, (enum tuff_memory)i);
    }
    tuff_text_add(text, "peak       ");
    add_bytes(text, peak);
    tuff_text_append(text, "\n", 1);
}
