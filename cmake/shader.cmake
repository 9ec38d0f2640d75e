# cmake -DSOURCE=a.comp -DINCLUDE_DIR=shaders -DOUT_DIR=... -DGLSLANG=... -DSPIRV_VAL=... [-DMADE=...] -P shader.cmake
#
# Flattens a shader into OUT_DIR/<name>.comp, compiles and validates original, flattened text and variants, writes the
# text without its block comments as C string literals into OUT_DIR/<name>.inc, the SPIR-V of each variant (of the file where it has none) as rows of
# backend/built.c into OUT_DIR/<name>.spv.inc, and what was read into OUT_DIR/<name>.d.
cmake_minimum_required(VERSION 3.25)

cmake_path(GET SOURCE STEM LAST_ONLY name)
set(flat ${OUT_DIR}/${name}.comp)
set(spirv ${OUT_DIR}/${name}.spv)
# What another build made of the same texts is taken over.
set(newer TRUE)
if(MADE AND EXISTS ${MADE}/${name}.d AND EXISTS ${MADE}/${name}.spv.inc)
    set(newer FALSE)
    file(READ ${MADE}/${name}.d dependencies)
    string(REGEX REPLACE "^[^:]*: |\n" "" sources "${dependencies}")
    separate_arguments(sources)
    foreach(source IN LISTS sources ITEMS ${CMAKE_CURRENT_LIST_FILE})
        if(${source} IS_NEWER_THAN ${MADE}/${name}.spv.inc)
            set(newer TRUE)
        endif()
    endforeach()
endif()
if(NOT newer)
    file(GLOB made ${MADE}/${name}.*)
    file(COPY ${made} DESTINATION ${OUT_DIR})
    string(REPLACE "${MADE}/" "${OUT_DIR}/" dependencies "${dependencies}")
    file(WRITE ${OUT_DIR}/${name}.d "${dependencies}")
    file(TOUCH ${OUT_DIR}/${name}.inc ${OUT_DIR}/${name}.spv.inc)
    return()
endif()
file(READ ${SOURCE} text)

# Only whole-text operations: a CMake list would eat semicolons and brackets.
set(seen)
while(text MATCHES "(^|\n)([ \t]*#[ \t]*include[ \t]*\"([^\"\n]+)\"[^\n]*)")
    set(line "${CMAKE_MATCH_2}")
    set(path "${INCLUDE_DIR}/${CMAKE_MATCH_3}")
    set(included "")
    if(NOT path IN_LIST seen OR path MATCHES "\\.def$") # tables are read again by other macros
        list(APPEND seen ${path})
        if(NOT EXISTS ${path})
            message(FATAL_ERROR "${SOURCE}: no file ${CMAKE_MATCH_3} in ${INCLUDE_DIR}")
        endif()
        file(READ ${path} included)
    endif()
    if(path STREQUAL "${INCLUDE_DIR}/kernels.def" AND included)
        string(REPLACE "\\\n" "" kernel_table "${included}") # a macro a line
        set(included "<kernels.def>")
    endif()
    string(FIND "${text}" "${line}" at)
    string(LENGTH "${line}" length)
    string(SUBSTRING "${text}" 0 ${at} before)
    math(EXPR after_at "${at} + ${length}")
    string(SUBSTRING "${text}" ${after_at} -1 after)
    set(text "${before}${included}${after}")
endwhile()
# Of the table of kernels, the macros that this file expands.
if(DEFINED kernel_table)
    string(REGEX MATCHALL "TUFF_(KERNEL|CONSTANTS|WORDS|PORTS)[(][A-Za-z0-9_]+" uses "${text}")
    list(TRANSFORM uses REPLACE "^TUFF_PORTS[(]" "TUFF_PORTS_")
    list(TRANSFORM uses REPLACE "^TUFF_[A-Z]+[(]" "TUFF_PART_")
    list(REMOVE_DUPLICATES uses)
    set(macros "")
    foreach(macro IN LISTS uses)
        if(kernel_table MATCHES "#define ${macro}[(][^\n]*\n")
            string(APPEND macros "${CMAKE_MATCH_0}")
        elseif(NOT macro MATCHES "_(part|letters)$")
            message(FATAL_ERROR "${SOURCE}: kernels.def has no ${macro}")
        endif()
    endforeach()
    string(REPLACE "<kernels.def>" "${macros}" text "${text}")
endif()
string(REGEX REPLACE "(^|\n)[ \t]*#[ \t]*extension[ \t]+GL_GOOGLE_include_directive[^\n]*" "\\1" text "${text}")
string(REGEX REPLACE "/[*]([^*]|[*]+[^*/])*[*]+/" " " text "${text}") # a quarter of what the library carries
# Of pw_helpers.def what is C's alone, and indentation: a third of it.
string(REGEX REPLACE ";,[^;#]*[)]\n([ \n]*(PW_|#))" ";,,)\n\\1" text "${text}")
string(REGEX REPLACE "\n[ \t\n]+" "\n" text "${text}")
file(WRITE ${flat} "${text}")

# compile(FILE WHAT [-D...]): GLSL -> SPIR-V -> validated, or the build stops. Files with a line "// tuff: run-time" are compiled in plans alone, where
# backend/glslang.c completes their SPIR-V: none is kept.
string(FIND "${text}" "// tuff: run-time" run_time)
if(run_time EQUAL -1)
    set(run_time FALSE)
else()
    set(run_time TRUE)
endif()
function(compile file what)
    execute_process(COMMAND ${GLSLANG} -V --quiet -g0 --target-env vulkan1.1 -S comp -I${INCLUDE_DIR} ${ARGN} -o ${spirv} ${file}
                    RESULT_VARIABLE failed OUTPUT_VARIABLE out ERROR_VARIABLE out)
    if(failed)
        message(NOTICE "${out}")
        message(FATAL_ERROR "${name}.comp (${what}) does not compile")
    endif()
    if(run_time)
        return()
    endif()
    execute_process(COMMAND ${SPIRV_VAL} --target-env vulkan1.1 ${spirv}
                    RESULT_VARIABLE failed OUTPUT_VARIABLE out ERROR_VARIABLE out)
    if(failed)
        message(NOTICE "${out}")
        message(FATAL_ERROR "${name}.comp (${what}) gives invalid SPIR-V")
    endif()
endfunction()

# keep(DEFINES): the SPIR-V just compiled as a row of backend/built.c; DEFINES is as C has it in a string.
set(rows "")
function(keep defines)
    file(READ ${spirv} words HEX)
    string(REGEX REPLACE "(..)(..)(..)(..)" "0x\\4\\3\\2\\1," words "${words}")
    string(REGEX REPLACE "(...........,...........,...........,...........,...........,...........,...........,...........,)"
                         "\\1\n" words "${words}") # lines of eight
    file(SIZE ${spirv} bytes)
    set(rows "${rows}{\"${name}\", \"${defines}\", ${bytes} / 4, (const uint32_t[]){\n${words}}},\n" PARENT_SCOPE)
endfunction()

compile(${SOURCE} "as it is") # first: its error lines are those of the source
file(STRINGS ${SOURCE} variant_lines REGEX "^[ \t]*//[ \t]*tuff:[ \t]*variants[ \t]")
foreach(line IN LISTS variant_lines)
    string(REGEX REPLACE "^.*tuff:[ \t]*variants[ \t]*" "" sets "${line}")
    foreach(set IN LISTS sets) # parted by semicolons
        string(STRIP "${set}" set)
        if(set)
            separate_arguments(arguments UNIX_COMMAND "${set}")
            compile(${flat} "variant ${set}" ${arguments})
            string(REGEX REPLACE "-D([A-Za-z0-9_]+)=([0-9]+) *" "#define \\1 \\2\\\\n" defines "${set}")
            keep("${defines}")
        endif()
    endforeach()
endforeach()
compile(${flat} "flattened") # last: the .spv that stays is this one
if(rows STREQUAL "" AND NOT run_time)
    keep("")
endif()
file(WRITE ${OUT_DIR}/${name}.spv.inc "${rows}")

set(literal "${text}")
string(REPLACE "\\" "\\\\" literal "${literal}")
string(REPLACE "\"" "\\\"" literal "${literal}")
string(REPLACE "??" "?\\?" literal "${literal}")
string(REPLACE "\n" "\\n\"\n    \"" literal "${literal}")
file(WRITE ${OUT_DIR}/${name}.inc "    \"${literal}\"\n")

set(dependencies ${SOURCE} ${seen})
list(JOIN dependencies " " dependencies)
file(WRITE ${OUT_DIR}/${name}.d "${OUT_DIR}/${name}.inc: ${dependencies}\n")
