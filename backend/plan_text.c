/* plan_text.c - a plan as text and back, and its hash: one line per memory, slot, kernel and launch, fields in a fixed order.
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

/* Printing, reading and hashing are one walk over the fields of a plan, each of which stands here once: functions take what a field holds, and give
 * what it holds then, which differs where it is read alone. */
struct walk {
    enum { PRINT, READ, HASH } way;
    const struct tuff_plan *plan; /* [borrowed] */
    struct tuff_plan *made;       /* READ: the plan */
    struct tuff_text *out;        /* PRINT */
    uint64_t hash;                /* HASH */
    struct tuff_parser in;        /* READ */
    struct tuff_text texts[4];    /* READ: strings and lists of one line */
};

/* ---- kinds of fields ------------------------------------------------------------------------------------------------------------- */

static void hash_word(struct walk *w, uint64_t word)
{
    unsigned char bytes[8]; /* little endian everywhere, so that a hash travels between machines */
    for (int k = 0; k < 8; k++) bytes[k] = (unsigned char)(word >> (8 * k));
    w->hash = tuff_hash(w->hash, bytes, sizeof bytes);
}

/* What stands between fields. */
static void fixed(struct walk *w, const char *text)
{
    if (w->way == PRINT) tuff_text_append(w->out, text, strlen(text));
    if (w->way == READ) tuff_expect(&w->in, text);
}

/* The text stands there, or it does not. */
static bool flag(struct walk *w, bool is, const char *text)
{
    if (w->way == READ) return tuff_accept(&w->in, text);
    if (w->way == HASH) hash_word(w, is);
    if (is) fixed(w, text);
    return is;
}

static uint64_t number(struct walk *w, const char *before, unsigned base, uint64_t most, uint64_t value)
{
    fixed(w, before);
    if (w->way == READ) return tuff_read_number(&w->in, base, most);
    if (w->way == HASH) hash_word(w, value);
    if (w->way == PRINT) tuff_text_add(w->out, base == 16 ? "%llx" : "%llu", (unsigned long long)value);
    return value;
}

static uint32_t number32(struct walk *w, const char *before, uint32_t value)
{
    return (uint32_t)number(w, before, 10, UINT32_MAX, value);
}

static uint64_t number64(struct walk *w, const char *before, uint64_t value)
{
    return number(w, before, 10, UINT64_MAX, value);
}

/* Of one of so many. */
static uint32_t place(struct walk *w, const char *before, uint32_t value, uint32_t count, const char *what)
{
    value = number32(w, before, value);
    if (w->way == READ && value >= count) tuff_expected(&w->in, what);
    return value;
}

static const char *string(struct walk *w, const char *before, unsigned which, const char *text)
{
    fixed(w, before);
    if (w->way == READ) return tuff_read_quoted(&w->in, &w->texts[which]);
    if (w->way == HASH) w->hash = tuff_hash_text(w->hash, text);
    if (w->way == PRINT) tuff_text_quote(w->out, text, TUFF_QUOTE_PLAN);
    return text;
}

/* Small letters, digits and _ */
static const char *type_name(struct walk *w, unsigned which, const char *name)
{
    static const char possible[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
    struct tuff_text *text = &w->texts[which];
    if (w->way == HASH) w->hash = tuff_hash_text(w->hash, name);
    if (w->way == PRINT) fixed(w, name);
    if (w->way != READ) return name;
    text->length = 0;
    while (tuff_reads(&w->in) && w->in.at < w->in.end && memchr(possible, *w->in.at, sizeof possible - 1))
        tuff_text_append(text, w->in.at++, 1);
    tuff_text_append(text, "", 0);
    if (text->failed) tuff_read_fail(&w->in, TUFF_ERR_MEMORY, "", "");
    return tuff_reads(&w->in) ? text->data : "";
}

/* One of the numbers from `first` on, which have names. */
static uint32_t choice(struct walk *w, uint32_t chosen, const char *(*name)(uint32_t), uint32_t first, uint32_t end,
                       const char *what)
{
    if (w->way == HASH) hash_word(w, chosen);
    if (w->way == PRINT) fixed(w, name(chosen));
    if (w->way != READ) return chosen;
    for (uint32_t i = first; i < end; i++)
        if (tuff_accept(&w->in, name(i))) return i;
    tuff_expected(&w->in, what);
    return first;
}

static const char *memory_name(uint32_t memory) { return tuff_memory_name((enum tuff_memory)memory); }
static const char *texels_name(uint32_t texels) { return tuff_texels_name((enum tuff_texels)texels); }

union entry {
    struct tuff_plan_spec spec;
    struct tuff_plan_binding binding;
    uint32_t word;
};

/* A list by commas behind its name: array[first ..]. Returns what was read, so many as *count says then. */
static const void *list(struct walk *w, unsigned which, const char *name, const void *array, uint32_t first, uint32_t *count,
                        size_t bytes, void (*walk_entry)(struct walk *, union entry *))
{
    struct tuff_text *read = &w->texts[which];
    read->length = 0;
    if (w->way == HASH) hash_word(w, *count);
    for (uint32_t i = 0; w->way == READ ? tuff_accept(&w->in, i ? "," : name) : i < *count; i++) {
        union entry entry;
        memset(&entry, 0, sizeof entry);
        if (w->way != READ) memcpy(&entry, (const char *)array + ((size_t)first + i) * bytes, bytes);
        if (w->way != READ) fixed(w, i ? "," : name);
        walk_entry(w, &entry);
        if (w->way == READ) tuff_text_append(read, &entry, bytes);
    }
    if (w->way != READ) return NULL;
    if (read->failed) tuff_read_fail(&w->in, TUFF_ERR_MEMORY, "", "");
    *count = (uint32_t)(read->length / bytes);
    return read->data;
}

/* The end of a line. True: it was read, and what it says is to be added. */
static bool ended(struct walk *w)
{
    fixed(w, "\n");
    return w->way == READ && tuff_reads(&w->in);
}

static void added(struct walk *w, bool memory)
{
    if (!memory) tuff_read_fail(&w->in, TUFF_ERR_MEMORY, "", "");
}

/* ---- lines ----------------------------------------------------------------------------------------------------------------------- */

static void walk_memory(struct walk *w, uint32_t at)
{
    struct tuff_plan_memory memory = {0};
    if (w->way != READ) memory = w->plan->memories[at];
    memory.kind = (enum tuff_memory)choice(w, memory.kind, memory_name, 0, TUFF_MEMORY_COUNT, "a kind of memory");
    memory.bytes = number64(w, " bytes=", memory.bytes);
    if (ended(w)) added(w, tuff_plan_add_memory(w->made, memory.kind, memory.bytes) != UINT32_MAX);
}

static bool is_shown(const struct tuff_plan_slot *slot)
{
    return slot->content == TUFF_CONTENT_BLOB && slot->data && slot->content_bytes <= SHOWN_BYTES;
}

/* Bytes of content; what is read lies in the plan's arena. */
static void walk_data(struct walk *w, struct tuff_plan_slot *slot)
{
    uint8_t data[SHOWN_BYTES];
    uint32_t count = 0;
    struct tuff_parser *in = &w->in;
    for (uint64_t i = 0; w->way == PRINT && i < slot->content_bytes; i++)
        tuff_text_add(w->out, "%02x", ((const uint8_t *)slot->data)[i]);
    if (w->way == PRINT) return;
    for (; tuff_reads(in) && in->at < in->end && tuff_digit_of(*in->at) < 16; count++, in->at += 2) {
        int high = tuff_digit_of(in->at[0]), low = in->end - in->at >= 2 ? tuff_digit_of(in->at[1]) : 99;
        if (low > 15 || count == SHOWN_BYTES) {
            tuff_expected(in, "two digits for every byte of data, of at most 64");
            return;
        }
        data[count] = (uint8_t)(high * 16 + low);
    }
    slot->content = TUFF_CONTENT_BLOB;
    slot->content_bytes = count;
    slot->data = tuff_arena_copy(&w->made->arena, data, count);
    added(w, slot->data != NULL);
}

static void walk_content(struct walk *w, struct tuff_plan_slot *slot)
{
    const enum tuff_content content = slot->content;
    bool shown = is_shown(slot);
    if (w->way == HASH) { /* a blob and a range of a file are the same content: where it lies is no part of the plan */
        hash_word(w, content == TUFF_CONTENT_FILE ? TUFF_CONTENT_BLOB : content);
        hash_word(w, slot->content_bytes);
        hash_word(w, slot->content_hash);
        return;
    }
    if (flag(w, content == TUFF_CONTENT_ZEROS, " zeros")) slot->content = TUFF_CONTENT_ZEROS;
    if (flag(w, content == TUFF_CONTENT_PASSING, " passing")) slot->content = TUFF_CONTENT_PASSING;
    if (flag(w, shown, " data=")) walk_data(w, slot);
    if (flag(w, content == TUFF_CONTENT_BLOB && !shown, " blob=")) slot->content = TUFF_CONTENT_BLOB;
    if (flag(w, content == TUFF_CONTENT_FILE, " file=")) {
        slot->content = TUFF_CONTENT_FILE;
        slot->file_offset = number64(w, "", slot->file_offset);
        fixed(w, ":");
    }
    if (is_shown(slot) || (slot->content != TUFF_CONTENT_BLOB && slot->content != TUFF_CONTENT_FILE)) return;
    slot->content_bytes = number64(w, "", slot->content_bytes);
    slot->content_hash = number(w, ":", 16, UINT64_MAX, slot->content_hash);
}

static void walk_slot(struct walk *w, uint32_t at)
{
    struct tuff_plan_slot slot = {0};
    if (w->way != READ) slot = w->plan->slots[at];
    slot.name = string(w, "", 0, slot.name);
    fixed(w, " ");
    slot.dtype = type_name(w, 1, slot.dtype);
    if (w->way == HASH) hash_word(w, slot.rank);
    fixed(w, "[");
    for (uint32_t i = 0; w->way == READ ? tuff_reads(&w->in) && !tuff_accept(&w->in, "]") : i < slot.rank; i++) {
        if (i == TUFF_PLAN_RANK) {
            tuff_expected(&w->in, "at most 8 dimensions");
            break;
        }
        slot.dim[i] = number32(w, i ? "," : "", slot.dim[i]);
        if (w->way == READ) slot.rank = i + 1;
    }
    if (w->way == PRINT) fixed(w, "]");
    slot.memory = place(w, " memory=", slot.memory, w->plan->memory_count, "a memory of this plan");
    slot.offset = number64(w, " offset=", slot.offset);
    slot.bytes = number64(w, " bytes=", slot.bytes);
    walk_content(w, &slot);
    if (ended(w)) added(w, tuff_plan_add_slot(w->made, &slot) != UINT32_MAX);
}

static void walk_spec(struct walk *w, union entry *entry)
{
    entry->spec.id = number32(w, "", entry->spec.id);
    entry->spec.value = number32(w, ":", entry->spec.value);
}

static void walk_kernel(struct walk *w, uint32_t at)
{
    struct tuff_plan_kernel kernel = {0};
    if (w->way != READ) kernel = w->plan->kernels[at];
    kernel.file = string(w, "", 0, kernel.file);
    kernel.defines = string(w, " defines=", 1, kernel.defines);
    kernel.hooks = string(w, " hooks=", 2, kernel.hooks);
    const struct tuff_plan_spec *specs = list(w, 3, " specs=", w->plan->specs, kernel.spec_first, &kernel.spec_count,
                                              sizeof *specs, walk_spec);
    if (!ended(w)) return;
    uint32_t made = tuff_plan_add_kernel(w->made, &kernel, specs, kernel.spec_count);
    added(w, made != UINT32_MAX);
    if (made != at) tuff_expected(&w->in, "a kernel that differs from those before");
}

static uint32_t walk_access(struct walk *w, uint32_t access)
{
    static const struct {
        const char *text;
        uint32_t access;
    } all[] = {{"c", TUFF_READ | TUFF_COUNTS}, {"rw", TUFF_READ | TUFF_WRITE}, {"r", TUFF_READ}, {"w", TUFF_WRITE}};
    if (w->way == HASH) hash_word(w, access);
    for (size_t i = 0; i < TUFF_COUNT(all); i++) {
        if (w->way == READ ? !tuff_accept(&w->in, all[i].text) : access != all[i].access) continue;
        if (w->way == PRINT) fixed(w, all[i].text);
        return all[i].access;
    }
    if (w->way == READ) tuff_expected(&w->in, "r, w, rw or c");
    return access;
}

static void walk_step(struct walk *w, struct tuff_plan_binding *b)
{
    uint64_t size = b->step < 0 ? -(uint64_t)b->step : (uint64_t)b->step;
    bool up = flag(w, b->step > 0, "+"), down = !up && flag(w, b->step < 0, "-");
    if (up || down) b->step = (int64_t)number(w, "", 10, INT64_MAX, size);
    if (down) b->step = -b->step;
    if (flag(w, b->ring != 0, "%")) b->ring = number32(w, "", b->ring);
}

static void walk_binding(struct walk *w, union entry *entry)
{
    struct tuff_plan_binding *b = &entry->binding;
    b->slot = place(w, "", b->slot, w->plan->slot_count, "a slot of this plan");
    fixed(w, ":");
    b->access = walk_access(w, b->access);
    if (flag(w, b->texels != TUFF_TEXELS_NONE, "@"))
        b->texels = choice(w, b->texels, texels_name, TUFF_TEXELS_F32, TUFF_TEXELS_COUNT, "a format of texels");
    b->offset = number64(w, ":", b->offset);
    walk_step(w, b);
    b->bytes = number64(w, ":", b->bytes);
    if (flag(w, b->few != 0, ":")) b->few = number64(w, "", b->few);
}

static void walk_word(struct walk *w, union entry *entry)
{
    entry->word = (uint32_t)number(w, "", 16, UINT32_MAX, entry->word);
}

static void walk_launch(struct walk *w, uint32_t at)
{
    const struct tuff_plan *plan = w->plan;
    struct tuff_plan_launch launch = {0};
    if (w->way != READ) launch = plan->launches[at];
    launch.label = string(w, "", 0, launch.label);
    launch.kernel = place(w, " kernel=", launch.kernel, plan->kernel_count, "a kernel of this plan");
    for (int i = 0; i < 3; i++) launch.groups[i] = number32(w, i ? "," : " groups=", launch.groups[i]);
    launch.flops = number64(w, " flops=", launch.flops);
    launch.barrier = flag(w, launch.barrier, " barrier");
    const struct tuff_plan_binding *bindings = list(w, 1, " bind=", plan->bindings, launch.binding_first,
                                                    &launch.binding_count, sizeof *bindings, walk_binding);
    const uint32_t *push = list(w, 2, " push=", plan->push_words, launch.push_first, &launch.push_count, sizeof *push,
                                walk_word);
    const uint32_t *numbers = list(w, 3, " numbers=", plan->numbers, launch.number_first, &launch.number_count,
                                   sizeof *numbers, walk_word);
    if (ended(w))
        added(w, tuff_plan_add_launch(w->made, &launch, bindings, launch.binding_count, push, launch.push_count) !=
                         UINT32_MAX &&
                     tuff_plan_add_numbers(w->made, numbers, launch.number_count));
}

static void walk_prepare(struct walk *w, uint32_t at)
{
    uint32_t count = number32(w, "", w->plan->prepare_count);
    if (w->way == READ && (!count || at)) tuff_expected(&w->in, "launches that prepare, once");
    if (ended(w)) w->made->prepare_count = count;
}

static void walk_station(struct walk *w, uint32_t at)
{
    struct tuff_plan_station station = {0};
    if (w->way != READ) station = w->plan->stations[at];
    station.name = string(w, "", 0, station.name);
    station.launch_count = number32(w, " launches=", station.launch_count);
    if (ended(w)) added(w, tuff_plan_add_station(w->made, station.name, station.launch_count));
}

static void walk_loop(struct walk *w, uint32_t at)
{
    struct tuff_plan_loop loop = {0};
    if (w->way != READ) loop = w->plan->loops[at];
    loop.launch_first = number32(w, "launches=", loop.launch_first);
    loop.launch_count = number32(w, ",", loop.launch_count);
    loop.rounds = number32(w, " rounds=", loop.rounds);
    if (ended(w)) added(w, tuff_plan_add_loop(w->made, &loop));
}

/* ---- whole plans ----------------------------------------------------------------------------------------------------------------- */

/* Lines by what they begin with, in their order. */
static const struct line {
    const char *name;
    size_t count; /* offset in struct tuff_plan: so many there are; of `prepare`, one where it is not 0 */
    void (*walk)(struct walk *, uint32_t at); /* READ: at the end */
    const char *next;                         /* is expected as their number; NULL: they have none */
} lines[] = {
    {"memory ", offsetof(struct tuff_plan, memory_count), walk_memory, "the next memory's number"},
    {"slot ", offsetof(struct tuff_plan, slot_count), walk_slot, "the next slot's number"},
    {"kernel ", offsetof(struct tuff_plan, kernel_count), walk_kernel, "the next kernel's number"},
    {"launch ", offsetof(struct tuff_plan, launch_count), walk_launch, "the next launch's number"},
    {"prepare launches=", offsetof(struct tuff_plan, prepare_count), walk_prepare, NULL},
    {"station ", offsetof(struct tuff_plan, station_count), walk_station, NULL},
    {"loop ", offsetof(struct tuff_plan, loop_count), walk_loop, NULL},
};

static uint32_t count_of(const struct tuff_plan *plan, const struct line *line)
{
    uint32_t count;
    memcpy(&count, (const char *)plan + line->count, sizeof count);
    return line->walk == walk_prepare ? count != 0 : count;
}

static void walk_line(struct walk *w, const struct line *line, uint32_t at)
{
    if (line->next && number32(w, "", at) != at) tuff_expected(&w->in, line->next);
    if (line->next) fixed(w, " ");
    line->walk(w, at);
}

static void walk_plan(struct walk *w)
{
    (void)number32(w, "tuff-plan ", FORMAT_VERSION);
    (void)ended(w);
    for (size_t i = 0; i < TUFF_COUNT(lines); i++) {
        uint32_t count = count_of(w->plan, &lines[i]);
        if (w->way == HASH) hash_word(w, count);
        for (uint32_t at = 0; at < count; at++) {
            fixed(w, lines[i].name);
            walk_line(w, &lines[i], at);
        }
    }
}

void tuff_plan_print(const struct tuff_plan *plan, struct tuff_text *text)
{
    struct walk w = {.way = PRINT, .plan = plan, .out = text};
    walk_plan(&w);
}

uint64_t tuff_plan_hash(const struct tuff_plan *plan)
{
    struct walk w = {.way = HASH, .plan = plan};
    walk_plan(&w);
    return w.hash;
}

tuff_status tuff_plan_parse(struct tuff_plan *plan, const char *text, size_t length, struct tuff_error *error)
{
    struct tuff_context *context = plan->arena.context;
    TUFF_REQUIRE_THAT(context, error, !plan->slot_count && !plan->kernel_count && !plan->launch_count && (text || !length),
                      "the plan is not empty, or text is NULL");
    struct walk w = {.way = READ, .plan = plan, .made = plan};
    struct tuff_parser *in = &w.in;
    *in = (struct tuff_parser){.context = context, .of = "plan", .at = text, .end = text ? text + length : text, .line = 1};
    for (size_t i = 0; i < TUFF_COUNT(w.texts); i++) tuff_text_init(&w.texts[i], context);
    if (number32(&w, "tuff-plan ", 0) != FORMAT_VERSION) tuff_expected(in, "format version 2");
    (void)ended(&w);
    while (tuff_reads(in) && in->at < in->end) {
        size_t i = 0;
        in->line++;
        while (i < TUFF_COUNT(lines) && !tuff_accept(in, lines[i].name)) i++;
        if (i < TUFF_COUNT(lines))
            walk_line(&w, &lines[i], count_of(plan, &lines[i]));
        else
            tuff_expected(in, "memory, slot, kernel, launch, prepare, station or loop");
    }
    for (size_t i = 0; i < TUFF_COUNT(w.texts); i++) tuff_text_finish(&w.texts[i]);
    if (tuff_reads(in)) return TUFF_OK;
    if (error) *error = in->error;
    tuff_plan_finish(plan);
    return in->error.status;
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
