# Objects by folder, and the libraries made of them.

file(GLOB backend_sources CONFIGURE_DEPENDS backend/*.c)
file(GLOB graph_sources CONFIGURE_DEPENDS graph/*.c graph/compile/*.c graph/ops/*.c graph/train/*.c)
file(GLOB loaders_sources CONFIGURE_DEPENDS loaders/*.c)
set(glslang_sources ${backend_sources}) # where SPIR-V comes from, and what needs it: not in the runtime
list(FILTER glslang_sources INCLUDE REGEX "/(glslang|built)\\.c$")
list(FILTER backend_sources EXCLUDE REGEX "/(glslang|built)\\.c$")
if(WIN32)
    list(FILTER backend_sources EXCLUDE REGEX "_posix\\.c$")
else()
    list(FILTER backend_sources EXCLUDE REGEX "_windows\\.c$")
endif()
file(WRITE ${tuff_generated}/empty.c.new "typedef int tuff_no_source_here;\n") # a folder that has no file yet
file(COPY_FILE ${tuff_generated}/empty.c.new ${tuff_generated}/empty.c ONLY_IF_DIFFERENT)

function(tuff_objects name)
    add_library(${name} OBJECT ${ARGN} ${tuff_generated}/empty.c)
    target_link_libraries(${name} PRIVATE tuff_flags Threads::Threads)
    target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR} ${tuff_generated})
    target_compile_definitions(${name} PRIVATE ${tuff_definitions} $<$<BOOL:${WIN32}>:TUFF_BUILDING=1>)
endfunction()
tuff_objects(tuff_backend_obj ${backend_sources} ${kernels_dir}/kernels.c)
tuff_objects(tuff_glslang_obj ${glslang_sources})
tuff_objects(tuff_graph_obj ${graph_sources})
tuff_objects(tuff_loaders_obj ${loaders_sources})
foreach(objects tuff_backend_obj tuff_glslang_obj)
    target_compile_definitions(${objects} PRIVATE VK_NO_PROTOTYPES)
    target_include_directories(${objects} SYSTEM PRIVATE ${TUFF_VOLK_INCLUDE_DIR} ${TUFF_VULKAN_INCLUDE_DIR})
endforeach()
if(TUFF_GLSLANG)
    target_include_directories(tuff_glslang_obj SYSTEM PRIVATE ${TUFF_GLSLANG_INCLUDE_DIR})
endif()
target_link_libraries(tuff_loaders_obj PRIVATE ${tuff_links})

set(tuff_runtime_objects $<TARGET_OBJECTS:tuff_backend_obj>)
set(tuff_all_objects ${tuff_runtime_objects} $<TARGET_OBJECTS:tuff_glslang_obj> $<TARGET_OBJECTS:tuff_graph_obj>
                     $<TARGET_OBJECTS:tuff_loaders_obj>)
set(tuff_system_links Threads::Threads ${CMAKE_DL_LIBS})
if(TUFF_MATH_LIBRARY)
    list(APPEND tuff_system_links m)
endif()
set(tuff_language C)
if(TUFF_GLSLANG)
    set(tuff_language CXX)
endif()

# Shared libraries export tuff_* alone.
set(tuff_export_map ${PROJECT_SOURCE_DIR}/cmake/tuff.map)
function(tuff_shared target language)
    target_link_libraries(${target} PRIVATE tuff_flags ${tuff_system_links})
    set_target_properties(${target} PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
                          LINKER_LANGUAGE ${language} LINK_DEPENDS ${tuff_export_map})
    if(UNIX AND NOT APPLE)
        target_link_options(${target} PRIVATE LINKER:--version-script=${tuff_export_map} LINKER:--no-undefined
                            LINKER:--as-needed)
        if(TUFF_SANITIZE)
            set_property(TARGET ${target} PROPERTY LINK_OPTIONS LINKER:--version-script=${tuff_export_map}) # clang's runtime is the program's
        endif()
    endif()
endfunction()

# Static archives: one relocatable object in which all but tuff_* is local, so that volk's vk* symbols do not meet those
# of -lvulkan or of the app's own volk. (.drectve would make a Windows program export tuff_* itself.) Where there is no GNU objcopy, a plain archive.
function(tuff_static target language output)
    set(object ${PROJECT_BINARY_DIR}/lib/${output}.o)
    if(CMAKE_OBJCOPY AND CMAKE_LINKER AND (MINGW OR UNIX AND NOT APPLE))
        add_custom_command(OUTPUT ${object}
            COMMAND ${CMAKE_LINKER} -r -o ${object} ${ARGN}
            COMMAND ${CMAKE_OBJCOPY} --wildcard --keep-global-symbol=tuff_* $<$<BOOL:${MINGW}>:--remove-section=.drectve> ${object}
            DEPENDS ${ARGN} COMMAND_EXPAND_LISTS VERBATIM COMMENT "Linking ${output}.o, vk* made local")
        set_source_files_properties(${object} PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)
        add_library(${target} STATIC ${object})
    else()
        add_library(${target} STATIC ${ARGN})
    endif()
    set_target_properties(${target} PROPERTIES OUTPUT_NAME ${output} LINKER_LANGUAGE ${language})
endfunction()

tuff_static(tuff_runtime_static C tuff_runtime ${tuff_runtime_objects})
tuff_static(tuff_static ${tuff_language} tuff ${tuff_all_objects})
add_dependencies(tuff_runtime_static tuff_backend_obj) # make, unlike ninja, knows no rule for another target's object
add_dependencies(tuff_static tuff_backend_obj tuff_glslang_obj tuff_graph_obj tuff_loaders_obj)
set(tuff_closure_names ${tuff_glslang_names} ${tuff_link_names})
if(TUFF_GLSLANG)
    list(APPEND tuff_closure_names -lstdc++)
endif()
target_link_libraries(tuff_static INTERFACE "$<BUILD_INTERFACE:${tuff_glslang_links};${tuff_links};$<$<BOOL:${TUFF_GLSLANG}>:stdc++>>"
                      "$<INSTALL_INTERFACE:${tuff_closure_names}>")
set(tuff_targets tuff_static tuff_runtime_static)
if(BUILD_SHARED_LIBS)
    add_library(tuff SHARED ${tuff_all_objects})
    add_library(tuff_runtime SHARED ${tuff_runtime_objects})
    tuff_shared(tuff ${tuff_language})
    tuff_shared(tuff_runtime C)
    target_link_libraries(tuff PRIVATE ${tuff_glslang_links} ${tuff_links})
    list(APPEND tuff_targets tuff tuff_runtime)
    add_library(tuff::tuff ALIAS tuff)
    add_library(tuff::runtime ALIAS tuff_runtime)
    set_target_properties(tuff_runtime PROPERTIES EXPORT_NAME runtime)
else()
    add_library(tuff::tuff ALIAS tuff_static)
    add_library(tuff::runtime ALIAS tuff_runtime_static)
endif()
add_library(tuff::tuff_static ALIAS tuff_static)
add_library(tuff::runtime_static ALIAS tuff_runtime_static)
set_target_properties(tuff_runtime_static PROPERTIES EXPORT_NAME runtime_static)
foreach(target ${tuff_targets})
    target_include_directories(${target} INTERFACE $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/include>
                               $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
    if(target MATCHES "static")
        target_link_libraries(${target} INTERFACE ${tuff_system_links})
        if(TUFF_SANITIZE)
            target_link_options(${target} INTERFACE $<BUILD_INTERFACE:-fsanitize=${TUFF_SANITIZE}>)
        endif()
    endif()
    add_dependencies(${target} tuff_headers)
endforeach()
file(RELATIVE_PATH to_lib /${CMAKE_INSTALL_BINDIR} /${CMAKE_INSTALL_LIBDIR}) # for INSTALL_RPATH of programs
