# Every *.comp of a folder is compiled by glslangValidator and checked by spirv-val, as it stands, flattened (includes of shaders/
# expanded), and with each -D set of its lines "// tuff: variants -DX=1; -DX=2 -DY=0". An error stops the build.
#
# tuff_shaders(NAME FOLDER): generated/NAME/sources.inc, the flattened texts as rows of struct tuff_kernel_source, and built.inc, the
# SPIR-V of the variants as rows of struct tuff_built_kernel; NAME_sources and NAME_built are what these read.
function(tuff_shaders name folder)
    file(GLOB files RELATIVE ${PROJECT_SOURCE_DIR}/${folder} CONFIGURE_DEPENDS ${folder}/*.comp)
    list(SORT files)
    set(to ${tuff_generated}/${name})
    set(texts)
    set(modules)
    foreach(file ${files})
        string(REGEX REPLACE "\\.comp$" "" kernel ${file})
        set(text ${to}/${kernel}.inc)
        set(spirv ${to}/${kernel}.spv.inc)
        add_custom_command(OUTPUT ${text} ${spirv}
            COMMAND ${CMAKE_COMMAND} -DSOURCE=${PROJECT_SOURCE_DIR}/${folder}/${file} -DINCLUDE_DIR=${PROJECT_SOURCE_DIR}/shaders
                    -DOUT_DIR=${to} -DGLSLANG=${TUFF_GLSLANG_VALIDATOR} -DSPIRV_VAL=${TUFF_SPIRV_VAL}
                    -DMADE=$<$<BOOL:${TUFF_SHADERS_OF}>:${TUFF_SHADERS_OF}/generated/${name}>
                    -P ${PROJECT_SOURCE_DIR}/cmake/shader.cmake
            DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/${file} ${PROJECT_SOURCE_DIR}/cmake/shader.cmake
            DEPFILE ${to}/${kernel}.d
            COMMENT "Shader ${file}" VERBATIM)
        list(APPEND texts ${text})
        list(APPEND modules ${spirv})
        string(APPEND source_rows "{\"${kernel}\",\n#include \"${name}/${kernel}.inc\"\n},\n")
        string(APPEND built_rows "#include \"${name}/${kernel}.spv.inc\"\n")
    endforeach()
    file(CONFIGURE OUTPUT ${to}/sources.inc CONTENT "${source_rows}")
    file(CONFIGURE OUTPUT ${to}/built.inc CONTENT "${built_rows}")
    set(${name}_sources ${texts} PARENT_SCOPE)
    set(${name}_built ${modules} PARENT_SCOPE)
endfunction()

tuff_shaders(shaders shaders)
set(kernels_dir ${tuff_generated}/shaders)
configure_file(cmake/kernels.h.in ${kernels_dir}/kernels.h COPYONLY)
configure_file(cmake/kernels.c.in ${kernels_dir}/kernels.c COPYONLY)
set_source_files_properties(${kernels_dir}/kernels.c PROPERTIES OBJECT_DEPENDS "${shaders_sources}")
set_source_files_properties(${PROJECT_SOURCE_DIR}/backend/built.c PROPERTIES OBJECT_DEPENDS "${shaders_built}")
add_custom_target(tuff_shaders DEPENDS ${shaders_sources}) # only the shaders: cmake --build DIR --target tuff_shaders
