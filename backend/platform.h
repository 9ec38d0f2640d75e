/* platform.h - what Vulkan's headers for Windows and Android, and AHardwareBuffer, need of those systems, by declarations of our own:
 * so that every system compiles and tests the code of all. Private. */
#ifndef TUFF_PLATFORM_H
#define TUFF_PLATFORM_H

#include "backend/vk_new.h"

/* Of <windows.h>, which nobody may include beside this. */
typedef void *HANDLE;
typedef void *HINSTANCE;
typedef void *HWND;
typedef void *HMONITOR;
typedef uint32_t DWORD;
typedef const uint16_t *LPCWSTR;
typedef struct tuff_security_attributes SECURITY_ATTRIBUTES;

#include <vulkan/vulkan_win32.h>

#include <vulkan/vulkan_android.h>

/* Of <android/hardware_buffer.h> (API level 26): layout and numbers are the NDK's. The functions are looked up at run time. */
struct tuff_hardware_description {
    uint32_t width, height, layers, format;
    uint64_t usage;
    uint32_t stride, zero;
    uint64_t zeros;
};
enum { TUFF_HARDWARE_RGBA8 = 1, TUFF_HARDWARE_BLOB = 0x21 };
#define TUFF_HARDWARE_SAMPLED UINT64_C(0x100)  /* AHARDWAREBUFFER_USAGE_GPU_SAMPLED_IMAGE */
#define TUFF_HARDWARE_DATA UINT64_C(0x1000000) /* AHARDWAREBUFFER_USAGE_GPU_DATA_BUFFER */

struct tuff_hardware_functions {
    void *library;
    void (*acquire)(struct AHardwareBuffer *buffer);
    void (*release)(struct AHardwareBuffer *buffer);
    void (*describe)(const struct AHardwareBuffer *buffer, struct tuff_hardware_description *description);
};

#endif
