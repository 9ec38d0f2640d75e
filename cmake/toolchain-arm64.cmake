# ARM64 (aarch64) Linux programs and libraries, made on another machine:
#
#   cmake -S . -B build/arm64 -G Ninja --toolchain cmake/toolchain-arm64.cmake -DTUFF_SYSROOT=FOLDER
#
# TUFF_SYSROOT: a folder that holds ARM64 Linux with its libraries and headers: libc6-dev, glslang, libpng, libjpeg-turbo,
# cJSON, zlib. Without it those that this system has for ARM64 are taken (Debian: apt-get install libpng-dev:arm64 ...).
# Debian: apt-get install gcc-aarch64-linux-gnu g++-aarch64-linux-gnu libc6-dev-arm64-cross
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)

set(CMAKE_SYSROOT ${TUFF_SYSROOT})
if(NOT TUFF_SYSROOT)
    set(CMAKE_FIND_ROOT_PATH /usr/aarch64-linux-gnu /)
endif()
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES TUFF_SYSROOT)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER) # glslangValidator and spirv-val run here
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(ENV{PKG_CONFIG_LIBDIR} ${TUFF_SYSROOT}/usr/lib/aarch64-linux-gnu/pkgconfig) # not this system's
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${TUFF_SYSROOT})
