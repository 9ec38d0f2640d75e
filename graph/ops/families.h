/* families.h - which family of kernels serves which work on which class of devices (families.def). Private. */
#ifndef TUFF_OPS_FAMILIES_H
#define TUFF_OPS_FAMILIES_H

#include "backend/caps.h"

#define TUFF_DEVICE_CLASS_ANY TUFF_DEVICE_CLASS_BY_DEVICE /* of a row: every class */
enum tuff_evidence { TUFF_EVIDENCE_PREDICTED, TUFF_EVIDENCE_MEASURED };

/* What every row says; sections have structs that begin with it. */
struct tuff_family_row {
    enum tuff_device_class of; /* or TUFF_DEVICE_CLASS_ANY */
    enum tuff_family family;
    enum tuff_evidence evidence;
    const char *source;
};
/* May a row of this kind of work serve the device: its class, and its family not switched off? */
bool tuff_family_fits(const struct tuff_caps *caps, const struct tuff_family_row *row);
bool tuff_family_off(const struct tuff_caps *caps, enum tuff_family family);
/* The family that a shader file is of, where another one can take its place; TUFF_FAMILY_COUNT: none. */
enum tuff_family tuff_family_of_file(const char *file);

#endif
