# Options, compiler flags, and the libraries of the system that Tuff uses.

option(BUILD_SHARED_LIBS "tuff::tuff and tuff::runtime are shared libraries (static archives are made as well)" ON)
option(TUFF_BUILD_SAMPLES "Build the programs tuff-info, tuff-train, tuff-classify, ..." ${PROJECT_IS_TOP_LEVEL})
option(TUFF_BUILD_TESTS "Build the tests" ${PROJECT_IS_TOP_LEVEL})
option(TUFF_WERROR "Warnings are errors" ${PROJECT_IS_TOP_LEVEL})
option(TUFF_GLSLANG "Build glslang into libtuff: fused kernels are compiled at run time (else kernels of the build run unfused)" ON)
option(TUFF_PNG "Read and write PNG pictures (libpng)" ON)
option(TUFF_JPEG "Read JPEG pictures (libjpeg-turbo)" ON)
option(TUFF_JSON "Read and write JSON: safetensors, results (cJSON)" ON)
option(TUFF_ZLIB "Read gzip files: data sets, npz (zlib)" ON)
set(TUFF_SHADERS_OF "" CACHE PATH "Build folder of the same sources that shaders are taken from where they are up to date there")
set(TUFF_SANITIZE "" CACHE STRING "Sanitizers for -fsanitize=, as address,undefined")

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE Release)
endif()
string(REPLACE "-O3" "-O2" CMAKE_C_FLAGS_RELEASE "${CMAKE_C_FLAGS_RELEASE}")

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)
set(tuff_generated ${PROJECT_BINARY_DIR}/generated)

# Flags of everything that is compiled here, in one place.
add_library(tuff_flags INTERFACE)
if(CMAKE_C_COMPILER_ID MATCHES "GNU|Clang")
    target_compile_options(tuff_flags INTERFACE -Wall -Wextra -Wpedantic -fno-math-errno)
    if(TUFF_WERROR)
        target_compile_options(tuff_flags INTERFACE -Werror)
    endif()
    if(TUFF_SANITIZE)
        target_compile_options(tuff_flags INTERFACE -fsanitize=${TUFF_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
        target_link_options(tuff_flags INTERFACE -fsanitize=${TUFF_SANITIZE})
        # Sanitizers make gcc's flow analysis warn about paths that do not exist.
        target_compile_options(tuff_flags INTERFACE $<$<C_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
    endif()
endif()

# tuff_need(VARIABLE WHAT PACKAGE OPTION): stops with the name of the package to install.
function(tuff_need found what package option)
    if(NOT found)
        if(option)
            set(way_out ", or configure with -D${option}=OFF")
        endif()
        message(FATAL_ERROR "${what} was not found. On Debian or Ubuntu: apt-get install ${package}${way_out}")
    endif()
endfunction()

find_path(TUFF_VOLK_INCLUDE_DIR volk.c)
find_path(TUFF_VULKAN_INCLUDE_DIR vulkan/vulkan.h)
# These headers are the same on every system: when another one's are made here, those of this one will do, through a folder
# of links, since -I/usr/include would bring this system's C library along.
if(CMAKE_CROSSCOMPILING AND NOT (TUFF_VOLK_INCLUDE_DIR AND TUFF_VULKAN_INCLUDE_DIR))
    set(links ${tuff_generated}/host-include)
    file(MAKE_DIRECTORY ${links})
    foreach(name volk.h volk.c vulkan vk_video)
        find_path(found_${name} ${name} NO_CACHE NO_CMAKE_FIND_ROOT_PATH)
        if(found_${name})
            file(CREATE_LINK ${found_${name}}/${name} ${links}/${name} SYMBOLIC)
        endif()
    endforeach()
    find_path(TUFF_VOLK_INCLUDE_DIR volk.c PATHS ${links} NO_DEFAULT_PATH NO_CMAKE_FIND_ROOT_PATH)
    find_path(TUFF_VULKAN_INCLUDE_DIR vulkan/vulkan.h PATHS ${links} NO_DEFAULT_PATH NO_CMAKE_FIND_ROOT_PATH)
endif()
tuff_need("${TUFF_VOLK_INCLUDE_DIR}" "volk (volk.h, volk.c)" libvulkan-volk-dev "")
tuff_need("${TUFF_VULKAN_INCLUDE_DIR}" "vulkan/vulkan.h" libvulkan-dev "")
find_program(TUFF_GLSLANG_VALIDATOR NAMES glslangValidator glslang)
tuff_need("${TUFF_GLSLANG_VALIDATOR}" "glslangValidator" glslang-tools "")
find_program(TUFF_SPIRV_VAL spirv-val)
tuff_need("${TUFF_SPIRV_VAL}" "spirv-val" spirv-tools "")

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_library(TUFF_MATH_LIBRARY m)

# What libtuff links beside the system: as CMake items for this build, as -l names for static consumers.
set(tuff_links)         # items
set(tuff_link_names)    # -l flags
set(tuff_definitions)   # TUFF_HAVE_*
macro(tuff_use option package target name what debian)
    if(${option})
        if(NOT ${package}_FOUND)
            find_package(${package} QUIET)
        endif()
        tuff_need("${${package}_FOUND}" "${what}" ${debian} ${option})
        list(APPEND tuff_links ${target})
        list(APPEND tuff_link_names -l${name})
        string(REPLACE "TUFF_" "TUFF_HAVE_" have ${option})
        list(APPEND tuff_definitions ${have}=1)
    endif()
endmacro()
tuff_use(TUFF_PNG PNG PNG::PNG png "libpng" libpng-dev)
tuff_use(TUFF_JPEG JPEG JPEG::JPEG jpeg "libjpeg-turbo" libjpeg62-turbo-dev)
if(TUFF_JSON) # not by cJSON's own package file, which names /usr for every system
    find_path(TUFF_CJSON_INCLUDE_DIR cjson/cJSON.h)
    find_library(TUFF_CJSON_LIBRARY cjson)
    mark_as_advanced(TUFF_CJSON_INCLUDE_DIR TUFF_CJSON_LIBRARY)
    if(TUFF_CJSON_INCLUDE_DIR AND TUFF_CJSON_LIBRARY)
        add_library(cjson UNKNOWN IMPORTED)
        set_target_properties(cjson PROPERTIES IMPORTED_LOCATION ${TUFF_CJSON_LIBRARY}
                              INTERFACE_INCLUDE_DIRECTORIES ${TUFF_CJSON_INCLUDE_DIR})
        set(tuff_cjson_FOUND ON)
    endif()
endif()
tuff_use(TUFF_JSON tuff_cjson cjson cjson "cJSON" libcjson-dev)
tuff_use(TUFF_ZLIB ZLIB ZLIB::ZLIB z "zlib" zlib1g-dev)

# glslang's static archives, in link order (glslang 12 as Debian has it; OGLCompiler is gone in 14, the resource limits
# have moved into the library of the other name).
if(TUFF_GLSLANG)
    enable_language(CXX) # libstdc++ is linked by the C++ driver; no C++ file is compiled
    find_path(TUFF_GLSLANG_INCLUDE_DIR glslang/Include/glslang_c_interface.h)
    tuff_need("${TUFF_GLSLANG_INCLUDE_DIR}" "glslang's C interface" glslang-dev TUFF_GLSLANG)
    set(glslang_required glslang SPIRV SPIRV-Tools-opt SPIRV-Tools)
    foreach(name glslang-default-resource-limits glslang SPIRV MachineIndependent GenericCodeGen OSDependent OGLCompiler
                 SPIRV-Tools-opt SPIRV-Tools)
        find_library(TUFF_LIB_${name} NAMES lib${name}.a ${name})
        mark_as_advanced(TUFF_LIB_${name})
        if(TUFF_LIB_${name})
            list(APPEND tuff_glslang_links ${TUFF_LIB_${name}})
            list(APPEND tuff_glslang_names -l${name})
        elseif(name IN_LIST glslang_required)
            tuff_need("" "lib${name}.a" "glslang-dev spirv-tools" TUFF_GLSLANG)
        endif()
    endforeach()
    list(APPEND tuff_definitions TUFF_HAVE_GLSLANG=1)
endif()
mark_as_advanced(TUFF_VOLK_INCLUDE_DIR TUFF_VULKAN_INCLUDE_DIR TUFF_GLSLANG_INCLUDE_DIR TUFF_GLSLANG_VALIDATOR TUFF_SPIRV_VAL
                 TUFF_MATH_LIBRARY)

# cairo draws the samples' pictures; without it they leave them out.
find_package(PkgConfig QUIET)
if(PkgConfig_FOUND AND (NOT CMAKE_CROSSCOMPILING OR DEFINED ENV{PKG_CONFIG_LIBDIR})) # else it tells of this system
    pkg_check_modules(TUFF_CAIRO QUIET IMPORTED_TARGET cairo)
endif()
