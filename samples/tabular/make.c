/* make.c - a made-up CSV of houses, with what real ones have: kinds, missing numbers, a column that tells nothing. */
#include "table.h"
#include "whole.h"

#include <math.h>

tuff_status table_make(struct sample *s, const char *name, uint32_t rows, uint64_t seed)
{
    static const char *const districts[] = {"Centre", "Harbour", "North, hills", "South", "West"};
    static const double district_price[] = {1.35, 1.1, 1.2, 0.9, 0.8};
    char path[SAMPLE_PATH];
    struct whole file;
    if (!whole_begin(&file)) return TUFF_ERR_MEMORY;
    fputs("area,rooms,year,distance,energy,district,garden,door,price,sale\n", file.stream);
    for (uint32_t i = 0; i < rows; i++) {
        double area = 40 + 160 * pow(sample_uniform(&seed, 0, 1), 1.5), distance = sample_uniform(&seed, 0.2, 25);
        uint32_t rooms = 1 + (uint32_t)(area / sample_uniform(&seed, 22, 38)), year = 1900 + sample_random(&seed) % 125;
        uint32_t district = sample_random(&seed) % 5, door = 1 + sample_random(&seed) % 200;
        bool garden = sample_uniform(&seed, 0, 1) < (distance > 8 ? 0.7 : 0.25);
        double aged = (2025 - year) / 100.0 + 0.25 * sample_normal(&seed);
        int energy = (int)fmax(0, fmin(6, 5 * aged + 1)); /* A .. G */
        double price = area * 3200 * district_price[district] * (1 - 0.06 * energy) * (1.25 - distance / 40);
        if (garden) price += 30000 + 900 * distance;
        price *= exp(0.06 * sample_normal(&seed));
        double eager = price / area / 3000 - (garden ? 0.3 : 0) + 0.1 * energy + 0.15 * sample_normal(&seed);
        fprintf(file.stream, "%.0f,%u,", area, (unsigned)rooms);
        if (sample_uniform(&seed, 0, 1) < 0.03)
            fputs(",", file.stream); /* not known */
        else
            fprintf(file.stream, "%u,", (unsigned)year);
        fprintf(file.stream, "%.1f,%c,\"%s\",%s,%u,%.0f,%s\n", distance, 'A' + energy, districts[district],
                garden ? "yes" : "no", (unsigned)door, price,
                eager < 0.85   ? "quick"
                : eager < 1.15 ? "usual"
                               : "slow");
    }
    return whole_write(&file, s->context, sample_path(s, name, path), &s->error);
}
