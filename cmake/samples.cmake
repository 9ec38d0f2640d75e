# samples/<name>/*.c -> bin/tuff-<name>, or bin/sample-<name> of what a user starts from, which is not installed. They see the public
# headers alone, as any user; samples/bench/probe*.c is the exception.

# samples/nets is no program but the networks that programs and tests share.
file(GLOB nets_sources CONFIGURE_DEPENDS samples/nets/*.c)
add_library(tuff_nets STATIC EXCLUDE_FROM_ALL ${nets_sources})
target_link_libraries(tuff_nets PRIVATE tuff_flags)
target_include_directories(tuff_nets PUBLIC ${PROJECT_SOURCE_DIR}/samples/nets PRIVATE ${PROJECT_BINARY_DIR}/include)
if(TUFF_MATH_LIBRARY)
    target_link_libraries(tuff_nets PUBLIC m)
endif()
add_dependencies(tuff_nets tuff_headers)

# samples/common: what all programs do alike
file(GLOB common_sources CONFIGURE_DEPENDS samples/common/*.c)
add_library(tuff_program STATIC EXCLUDE_FROM_ALL ${common_sources})
if(UNIX AND NOT APPLE)
    target_link_options(tuff_program INTERFACE LINKER:--as-needed) # cairo, by those that draw
endif()
if(TUFF_MATH_LIBRARY)
    target_link_libraries(tuff_program PUBLIC m)
endif()
target_link_libraries(tuff_program PRIVATE tuff_flags PUBLIC Threads::Threads)
target_include_directories(tuff_program PUBLIC ${PROJECT_SOURCE_DIR}/samples/common PRIVATE ${PROJECT_BINARY_DIR}/include)
if(TARGET PkgConfig::TUFF_CAIRO)
    target_link_libraries(tuff_program PUBLIC PkgConfig::TUFF_CAIRO)
    target_compile_definitions(tuff_program PUBLIC TUFF_HAVE_CAIRO=1)
endif()
if(TUFF_JSON) # labels of ONNX models
    target_link_libraries(tuff_program PUBLIC cjson)
    target_compile_definitions(tuff_program PRIVATE TUFF_HAVE_JSON=1)
endif()
add_dependencies(tuff_program tuff_headers)

# samples/bench/probe*.c, the programs that measure a device's peaks, and their shaders are made of Tuff's inside: this part alone
# gets the project's root, and who links it the static library or the objects.
file(GLOB probe_sources CONFIGURE_DEPENDS samples/bench/probe*.c)
tuff_shaders(probes samples/bench/shaders)
set_source_files_properties(${PROJECT_SOURCE_DIR}/samples/bench/probe.c PROPERTIES OBJECT_DEPENDS "${probes_sources};${probes_built}")
add_library(tuff_bench_probes STATIC EXCLUDE_FROM_ALL ${probe_sources})
target_link_libraries(tuff_bench_probes PRIVATE tuff_flags)
target_include_directories(tuff_bench_probes PRIVATE ${PROJECT_SOURCE_DIR} ${tuff_generated} ${PROJECT_BINARY_DIR}/include)
target_include_directories(tuff_bench_probes SYSTEM PRIVATE ${TUFF_VOLK_INCLUDE_DIR} ${TUFF_VULKAN_INCLUDE_DIR})
add_dependencies(tuff_bench_probes tuff_headers)

# All of samples/bench but main.c is a library, which tests link too (cmake/tests.cmake). Without cJSON there is no tuff-bench,
# but its statistics are there.
file(GLOB bench_sources CONFIGURE_DEPENDS samples/bench/*.c)
list(FILTER bench_sources EXCLUDE REGEX "/(main|probe[a-z_]*)\\.c$")
if(TUFF_JSON)
    foreach(embedded report.html=report_page result.schema.json=result_schema)
        string(REGEX MATCH "^(.*)=(.*)$" unused ${embedded})
        set(file ${CMAKE_MATCH_1})
        set(name ${CMAKE_MATCH_2})
        add_custom_command(OUTPUT ${tuff_generated}/${name}.c
            COMMAND ${CMAKE_COMMAND} -DIN=${PROJECT_SOURCE_DIR}/samples/bench/${file} -DOUT=${tuff_generated}/${name}.c -DNAME=${name}
                    -P ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
            DEPENDS samples/bench/${file} cmake/embed.cmake
            COMMENT "Embedding samples/bench/${file}" VERBATIM)
        list(APPEND bench_sources ${tuff_generated}/${name}.c)
    endforeach()
else()
    list(FILTER bench_sources INCLUDE REGEX "/stats\\.c$")
endif()
add_library(tuff_bench_parts STATIC EXCLUDE_FROM_ALL ${bench_sources})
target_link_libraries(tuff_bench_parts PRIVATE tuff_flags PUBLIC tuff_nets tuff_program tuff_bench_probes)
target_include_directories(tuff_bench_parts PRIVATE ${PROJECT_SOURCE_DIR}/samples/bench ${PROJECT_BINARY_DIR}/include)
if(TUFF_JSON)
    target_link_libraries(tuff_bench_parts PUBLIC cjson)
endif()
add_dependencies(tuff_bench_parts tuff_headers)
if(TUFF_JSON AND EXISTS ${PROJECT_SOURCE_DIR}/samples/bench/main.c)
    add_executable(tuff-bench samples/bench/main.c) # with the static library: the hash of the program's file covers all of Tuff
    target_link_libraries(tuff-bench PRIVATE tuff_bench_parts tuff::data_static tuff_flags)
    set_target_properties(tuff-bench PROPERTIES LINKER_LANGUAGE ${tuff_language})
    list(APPEND tuff_programs tuff-bench)
endif()

file(GLOB sample_folders RELATIVE ${PROJECT_SOURCE_DIR}/samples CONFIGURE_DEPENDS samples/*)
list(REMOVE_ITEM sample_folders bench common data nets) # samples/data is a library (cmake/libraries.cmake)
set(tools classify detect info inspect pack quantize train tune)
find_path(TUFF_CSV_INCLUDE_DIR csv.h)
find_library(TUFF_CSV_LIBRARY csv)
mark_as_advanced(TUFF_CSV_INCLUDE_DIR TUFF_CSV_LIBRARY)
foreach(name ${sample_folders})
    file(GLOB sample_sources CONFIGURE_DEPENDS samples/${name}/*.c)
    if(NOT sample_sources)
        continue()
    endif()
    if(name STREQUAL tabular AND NOT (TUFF_CSV_INCLUDE_DIR AND TUFF_CSV_LIBRARY))
        message(STATUS "Without samples/tabular, which reads CSV by libcsv (Debian: libcsv-dev)")
        continue()
    endif()
    if(name IN_LIST tools)
        set(program tuff-${name})
        list(APPEND tuff_programs ${program})
    else()
        set(program sample-${name})
        list(APPEND tuff_samples ${name})
    endif()
    add_executable(${program} ${sample_sources})
    target_link_libraries(${program} PRIVATE tuff_nets tuff_program tuff::data tuff_flags)
    if(name STREQUAL inspect)
        add_custom_command(OUTPUT ${tuff_generated}/inspect_page.c
            COMMAND ${CMAKE_COMMAND} -DIN=${PROJECT_SOURCE_DIR}/samples/inspect/page.html -DOUT=${tuff_generated}/inspect_page.c
                    -DNAME=inspect_page -P ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
            DEPENDS samples/inspect/page.html cmake/embed.cmake
            COMMENT "Embedding samples/inspect/page.html" VERBATIM)
        target_sources(${program} PRIVATE ${tuff_generated}/inspect_page.c)
    endif()
    if(name STREQUAL pack) # the texts of all classes of devices, "== NAME" before each, are part of it
        file(GLOB classes CONFIGURE_DEPENDS samples/pack/classes/*.caps)
        set(texts)
        foreach(class ${classes})
            get_filename_component(class_name ${class} NAME_WE)
            file(READ ${class} text)
            string(APPEND texts "== ${class_name}\n${text}")
            set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${class})
        endforeach()
        file(CONFIGURE OUTPUT ${tuff_generated}/pack_classes.txt CONTENT "${texts}" @ONLY)
        add_custom_command(OUTPUT ${tuff_generated}/pack_classes.c
            COMMAND ${CMAKE_COMMAND} -DIN=${tuff_generated}/pack_classes.txt -DOUT=${tuff_generated}/pack_classes.c -DNAME=pack_classes
                    -P ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
            DEPENDS ${tuff_generated}/pack_classes.txt cmake/embed.cmake
            COMMENT "Embedding samples/pack/classes" VERBATIM)
        target_sources(${program} PRIVATE ${tuff_generated}/pack_classes.c)
    endif()
    if(name STREQUAL tabular)
        target_include_directories(${program} SYSTEM PRIVATE ${TUFF_CSV_INCLUDE_DIR})
        target_link_libraries(${program} PRIVATE ${TUFF_CSV_LIBRARY})
    endif()
    if(name STREQUAL transfer AND TARGET PkgConfig::TUFF_FONTCONFIG)
        target_link_libraries(${program} PRIVATE PkgConfig::TUFF_FONTCONFIG)
        target_compile_definitions(${program} PRIVATE TUFF_HAVE_FONTCONFIG=1)
    endif()
    set_target_properties(${program} PROPERTIES INSTALL_RPATH "$ORIGIN/${to_lib}")
endforeach()

# tests/onnx: conformance cases of ONNX on this machine's devices
if(TUFF_HAVE_ONNX=1 IN_LIST tuff_definitions)
    add_executable(tuff-onnx tests/onnx/main.c)
    target_link_libraries(tuff-onnx PRIVATE tuff_program tuff::data tuff_flags)
    set_target_properties(tuff-onnx PROPERTIES INSTALL_RPATH "$ORIGIN/${to_lib}")
    list(APPEND tuff_programs tuff-onnx)
endif()

# samples/android: the Java library's native part for this machine's JVM
set(TUFF_JAVA AUTO CACHE STRING "Native part of samples/android for this machine's JVM (a JDK): ${tuff_maybe}")
if(TUFF_JAVA AND UNIX AND NOT APPLE AND BUILD_SHARED_LIBS AND TUFF_JSON AND NOT TUFF_SANITIZE AND NOT CMAKE_CROSSCOMPILING AND
   EXISTS ${PROJECT_SOURCE_DIR}/samples/android/tuff/src/main/cpp/jni.c)
    find_program(TUFF_JAVAC javac)
    mark_as_advanced(TUFF_JAVAC)
    if(TUFF_JAVAC)
        file(REAL_PATH ${TUFF_JAVAC} javac)
        cmake_path(GET javac PARENT_PATH java)
        cmake_path(GET java PARENT_PATH java)
    endif()
    if(TUFF_JAVAC AND EXISTS ${java}/include/jni.h)
        set(TUFF_JNI_INCLUDE ${java}/include ${java}/include/linux)
        add_subdirectory(samples/android/tuff/src/main/cpp android)
        add_executable(android-models samples/android/tuff/src/test/c/models.c samples/common/frames.c samples/common/teach.c) # of the library's tests
        target_include_directories(android-models PRIVATE samples/common)
        target_link_libraries(android-models PRIVATE tuff::data tuff_flags)
        set_target_properties(android-models PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
    elseif(NOT TUFF_JAVA STREQUAL "AUTO")
        message(FATAL_ERROR "TUFF_JAVA: no JDK was found. On Debian or Ubuntu: apt-get install openjdk-17-jdk-headless")
    endif()
endif()
