# packages.sh - sourced by samples/quickstart.sh and tests/run.sh: installs the Debian packages that are missing.

# What building and running needs. mesa-vulkan-drivers holds the open drivers and lavapipe, which runs on the CPU; beside a
# vendor's driver it does no harm.
tuff_packages="gcc g++ libc6-dev cmake ninja-build pkg-config libvulkan-dev libvulkan-volk-dev libvulkan1 mesa-vulkan-drivers
    glslang-dev glslang-tools spirv-tools libpng-dev libjpeg62-turbo-dev libwebp-dev libgif-dev libstb-dev libtiff-dev libopenjp2-7-dev
    libcjson-dev zlib1g-dev libzip-dev libnanopb-dev libcairo2-dev libcsv-dev"

# need_packages PACKAGE...: installs those that are missing; asks nothing and downloads nothing when there are none.
need_packages() {
    if ! command -v dpkg-query >/dev/null 2>&1 || ! command -v apt-get >/dev/null 2>&1; then
        missing_tools=
        for tool in cc cmake ninja glslangValidator spirv-val; do
            command -v $tool >/dev/null 2>&1 || missing_tools="$missing_tools $tool"
        done
        echo "This system has no apt-get, so nothing is installed for you. Needed are a C11 and a C++ compiler, CMake 3.25," \
            "Ninja, glslang with its static libraries, SPIRV-Tools, volk (volk.h, volk.c), the Vulkan headers and loader, a" \
            "Vulkan driver, libpng, libjpeg-turbo, cJSON, zlib, and cairo; libwebp, giflib, stb_image, libtiff and OpenJPEG for more kinds of pictures, libzip for npz files, nanopb for ONNX, libcsv for a sample."
        if [ -n "$missing_tools" ]; then
            echo "Missing programs:$missing_tools" >&2
            return 1
        fi
        return 0
    fi
    missing=
    for package in "$@"; do
        case $package in # other names on Ubuntu
        libjpeg62-turbo-dev) ! grep -q '^ID=ubuntu' /etc/os-release 2>/dev/null || package=libjpeg-turbo8-dev ;;
        esac
        status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) || status=
        [ "$status" = installed ] || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    as_root=
    if [ "$(id -u)" -ne 0 ]; then
        if command -v sudo >/dev/null 2>&1; then
            as_root=sudo
        else
            echo "Please install as root, then start this again: apt-get install$missing" >&2
            return 1
        fi
    fi
    echo "Installing$missing"
    install_log=$(mktemp)
    for attempt in without-update with-update; do
        if [ $attempt = with-update ]; then
            $as_root apt-get -q update >> "$install_log" 2>&1 || true
        fi
        # shellcheck disable=SC2086
        if $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install $missing >> "$install_log" 2>&1; then
            rm -f "$install_log"
            return 0
        fi
    done
    tail -n 20 "$install_log" >&2
    rm -f "$install_log"
    echo "apt-get could not install:$missing" >&2
    return 1
}
