# ARM64 (aarch64) Linux programs and libraries, made on another machine:
#
#   cmake -S . -B build/arm64 -G Ninja --toolchain cmake/toolchain-arm64.cmake -DTUFF_SYSROOT=FOLDER
#
# TUFF_SYSROOT: a folder with the ARM64 libraries to link with (FOLDER/usr/lib/aarch64-linux-gnu, FOLDER/usr/include):
# glslang, libpng, libjpeg-turbo, cJSON, zlib. Without it those that the system has for ARM64 are taken (Debian's
# multiarch packages: apt-get install libpng-dev:arm64 ...).
# Debian: apt-get install gcc-aarch64-linux-gnu g++-aarch64-linux-gnu
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)

set(CMAKE_FIND_ROOT_PATH ${TUFF_SYSROOT} /usr/aarch64-linux-gnu)
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES TUFF_SYSROOT)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER) # glslangValidator and spirv-val run here
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(ENV{PKG_CONFIG_LIBDIR} ${TUFF_SYSROOT}/usr/lib/aarch64-linux-gnu/pkgconfig) # not this system's
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${TUFF_SYSROOT})
