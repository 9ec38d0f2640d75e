#!/bin/sh
# install_consumer.sh - installs into a temporary prefix, then builds and runs small programs against it, as users would: C
# and C++, by find_package and by pkg-config, all libraries, shared and static; and install/app.c, a Vulkan app beside
# -lvulkan and with a volk of its own, whose vk* symbols must not meet those of libtuff.
set -eu
build=${TUFF_BUILD_DIR:?TUFF_BUILD_DIR is the build folder}
source=${TUFF_SOURCE_DIR:-$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)}
cmake=${CMAKE:-cmake} cc=${CC:-cc} cxx=${CXX:-c++}
if grep -q '^TUFF_SANITIZE:[A-Z]*=.' "$build/CMakeCache.txt"; then echo "SKIP: not for sanitizer builds"; exit 77; fi
if [ "${TUFF_CROSS:-}" = TRUE ]; then echo "SKIP: made for another system"; exit 77; fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix="$work/a prefix" # the blank is meant
note() { echo "-- $*"; }

note "cmake --install"
"$cmake" --install "$build" --prefix "$prefix" > "$work/install.log" || { cat "$work/install.log"; exit 1; }
libdir=$(dirname -- "$(find "$prefix" -name tuff.pc)")/..
libdir=$(CDPATH= cd -- "$libdir" && pwd)
for program in "$prefix"/bin/tuff-*; do
    [ -e "$program" ] || break
    if readelf -d "$program" | grep -q "$build"; then echo "$program holds a path of the build tree"; exit 1; fi
done

mkdir "$work/consumer"
cat > "$work/consumer/consumer.c" <<'END'
#include <stdio.h>
#include <string.h>
#include <tuff/tuff.h>
int main(void)
{
    struct tuff_context *context = NULL;
    struct tuff_error error;
    uint32_t count = 0;
    memset(&error, 0, sizeof error);
    if (tuff_context_create(NULL, &context, &error) != TUFF_OK) return 1;
    tuff_status status = tuff_device_list(context, NULL, &count, &error);
    printf("tuff %s, %u devices (%s)\n", tuff_version(), (unsigned)count, tuff_status_name(status));
    tuff_context_destroy(context);
    return strcmp(tuff_version(), EXPECTED) != 0 || (status != TUFF_OK && status != TUFF_ERR_NO_DEVICE);
}
END
cp "$work/consumer/consumer.c" "$work/consumer/consumer_cxx.cc"
cat > "$work/consumer/whole.c" <<'END'
#include <tuff/tuff.h>
int main(void)
{
    struct tuff_graph *graph = NULL;
    struct tuff_error error = {TUFF_OK, ""};
    if (tuff_graph_create(NULL, &graph, &error) == TUFF_OK) tuff_graph_destroy(graph);
    return tuff_glslang() == NULL && HAVE_GLSLANG;
}
END
cat > "$work/consumer/pictures.c" <<'END'
#include <stdio.h>
#include <string.h>
#include <tuff/tuff.h>
int main(void)
{
    struct tuff_context *context = NULL;
    struct tuff_error error = {TUFF_OK, ""};
    struct tuff_picture picture;
    memset(&picture, 0, sizeof picture);
    if (tuff_context_create(NULL, &context, &error) != TUFF_OK) return 1;
    tuff_status status = tuff_picture_read(context, "there/is/none.png", NULL, &picture, &error);
    const char *kind = tuff_picture_kind(0);
    printf("pictures, %s the first kind: %s\n", kind ? kind : "without", error.message);
    tuff_context_destroy(context);
    return status != TUFF_ERR_FILE;
}
END
cp "$source/tests/install/app.c" "$work/consumer/"
have_glslang=0
if grep -q '^TUFF_GLSLANG:BOOL=ON' "$build/CMakeCache.txt"; then have_glslang=1; fi
version=$(sed -n 's/^Version: //p' "$libdir/pkgconfig/tuff.pc")
cat > "$work/consumer/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.25)
project(consumer LANGUAGES C CXX)
find_package(tuff 0.1 REQUIRED)
foreach(target tuff runtime tuff_static runtime_static)
    add_executable(c_\${target} consumer.c)
    target_link_libraries(c_\${target} PRIVATE tuff::\${target})
    target_compile_definitions(c_\${target} PRIVATE EXPECTED="$version")
endforeach()
add_executable(cxx_tuff consumer_cxx.cc)
target_link_libraries(cxx_tuff PRIVATE tuff::tuff)
target_compile_definitions(cxx_tuff PRIVATE EXPECTED="$version")
foreach(target tuff tuff_static)
    add_executable(whole_\${target} whole.c)
    target_link_libraries(whole_\${target} PRIVATE tuff::\${target})
    target_compile_definitions(whole_\${target} PRIVATE HAVE_GLSLANG=$have_glslang)
endforeach()
foreach(target data data_static)
    add_executable(pictures_\${target} pictures.c)
    target_link_libraries(pictures_\${target} PRIVATE tuff::\${target})
endforeach()
find_library(vulkan vulkan)
function(app name)
    add_executable(app_\${name} app.c)
    target_compile_definitions(app_\${name} PRIVATE _POSIX_C_SOURCE=200809L)
    target_link_libraries(app_\${name} PRIVATE \${ARGN} Threads::Threads)
    set_target_properties(app_\${name} PROPERTIES ENABLE_EXPORTS ON) # its vk* could be taken for libtuff's
endfunction()
foreach(target tuff tuff_static)
    app(volk_\${target} tuff::\${target})
    target_compile_definitions(app_volk_\${target} PRIVATE OWN_VOLK=1)
    if(vulkan)
        app(before_loader_\${target} tuff::\${target} \${vulkan})
        app(behind_loader_\${target} \${vulkan} tuff::\${target})
    endif()
endforeach()
END

note "find_package, C and C++, shared and static"
"$cmake" -S "$work/consumer" -B "$work/out" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$cc" -DCMAKE_CXX_COMPILER="$cxx" \
    > "$work/log" 2>&1 && "$cmake" --build "$work/out" >> "$work/log" 2>&1 || { cat "$work/log"; exit 1; }
for program in "$work"/out/c_* "$work"/out/cxx_* "$work"/out/whole_* "$work"/out/pictures_* "$work"/out/app_*; do
    case $program in */app_*) [ $have_glslang -eq 1 ] || continue; note "$(basename "$program")" ;; esac
    "$program" || { status=$?; [ $status -eq 77 ] || { echo "$(basename "$program") failed: $status"; exit 1; }; }
done

if ! command -v pkg-config >/dev/null 2>&1; then note "pkg-config is not installed: that part is left out"; exit 0; fi
PKG_CONFIG_PATH=$libdir/pkgconfig
export PKG_CONFIG_PATH
pc() { # pc NAME COMPILER SOURCE PKG-CONFIG-ARGUMENTS...: builds and runs
    name=$1 compiler=$2 source=$3; shift 3
    note "pkg-config $*, $compiler"
    eval "set -- $(pkg-config --cflags --libs "$@")" # flags come quoted for the shell
    "$compiler" -DEXPECTED="\"$version\"" -o "$work/$name" "$work/consumer/$source" "$@" -Wl,-rpath,"$libdir"
    "$work/$name"
}
if [ -e "$libdir/libtuff.so" ]; then
    pc pc_c "$cc" consumer.c tuff
    pc pc_cxx "$cxx" consumer_cxx.cc tuff
    pc pc_pictures "$cc" pictures.c tuff
    for name in c cxx; do
        if readelf -d "$work/pc_$name" | grep -q libtuff_data; then echo "pc_$name needs libtuff_data, of which it calls nothing"; exit 1; fi
    done
    pc pc_runtime "$cc" consumer.c tuff_runtime
    rm -f "$libdir"/lib*.so*
fi
pc pc_static "$cc" consumer.c --static tuff
pc pc_static_pictures "$cc" pictures.c --static tuff
