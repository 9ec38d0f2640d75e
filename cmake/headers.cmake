# Public headers as users see them: "backend/base.h" of the source tree becomes <tuff/base.h>.

set(tuff_public_headers backend/base.h backend/caps.h backend/executable.h backend/backend.h backend/vulkan.h graph/graph.h
                        graph/augment.h graph/values.h graph/operators.h graph/layers.h graph/losses.h graph/metrics.h graph/sequence.h graph/session.h graph/spatial.h graph/train.h graph/ops/pointwise.def
                        loaders/loaders.h samples/data/data.h cmake/tuff.h)
foreach(header ${tuff_public_headers})
    if(NOT EXISTS ${PROJECT_SOURCE_DIR}/${header})
        continue()
    endif()
    cmake_path(GET header FILENAME name)
    set(installed ${PROJECT_BINARY_DIR}/include/tuff/${name})
    add_custom_command(OUTPUT ${installed}
        COMMAND ${CMAKE_COMMAND} -DIN=${PROJECT_SOURCE_DIR}/${header} -DOUT=${installed}
                -P ${PROJECT_SOURCE_DIR}/cmake/install_header.cmake
        DEPENDS ${header} cmake/install_header.cmake
        COMMENT "Header tuff/${name}" VERBATIM)
    list(APPEND tuff_installed_headers ${installed})
endforeach()
add_custom_target(tuff_headers ALL DEPENDS ${tuff_installed_headers})

# cmake --build DIR --target docs: API reference in DIR/docs/html; stops on a warning of Doxygen.
find_program(TUFF_DOXYGEN doxygen)
mark_as_advanced(TUFF_DOXYGEN)
if(TUFF_DOXYGEN)
    set(documented)
    foreach(header ${tuff_public_headers})
        if(header MATCHES "\\.h$" AND EXISTS ${PROJECT_SOURCE_DIR}/${header})
            string(APPEND documented " ${header}")
        endif()
    endforeach()
    string(APPEND documented " docs/tutorials docs/layers.md docs/training.md docs/debugging.md docs/numerics.md docs/operators.md")
    add_custom_target(docs
        COMMAND ${CMAKE_COMMAND} -E make_directory ${PROJECT_BINARY_DIR}/docs
        COMMAND ${CMAKE_COMMAND} -E copy_directory docs/examples ${PROJECT_BINARY_DIR}/docs/examples # what pages link to
        COMMAND ${CMAKE_COMMAND} -E env "TUFF_DOCS_INPUT=${documented}" TUFF_DOCS_OUTPUT=${PROJECT_BINARY_DIR}/docs
                TUFF_VERSION=${PROJECT_VERSION} ${TUFF_DOXYGEN} docs/Doxyfile
        WORKING_DIRECTORY ${PROJECT_SOURCE_DIR} VERBATIM COMMENT "API reference")
else()
    add_custom_target(docs COMMAND ${CMAKE_COMMAND} -E echo "SKIP: doxygen is not installed" VERBATIM)
endif()
