# Windows programs and libraries, made on Linux by mingw-w64:
#
#   cmake -S . -B build/windows -G Ninja --toolchain cmake/toolchain-mingw64.cmake
#
# Debian: apt-get install gcc-mingw-w64-x86-64 libz-mingw-w64-dev
set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(CMAKE_C_COMPILER x86_64-w64-mingw32-gcc)
set(CMAKE_CXX_COMPILER x86_64-w64-mingw32-g++)
set(CMAKE_RC_COMPILER x86_64-w64-mingw32-windres)

set(CMAKE_FIND_ROOT_PATH /usr/x86_64-w64-mingw32)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER) # glslangValidator and spirv-val run here
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(ENV{PKG_CONFIG_LIBDIR} /usr/x86_64-w64-mingw32/lib/pkgconfig) # not this system's
set(ZLIB_USE_STATIC_LIBS ON)                                      # no zlib1.dll to carry along

# Debian has none of these for mingw-w64; who has built them says -DTUFF_PNG=ON and so on. Safetensors have JSON in them:
# cJSON is one C file (-DTUFF_JSON=ON -DTUFF_CJSON_INCLUDE_DIR=... -DTUFF_CJSON_LIBRARY=...; tests/run_cjson.sh does it).
foreach(option TUFF_GLSLANG TUFF_PNG TUFF_JPEG TUFF_JSON)
    set(${option} OFF CACHE BOOL "")
endforeach()
