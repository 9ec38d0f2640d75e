/* sensors.c - the load of the processors from /proc; clocks and temperature from Linux's sysfs: amdgpu, i915 and xe through the card's folder, other GPUs through
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
#include <time.h>
#include <unistd.h>
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
static struct load load_now(void)
{
    double x[8] = {0}, busy = 0;
    struct load now = {NAN, NAN, NAN, NAN};
    FILE *file = fopen("/proc/stat", "r"); /* user nice system idle iowait irq softirq steal, in ticks */
    int count = file
                    ? fscanf(file, "cpu %lf %lf %lf %lf %lf %lf %lf %lf", x, x + 1, x + 2, x + 3, x + 4, x + 5, x + 6, x + 7)
                    : 0;
    struct timespec own;
    if (file) fclose(file);
    if (count < 5 || clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own) != 0) return now;
    for (int i = 0; i < 8; i++) busy += i == 3 || i == 4 ? 0 : x[i];
    now.own = ((double)own.tv_sec + (double)own.tv_nsec * 1e-9) * (double)sysconf(_SC_CLK_TCK);
    now.busy = busy;
    now.ticks = busy + x[3] + x[4];
    return now;
}

double load_of_others(struct load *load)
{
    static const double few = 20; /* ticks of all processors together: a tenth of a second of two, to within 5 % */
    struct load now = load_now();
    double ticks = now.ticks - load->ticks, others = now.busy - load->busy - (now.own - load->own);
    bool first = !(load->ticks > 0);
    if (!first && !(ticks >= few)) return load->others; /* rows that were measured by turns are told one after the other */
    now.others = first ? NAN : fmin(1, fmax(0, others / ticks));
    *load = now;
    return load->others;
}

double load_average(void) { return read_number("/proc/loadavg"); }
#else
double load_of_others(struct load *load)
{
    (void)load;
    return NAN;
}

double load_average(void) { return NAN; }

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
