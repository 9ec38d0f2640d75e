# Every shaders/*.comp is compiled by glslangValidator and checked by spirv-val, as it stands, flattened (includes
# expanded), and with each -D set of its lines "// tuff: variants -DX=1; -DX=2 -DY=0". The flattened texts are embedded
# as generated shaders/kernels.c, the SPIR-V of the variants in backend/built.c. An error stops the build.

file(GLOB shader_files RELATIVE ${PROJECT_SOURCE_DIR}/shaders CONFIGURE_DEPENDS shaders/*.comp)
list(SORT shader_files)
set(kernels_dir ${tuff_generated}/shaders)
set(kernel_includes)
set(kernel_spirv)
set(spirv_rows)
set(kernel_arrays)
set(kernel_rows)
foreach(file ${shader_files})
    string(REGEX REPLACE "\\.comp$" "" name ${file})
    set(text ${kernels_dir}/${name}.inc)
    set(spirv ${kernels_dir}/${name}.spv.inc)
    add_custom_command(OUTPUT ${text} ${spirv}
        COMMAND ${CMAKE_COMMAND} -DSOURCE=${PROJECT_SOURCE_DIR}/shaders/${file} -DINCLUDE_DIR=${PROJECT_SOURCE_DIR}/shaders
                -DOUT_DIR=${kernels_dir} -DGLSLANG=${TUFF_GLSLANG_VALIDATOR} -DSPIRV_VAL=${TUFF_SPIRV_VAL}
                -DMADE=$<$<BOOL:${TUFF_SHADERS_OF}>:${TUFF_SHADERS_OF}/generated/shaders>
                -P ${PROJECT_SOURCE_DIR}/cmake/shader.cmake
        DEPENDS ${PROJECT_SOURCE_DIR}/shaders/${file} ${PROJECT_SOURCE_DIR}/cmake/shader.cmake
        DEPFILE ${kernels_dir}/${name}.d
        COMMENT "Shader ${file}" VERBATIM)
    list(APPEND kernel_includes ${text})
    list(APPEND kernel_spirv ${spirv})
    string(APPEND spirv_rows "#include \"shaders/${name}.spv.inc\"\n")
    string(MAKE_C_IDENTIFIER ${name} id)
    string(APPEND kernel_arrays "static const char source_${id}[] =\n#include \"shaders/${name}.inc\"\n    ;\n")
    string(APPEND kernel_rows "    {\"${name}\", source_${id}},\n")
endforeach()
list(LENGTH shader_files kernel_count)
configure_file(cmake/kernels.h.in ${kernels_dir}/kernels.h @ONLY)
configure_file(cmake/kernels.c.in ${kernels_dir}/kernels.c @ONLY)
set_source_files_properties(${kernels_dir}/kernels.c PROPERTIES OBJECT_DEPENDS "${kernel_includes}")
file(CONFIGURE OUTPUT ${kernels_dir}/built.inc CONTENT "${spirv_rows}")
set_source_files_properties(${PROJECT_SOURCE_DIR}/backend/built.c PROPERTIES OBJECT_DEPENDS "${kernel_spirv}")
set_source_files_properties(${PROJECT_SOURCE_DIR}/backend/tiles.c PROPERTIES OBJECT_DEPENDS "${kernels_dir}/probe_tiles.spv.inc")
add_custom_target(tuff_shaders DEPENDS ${kernel_includes}) # only the shaders: cmake --build DIR --target tuff_shaders
