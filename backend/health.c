/* health.c - see health.h. */
#include "backend/health.h"
#include "backend/device.h"
#include "backend/handover.h"
#include "backend/store.h"

#include <stdio.h>

static const char OFF[] = "off ";
static const struct tuff_lines lines = {"families.txt",
                                        "# Families of kernels that computed wrong numbers, and kernels that computed right "
                                        "ones: device driver version processor, "
                                        "version of Tuff, what was found, and the line's hash. Lines may be deleted.\n",
                                        OFF};
static const char RIGHT[] = "right ";

/* Of the device and this version of Tuff, whose kernels they are. NULL: no memory. */
static char *key_of(struct tuff_context *context, const struct tuff_caps *caps)
{
    struct tuff_text key = {.context = context};
    tuff_lines_key(&key, caps);
    tuff_text_add(&key, "%s ", tuff_version());
    if (context->options.hostile) tuff_text_add(&key, "hostile %u ", (unsigned)context->options.hostile);
    return tuff_text_take(&key);
}

static bool is_off(const struct tuff_device_health *health, const char *family)
{
    for (size_t i = 0; i < health->found_count; i++)
        if (!strcmp(health->found[i].family, family)) return true;
    return false;
}

/* says: "FAMILY REASON" */
static bool add(struct tuff_device_health *health, struct tuff_context *context, const char *says)
{
    size_t length = strcspn(says, " ");
    if (!TUFF_GROW_HEAP(context, health->found, health->found_count, &health->found_capacity)) return false;
    struct tuff_device_found *found = &health->found[health->found_count++];
    snprintf(found->family, sizeof found->family, "%.*s", (int)length, says);
    snprintf(found->reason, sizeof found->reason, "%s", says + length + (says[length] == ' '));
    return true;
}

/* Where the key is, or belongs. */
static size_t place_of(const struct tuff_device_health *health, uint64_t key)
{
    size_t low = 0, high = health->right_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (health->right[middle] < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool has(const struct tuff_device_health *health, uint64_t key)
{
    size_t at = place_of(health, key);
    return at < health->right_count && health->right[at] == key;
}

static bool note(struct tuff_device_health *health, struct tuff_context *context, uint64_t key)
{
    size_t at = place_of(health, key);
    if (has(health, key)) return true;
    if (!TUFF_GROW_HEAP(context, health->right, health->right_count, &health->right_capacity)) return false;
    memmove(health->right + at + 1, health->right + at, (health->right_count++ - at) * sizeof *health->right);
    health->right[at] = key;
    return true;
}

struct reading {
    struct tuff_device_health *health;
    struct tuff_context *context;
    bool memory;
};

static bool take_line(void *user, const char *says)
{
    struct reading *r = user;
    bool right = !strncmp(says, RIGHT, strlen(RIGHT));
    for (const char *at = right ? says + strlen(RIGHT) : ""; *at && r->memory; at += strspn(at, ",")) {
        size_t length = strcspn(at, ",");
        r->memory = note(r->health, r->context, tuff_hash(0, at, length));
        at += length;
    }
    if (!strncmp(says, OFF, strlen(OFF))) r->memory = add(r->health, r->context, says + strlen(OFF));
    return r->memory;
}

tuff_status tuff_health_init(struct tuff_device_health *health, struct tuff_context *context, const struct tuff_caps *caps)
{
    char *key = key_of(context, caps);
    struct reading reading = {health, context, key != NULL};
    tuff_text_init(&health->tested, context);
    if (key) tuff_lines_each(context, &lines, key, take_line, &reading);
    tuff_free(context, key);
    return reading.memory ? tuff_os_mutex_create(context, &health->lock) : TUFF_ERR_MEMORY;
}

static uint32_t bit_of(const char *family, size_t length)
{
    for (uint32_t i = 0; i < TUFF_FAMILY_COUNT; i++) {
        const char *name = tuff_family_name((enum tuff_family)i);
        if (strlen(name) == length && !strncmp(name, family, length)) return UINT32_C(1) << i;
    }
    return 0;
}

static bool take_off(void *user, const char *says)
{
    uint32_t *off = user;
    if (!strncmp(says, OFF, strlen(OFF))) *off |= bit_of(says + strlen(OFF), strcspn(says + strlen(OFF), " "));
    return true;
}

uint32_t tuff_health_off(struct tuff_context *context, const struct tuff_caps *caps)
{
    char *key = key_of(context, caps);
    uint32_t off = 0;
    if (key) tuff_lines_each(context, &lines, key, take_off, &off);
    tuff_free(context, key);
    return off;
}

void tuff_health_finish(struct tuff_device_health *health, struct tuff_context *context)
{
    tuff_text_finish(&health->tested);
    tuff_free(context, health->right);
    tuff_free(context, health->found);
    if (health->lock) tuff_os_mutex_destroy(health->lock);
}

static void keep(struct tuff_device *device, const char *says)
{
    char *key = key_of(device->context, &device->caps);
    if (key) tuff_lines_add(device->context, &lines, key, says);
    tuff_free(device->context, key);
}

bool tuff_health_known(struct tuff_device *device, uint64_t key)
{
    tuff_os_mutex_lock(device->health.lock);
    bool known = has(&device->health, key);
    tuff_os_mutex_unlock(device->health.lock);
    return known;
}

void tuff_health_note(struct tuff_device *device, uint64_t key)
{
    tuff_os_mutex_lock(device->health.lock);
    (void)note(&device->health, device->context, key); /* without memory it is compared again */
    tuff_os_mutex_unlock(device->health.lock);
}

bool tuff_health_keeps(struct tuff_device *device) { return tuff_store_on(device->context); }

bool tuff_health_tested(struct tuff_device *device, const char *kernel)
{
    return tuff_health_known(device, tuff_hash_text(0, kernel));
}

void tuff_health_note_tested(struct tuff_device *device, const char *kernel)
{
    tuff_health_note(device, tuff_hash_text(0, kernel));
    tuff_os_mutex_lock(device->health.lock);
    tuff_text_add(&device->health.tested, "%s%s", device->health.tested.length ? "," : RIGHT, kernel);
    tuff_os_mutex_unlock(device->health.lock);
}

void tuff_health_keep(struct tuff_device *device)
{
    tuff_os_mutex_lock(device->health.lock);
    char *says = device->health.tested.length ? tuff_text_take(&device->health.tested) : NULL;
    tuff_text_init(&device->health.tested, device->context);
    tuff_os_mutex_unlock(device->health.lock);
    if (says) keep(device, says);
    tuff_free(device->context, says);
}

uint32_t tuff_health_families(struct tuff_device *device)
{
    uint32_t off = device->caps.families_off;
    tuff_os_mutex_lock(device->health.lock);
    for (size_t i = 0; i < device->health.found_count; i++)
        off |= bit_of(device->health.found[i].family, strlen(device->health.found[i].family));
    tuff_os_mutex_unlock(device->health.lock);
    return off;
}

bool tuff_health_switch_off(struct tuff_device *device, const char *family, const char *reason)
{
    struct tuff_text says = {.context = device->context};
    char shown[sizeof((struct tuff_device_found *)0)->reason];
    tuff_text_add(&says, "%s%s %s", OFF, family, tuff_printable(reason, shown, sizeof shown));
    tuff_os_mutex_lock(device->health.lock);
    bool before = is_off(&device->health, family),
         added = !before && !says.failed && add(&device->health, device->context, says.data + strlen(OFF));
    tuff_os_mutex_unlock(device->health.lock);
    if (added) keep(device, says.data);
    tuff_text_finish(&says);
    return before || added;
}

bool tuff_device_found(const struct tuff_device *device, uint32_t index, struct tuff_device_found *found)
{
    tuff_os_mutex_lock(device->health.lock);
    bool there = index < device->health.found_count;
    if (there) *found = device->health.found[index];
    tuff_os_mutex_unlock(device->health.lock);
    return there;
}
