# tests/<name>.c with a main is the test <name>; the other files of tests/ are its helpers (library tuff_test_support).
# Tests see private headers and link the objects; one that includes nothing of graph/, loaders/ or samples/data/ does not
# link those.

foreach(folder backend graph loaders)
    add_library(tuff_${folder}_inside STATIC $<TARGET_OBJECTS:tuff_${folder}_obj>)
endforeach()
target_sources(tuff_backend_inside PRIVATE $<TARGET_OBJECTS:tuff_glslang_obj>)
target_link_libraries(tuff_backend_inside PUBLIC ${tuff_glslang_links} ${tuff_system_links})
target_link_libraries(tuff_graph_inside PUBLIC tuff_backend_inside)
target_link_libraries(tuff_loaders_inside PUBLIC tuff_graph_inside ${tuff_links})
add_library(tuff_data_inside STATIC $<TARGET_OBJECTS:tuff_data_obj>)
target_link_libraries(tuff_data_inside PUBLIC tuff_loaders_inside ${tuff_data_links})

function(tuff_test_flags target)
    target_link_libraries(${target} PRIVATE tuff_flags)
    target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR} ${tuff_generated} ${PROJECT_BINARY_DIR}/include)
    target_include_directories(${target} SYSTEM PRIVATE ${TUFF_VOLK_INCLUDE_DIR} ${TUFF_VULKAN_INCLUDE_DIR})
    target_compile_definitions(${target} PRIVATE ${tuff_definitions} TUFF_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
                               TUFF_BUILD_DIR="${PROJECT_BINARY_DIR}" _POSIX_C_SOURCE=200809L)
    target_compile_options(${target} PRIVATE -UNDEBUG) # assert in a test always counts
    set_target_properties(${target} PROPERTIES LINKER_LANGUAGE ${tuff_language})
    add_dependencies(${target} tuff_headers)
endfunction()

# Debian 12's lavapipe leaks 128 bytes at its dlclose, and the leak checker then knows no module to suppress: under
# sanitizers drivers stay loaded. Of compute shaders that hook texts' numbers reach it loses a variant now and then (op_random, one run
# in four): what the driver and its LLVM allocate is left to the validation layers, which tell of objects that were not destroyed.
if(TUFF_SANITIZE MATCHES "address" AND UNIX)
    file(CONFIGURE OUTPUT ${tuff_generated}/stay_loaded.c CONTENT
"__attribute__((visibility(\"default\"))) int dlclose(void *library);
int dlclose(void *library) { return library == (void *)0; }
__attribute__((visibility(\"default\"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) { return \"leak:libvulkan_lvp.so\\nleak:libLLVM\\n\"; }
__attribute__((visibility(\"default\"))) const char *__lsan_default_options(void);
const char *__lsan_default_options(void) { return \"print_suppressions=0\"; }
")
    set(test_extra ${tuff_generated}/stay_loaded.c)
    set(test_extra_links LINKER:--export-dynamic-symbol=dlclose LINKER:--export-dynamic-symbol=__lsan_default_suppressions
        LINKER:--export-dynamic-symbol=__lsan_default_options)
endif()

# Drivers, LLVM and libstdc++ are not instrumented: the thread sanitizer would see what they do with memory, but not how they
# order it. Their locks count, their accesses do not.
if(TUFF_SANITIZE MATCHES "thread")
    file(CONFIGURE OUTPUT ${tuff_generated}/tsan_options.c CONTENT
"__attribute__((visibility(\"default\"))) const char *__tsan_default_options(void);
const char *__tsan_default_options(void) { return \"ignore_noninstrumented_modules=1\"; }
")
    list(APPEND test_extra ${tuff_generated}/tsan_options.c)
endif()

set(test_programs)
set(test_helpers)
file(GLOB test_sources CONFIGURE_DEPENDS tests/*.c)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${test_sources}) # main and #include lines are read here
foreach(source ${test_sources})
    file(STRINGS ${source} main REGEX "^int main\\(")
    if(main)
        list(APPEND test_programs ${source})
    else()
        list(APPEND test_helpers ${source})
    endif()
endforeach()
add_library(tuff_test_support STATIC ${test_helpers} ${tuff_generated}/empty.c)
tuff_test_flags(tuff_test_support)

list(JOIN CMAKE_CROSSCOMPILING_EMULATOR " " tuff_emulator) # what runs programs of another system
set(tuff_test_cache ${PROJECT_BINARY_DIR}/test-cache)
function(tuff_test_properties name)
    set(label gpu)
    if(name MATCHES "^(graph|plan|loaders|lint)_|^backend_(store|options)$|^bench_(check|report)$|^roofline_count$")
        set(label quick)
    endif()
    set_tests_properties(${name} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 300 LABELS ${label}
        ENVIRONMENT "TUFF_CACHE_DIR=${tuff_test_cache};TUFF_SOURCE_DIR=${PROJECT_SOURCE_DIR};TUFF_BUILD_DIR=${PROJECT_BINARY_DIR};CC=${CMAKE_C_COMPILER};CXX=${CMAKE_CXX_COMPILER};CMAKE=${CMAKE_COMMAND};TUFF_CROSS=${CMAKE_CROSSCOMPILING};TUFF_EMULATOR=${tuff_emulator}")
endfunction()

# The layers that a test reaches by its includes, those of its helpers (tests/x.h and tests/x.c) among them.
function(tuff_test_link target)
    set(lines)
    set(sources ${ARGN})
    set(seen)
    while(sources)
        list(POP_FRONT sources source)
        if(source IN_LIST seen OR NOT EXISTS ${source})
            continue()
        endif()
        list(APPEND seen ${source})
        file(STRINGS ${source} more REGEX "^#include \"(graph|loaders|tests|samples/(bench|data|nets))/")
        list(APPEND lines ${more})
        foreach(line ${more})
            if(line MATCHES "\"(tests/[^\"]+)\\.h\"")
                list(APPEND sources ${PROJECT_SOURCE_DIR}/${CMAKE_MATCH_1}.h ${PROJECT_SOURCE_DIR}/${CMAKE_MATCH_1}.c)
            endif()
        endforeach()
    endwhile()
    if(lines MATCHES "\"samples/(bench|nets)/")
        target_link_libraries(${target} PRIVATE tuff_test_support tuff_bench_parts tuff_data_inside)
    elseif(lines MATCHES "\"samples/data/")
        target_link_libraries(${target} PRIVATE tuff_test_support tuff_data_inside)
    elseif(lines MATCHES "\"loaders/")
        target_link_libraries(${target} PRIVATE tuff_test_support tuff_loaders_inside)
    elseif(lines MATCHES "\"graph/")
        target_link_libraries(${target} PRIVATE tuff_test_support tuff_graph_inside)
    else()
        target_link_libraries(${target} PRIVATE tuff_test_support tuff_backend_inside)
    endif()
endfunction()

# Functions that a test puts its own in place of, between the library and what it calls: __wrap_<name> beside __real_<name>.
set(tuff_wrap_fault_vulkan tuff_os_library_symbol tuff_os_cpu_count)
set(tuff_wrap_backend_program tuff_os_time_ns)
set(tuff_wrap_fault_disk open read write fsync dup close rename mkdir mmap opendir readdir) # tests/disk_help.c
set(tuff_wrap_loaders_files ${tuff_wrap_fault_disk})
set(tuff_wrap_train_bits tuff_os_cpu_count)
set(tuff_wrap_session_memory tuff_buffer_write)
set(tuff_wrap_session_prepare tuff_os_time_ns)
set(tuff_wrap_external_android tuff_os_library_open tuff_os_library_close tuff_os_library_symbol)
set(tuff_wrap_roofline_kernels tuff_os_library_symbol)

foreach(source ${test_programs})
    cmake_path(GET source STEM name)
    file(STRINGS ${source} bench REGEX "^#include \"samples/(bench|nets)/")
    if(bench AND NOT TARGET tuff_bench_parts) # TUFF_BUILD_SAMPLES=OFF
        continue()
    endif()
    add_executable(${name} ${source} ${test_extra})
    target_link_options(${name} PRIVATE ${test_extra_links})
    foreach(function ${tuff_wrap_${name}})
        target_link_options(${name} PRIVATE LINKER:--wrap=${function})
    endforeach()
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
    tuff_test_flags(${name})
    tuff_test_link(${name} ${source})
    if(name STREQUAL session_kernels)
        target_sources(${name} PRIVATE samples/common/teach.c)
    endif()
    if(name STREQUAL loaders_numpy) # packs members of archives by zlib
        target_link_libraries(${name} PRIVATE ${tuff_data_links})
    endif()
    if(name STREQUAL onnx_write) # layers that PyTorch computes too
        target_sources(${name} PRIVATE tests/torch/layers_basic.c tests/torch/layers_losses.c tests/torch/layers_sequence.c
            tests/torch/layers_spatial.c)
    endif()
    if(name STREQUAL roofline_kernels)
        target_sources(${name} PRIVATE tests/dryrun/no_submit.c)
    endif()
    add_test(NAME ${name} COMMAND ${name})
    tuff_test_properties(${name})
endforeach()

# Under the worst that Vulkan allows (docs/debugging.md): a cheap choice, the rest is in the matrix.
add_test(NAME hostile_op_random COMMAND op_random --graphs 6)
tuff_test_properties(hostile_op_random)
set_property(TEST hostile_op_random APPEND PROPERTY ENVIRONMENT TUFF_HOSTILE=1)

# What links libtuff_runtime alone; tests/container_runtime.c starts it.
add_executable(runtime-run tests/runtime/run.c)
if(NOT WIN32) # where programs lie beside their DLLs
    set_target_properties(runtime-run PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
endif()
target_link_libraries(runtime-run PRIVATE tuff_flags tuff::runtime)

# What tests/torch_edges.sh, torch_layers.sh and torch_optimizers.sh have PyTorch compute too
file(GLOB torch_layers_sources CONFIGURE_DEPENDS tests/torch/layers*.c)
add_executable(torch-edges tests/torch/edges.c tests/torch/edges_training.c ${test_extra})
add_executable(torch-layers ${torch_layers_sources} ${test_extra})
add_executable(torch-optimizers tests/torch/optimizers.c ${test_extra})
foreach(program torch-edges torch-layers torch-optimizers)
    target_link_options(${program} PRIVATE ${test_extra_links})
    set_target_properties(${program} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
    tuff_test_flags(${program})
    target_link_libraries(${program} PRIVATE tuff_test_support tuff_graph_inside)
endforeach()

file(GLOB refs_sources CONFIGURE_DEPENDS tests/refs/*.c)
if(refs_sources AND TUFF_JSON) # its cases are listed in JSON
    add_executable(tuff-refs ${refs_sources} ${test_extra})
    target_link_options(tuff-refs PRIVATE ${test_extra_links})
    tuff_test_flags(tuff-refs)
    tuff_test_link(tuff-refs ${refs_sources})
    target_link_libraries(tuff-refs PRIVATE tuff_program)
endif()

# tests/dryrun/*.c -> bin/tuff-dryrun; here on the device that is there, in dryrun_gpus.sh and the matrix on simulated GPUs
file(GLOB dryrun_sources CONFIGURE_DEPENDS tests/dryrun/*.c)
add_executable(tuff-dryrun ${dryrun_sources} tests/op_cases.c ${test_extra})
target_link_options(tuff-dryrun PRIVATE ${test_extra_links} LINKER:--wrap=tuff_os_library_symbol)
tuff_test_flags(tuff-dryrun)
target_link_libraries(tuff-dryrun PRIVATE tuff_bench_parts tuff_data_inside)
target_compile_definitions(tuff-dryrun PRIVATE _GNU_SOURCE) # getopt_long
foreach(program tuff-dryrun tuff-refs) # for users too: does this driver take the plans, are its numbers right?
    if(TARGET ${program})
        list(APPEND tuff_programs ${program})
        set_target_properties(${program} PROPERTIES INSTALL_RPATH "$ORIGIN/${to_lib}")
    endif()
endforeach()
add_test(NAME dryrun COMMAND tuff-dryrun)
tuff_test_properties(dryrun)

find_program(TUFF_SH sh)
file(GLOB test_scripts CONFIGURE_DEPENDS tests/*_*.sh)
list(FILTER test_scripts EXCLUDE REGEX /run_) # run.sh and what it or a test calls
foreach(script ${test_scripts})
    cmake_path(GET script STEM name)
    add_test(NAME ${name} COMMAND ${TUFF_SH} ${script})
    tuff_test_properties(${name})
endforeach()
set_tests_properties(programs_output PROPERTIES LABELS quick)
set_tests_properties(dryrun_gpus roofline_gpus PROPERTIES TIMEOUT 1800) # their first run fetches drivers
set_tests_properties(torch_edges torch_layers session_sequence train_program train_precision op_harness op_products onnx_conformance onnx_models onnx_peers onnx_write onnx_runtime PROPERTIES TIMEOUT 900) # some 300 graphs; some 80 trainings

# Whose time is the driver's compiler's, and whose subject is files: on Mesa's software drivers LLVM leaves out its optimization.
foreach(name onnx_edits onnx_hostile onnx_models onnx_quantize onnx_sizes onnx_write)
    set_property(TEST ${name} APPEND PROPERTY ENVIRONMENT GALLIVM_PERF=nopt)
endforeach()

# Samples that a user starts from, each by its README's command
foreach(name ${tuff_samples})
    add_test(NAME sample_${name} COMMAND ${TUFF_SH} ${PROJECT_SOURCE_DIR}/tests/run_sample.sh ${name})
    tuff_test_properties(sample_${name})
    set_tests_properties(sample_${name} PROPERTIES TIMEOUT 900)
endforeach()

# docs/examples/*.c are what the documents show: each is built as a user would, against the public headers, and run.
file(GLOB example_sources CONFIGURE_DEPENDS docs/examples/*.c)
find_library(TUFF_VULKAN_LOADER vulkan) # for apps that have a device of their own; Tuff opens it at run time
mark_as_advanced(TUFF_VULKAN_LOADER)
foreach(source ${example_sources})
    cmake_path(GET source STEM name)
    file(STRINGS ${source} vulkan REGEX "^#include <(tuff/vulkan|vulkan/vulkan)\\.h>")
    if(vulkan AND NOT TUFF_VULKAN_LOADER)
        continue()
    endif()
    add_executable(example-${name} ${source} ${test_extra})
    target_link_options(example-${name} PRIVATE ${test_extra_links})
    file(STRINGS ${source} data REGEX "tuff_(columns|dataset|idx|np[yz]|numpy|picture|tensors_open|weights)")
    set(library tuff::tuff)
    if(data)
        set(library tuff::data)
    endif()
    target_link_libraries(example-${name} PRIVATE ${library} tuff_flags $<$<BOOL:${TUFF_MATH_LIBRARY}>:${TUFF_MATH_LIBRARY}>)
    if(vulkan)
        target_link_libraries(example-${name} PRIVATE ${TUFF_VULKAN_LOADER})
        target_include_directories(example-${name} SYSTEM PRIVATE ${TUFF_VULKAN_INCLUDE_DIR})
    endif()
    if(NOT WIN32) # there a program's DLLs lie beside it
        set_target_properties(example-${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
    endif()
    add_test(NAME example_${name} COMMAND ${TUFF_SH} ${PROJECT_SOURCE_DIR}/tests/run_example.sh $<TARGET_FILE:example-${name}>)
    tuff_test_properties(example_${name})
endforeach()
