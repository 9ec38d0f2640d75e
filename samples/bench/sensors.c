/* sensors.c - clocks and temperature from Linux's sysfs: amdgpu, i915 and xe through the card's folder, other GPUs through
 * devfreq, the processor for software devices. Where nothing is found (other systems, NVIDIA's driver) there are no figures. */
#ifndef _WIN32
#define _DEFAULT_SOURCE
#endif
#include "bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifndef _WIN32
#include <glob.h>
#endif

static double read_number(const char *path)
{
    char text[64];
    FILE *file = path[0] ? fopen(path, "r") : NULL;
    double value = NAN;
    if (!file) return NAN;
    if (fgets(text, sizeof text, file)) {
        char *end;
        value = strtod(text, &end);
        if (end == text) value = NAN;
    }
    fclose(file);
    return value;
}

#ifndef _WIN32
static bool find(const char *pattern, char *path, size_t bytes)
{
    glob_t found;
    bool any = glob(pattern, 0, NULL, &found) == 0;
    for (size_t i = 0; any && i < found.gl_pathc && !path[0]; i++)
        if (!isnan(read_number(found.gl_pathv[i]))) snprintf(path, bytes, "%s", found.gl_pathv[i]);
    if (any) globfree(&found);
    return path[0] != 0;
}

static unsigned read_hex(const char *folder, const char *name)
{
    char path[300], text[32] = "";
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    if (!fgets(text, sizeof text, file)) text[0] = 0;
    fclose(file);
    return (unsigned)strtoul(text, NULL, 16);
}

/* The folder of the card with these PCI numbers. */
static bool find_card(const struct tuff_caps *caps, char *folder, size_t bytes)
{
    glob_t found;
    bool any = glob("/sys/class/drm/card[0-9]*/device", 0, NULL, &found) == 0;
    for (size_t i = 0; any && i < found.gl_pathc && !folder[0]; i++)
        if (read_hex(found.gl_pathv[i], "vendor") == caps->vendor_id &&
            read_hex(found.gl_pathv[i], "device") == caps->device_id)
            snprintf(folder, bytes, "%s", found.gl_pathv[i]);
    if (any) globfree(&found);
    return folder[0] != 0;
}

static void find_processor(struct sensors *sensors)
{
    sensors->clock_scale = 1e-3; /* kHz */
    find("/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", sensors->clock_path, sizeof sensors->clock_path);
    find("/sys/class/thermal/thermal_zone*/temp", sensors->temperature_path, sizeof sensors->temperature_path);
}

void sensors_find(struct sensors *sensors, const struct tuff_caps *caps)
{
    char folder[200] = "", pattern[300];
    *sensors = (struct sensors){.clock_scale = 1};
    if (caps->kind == TUFF_DEVICE_SOFTWARE) {
        find_processor(sensors);
        return;
    }
    if (find_card(caps, folder, sizeof folder)) {
        snprintf(pattern, sizeof pattern, "%s/hwmon/hwmon*/temp1_input", folder);
        find(pattern, sensors->temperature_path, sizeof sensors->temperature_path);
        snprintf(pattern, sizeof pattern, "%s/hwmon/hwmon*/freq1_input", folder); /* amdgpu, Hz */
        sensors->clock_scale = 1e-6;
        if (find(pattern, sensors->clock_path, sizeof sensors->clock_path)) return;
        snprintf(pattern, sizeof pattern, "%s/drm/card*/gt_act_freq_mhz", folder); /* i915 */
        sensors->clock_scale = 1;
        if (find(pattern, sensors->clock_path, sizeof sensors->clock_path)) return;
        snprintf(pattern, sizeof pattern, "%s/tile*/gt*/freq*/act_freq", folder); /* xe */
        if (find(pattern, sensors->clock_path, sizeof sensors->clock_path)) return;
    }
    sensors->clock_scale = 1e-6; /* devfreq: Hz */
    find("/sys/class/devfreq/*gpu*/cur_freq", sensors->clock_path, sizeof sensors->clock_path);
}
#else
void sensors_find(struct sensors *sensors, const struct tuff_caps *caps)
{
    (void)caps;
    *sensors = (struct sensors){.clock_scale = 1};
}
#endif

double sensors_clock(const struct sensors *sensors) { return read_number(sensors->clock_path) * sensors->clock_scale; }

double sensors_temperature(const struct sensors *sensors)
{
    return read_number(sensors->temperature_path) * 1e-3; /* thousandths of a degree */
}
