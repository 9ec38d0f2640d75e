# Debian packages, by cpack -G DEB in a build folder: libtuff<n>, libtuff-data<n>, libtuff-runtime<n>, libtuff-dev,
# tuff-tools. They install below /usr; the preset "package" also takes Debian's folders for libraries (lib/x86_64-linux-gnu).

set(TUFF_PACKAGE_CONTACT "Tuff <tuff@example.org>" CACHE STRING "Name and address in the packages, of whoever makes them")
mark_as_advanced(TUFF_PACKAGE_CONTACT)
set(CPACK_PACKAGE_NAME tuff)
set(CPACK_PACKAGE_CONTACT ${TUFF_PACKAGE_CONTACT})
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "") # each package has its own
set(CPACK_GENERATOR DEB)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR}/packages)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SOURCE tuff)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

# tuff_package(COMPONENT NAME SECTION SUMMARY TEXT): lines of the text have at most 79 characters, "." is an empty one
set(CPACK_COMPONENTS_ALL)
macro(tuff_package component name section summary text)
    list(APPEND CPACK_COMPONENTS_ALL ${component})
    string(TOUPPER ${component} tuff_upper)
    set(CPACK_DEBIAN_${tuff_upper}_PACKAGE_NAME ${name})
    set(CPACK_DEBIAN_${tuff_upper}_PACKAGE_SECTION ${section})
    set(CPACK_DEBIAN_${tuff_upper}_PACKAGE_SHLIBDEPS ON)
    set(CPACK_DEBIAN_${tuff_upper}_DESCRIPTION "${summary}\n${text}")
    install(FILES ${tuff_generated}/copyright DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/doc/${name} COMPONENT ${component}
            EXCLUDE_FROM_ALL)
    install(FILES ${tuff_generated}/changelog.gz DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/doc/${name} COMPONENT ${component}
            RENAME changelog.Debian.gz EXCLUDE_FROM_ALL)
endmacro()

set(what "Tuff declares, trains and runs neural networks on any GPU that has a Vulkan
driver, or on a software driver: no CUDA, no Python, no vendor's SDK.")
set(same "(= ${PROJECT_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE})")
set(driver "libvulkan1, mesa-vulkan-drivers | vulkan-icd") # opened at run time, without which there is no device
if(BUILD_SHARED_LIBS)
    set(whole libtuff${PROJECT_VERSION_MAJOR})
    set(data libtuff-data${PROJECT_VERSION_MAJOR})
    set(runtime libtuff-runtime${PROJECT_VERSION_MAJOR})
    tuff_package(libtuff ${whole} libs "neural networks on Vulkan devices - library"
        "${what}\n.\nThis package holds the shared library, with the compiler of shaders in it.")
    tuff_package(libtuff_data ${data} libs "neural networks on Vulkan devices - pictures and data sets"
        "${what}\n.\nThis package holds the library that reads pictures, data sets of them, and\nweights of other frameworks.")
    tuff_package(libtuff_runtime ${runtime} libs "neural networks on Vulkan devices - small runtime library"
        "${what}\n.\nThis package holds the library that runs compiled plans, without a compiler.")
    foreach(upper LIBTUFF LIBTUFF_DATA LIBTUFF_RUNTIME)
        string(TOLOWER ${upper} lower)
        string(REPLACE "_" "-" library ${lower})
        file(WRITE ${tuff_generated}/deb/${lower}/shlibs
             "${lower} ${PROJECT_VERSION_MAJOR} ${library}${PROJECT_VERSION_MAJOR} (>= ${PROJECT_VERSION})\n")
        set(CPACK_DEBIAN_${upper}_PACKAGE_CONTROL_EXTRA ${tuff_generated}/deb/${lower}/shlibs ${tuff_generated}/deb/triggers)
        if(upper STREQUAL "LIBTUFF_DATA") # they share private structs: one version of both
            set(CPACK_DEBIAN_${upper}_PACKAGE_DEPENDS "${whole} ${same}")
        else()
            set(CPACK_DEBIAN_${upper}_PACKAGE_RECOMMENDS ${driver})
        endif()
        if(CMAKE_INSTALL_LIBDIR STREQUAL "lib/${CMAKE_LIBRARY_ARCHITECTURE}")
            set(CPACK_DEBIAN_${upper}_PACKAGE_MULTIARCH same) # CMake 3.31
        endif()
    endforeach()
    file(WRITE ${tuff_generated}/deb/triggers "activate-noawait ldconfig\n")
    set(dev_depends "${whole} ${same}, ${data} ${same}, ${runtime} ${same}, ")
endif()
tuff_package(dev libtuff-dev libdevel "neural networks on Vulkan devices - development files"
    "${what}\n.\nThis package holds headers, static libraries, and the files for pkg-config and
CMake. Programs that link the static libraries need the suggested packages.")
set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS "${dev_depends}libvulkan-dev")
set(CPACK_DEBIAN_DEV_PACKAGE_SUGGESTS "glslang-dev, spirv-tools, libpng-dev, libjpeg-dev, libwebp-dev, libgif-dev, libstb-dev, libtiff-dev, libopenjp2-7-dev, libcjson-dev, zlib1g-dev, libzip-dev, libnanopb-dev")
if(tuff_programs)
    tuff_package(tools tuff-tools science "neural networks on Vulkan devices - programs"
        "${what}\n.\nThis package holds the programs: tuff-info shows the devices, tuff-train
trains a classifier on pictures, tuff-classify uses it; tuff-detect finds
faces and text; tuff-inspect tells what is in a model file and what running
it costs; tuff-quantize makes int8 models of float ones;
tuff-pack puts kernels for phones into model files;
tuff-tune measures which constants of kernels suit a device.")
    if(BUILD_SHARED_LIBS)
        set(CPACK_DEBIAN_TOOLS_PACKAGE_DEPENDS "${whole} ${same}, ${data} ${same}") # dpkg-shlibdeps knows no package of it yet
        set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${PROJECT_BINARY_DIR}/lib)
    endif()
    set(CPACK_DEBIAN_TOOLS_PACKAGE_RECOMMENDS ${driver})
endif()

# What every package has to say: the licence, and those of what is linked statically or included, in the words of their packages.
set(copyright "Tuff: copyright the authors of Tuff. Licensed under the Apache License, Version 2.0; on Debian systems its text
is in /usr/share/common-licenses/Apache-2.0.\n")
foreach(part glslang-dev spirv-tools libvulkan-volk-dev)
    if(EXISTS /usr/share/doc/${part}/copyright)
        file(READ /usr/share/doc/${part}/copyright text)
        string(APPEND copyright "\n\nThe libraries contain code of ${part}:\n\n${text}")
    endif()
endforeach()
file(WRITE ${tuff_generated}/copyright "${copyright}")
string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC) # or SOURCE_DATE_EPOCH
file(WRITE ${tuff_generated}/changelog "tuff (${PROJECT_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}) unstable; urgency=medium

  * Packages of version ${PROJECT_VERSION}; CHANGELOG.md of the sources tells what is new.

 -- ${TUFF_PACKAGE_CONTACT}  ${date}\n")
execute_process(COMMAND gzip -9nf ${tuff_generated}/changelog)
include(CPack)
