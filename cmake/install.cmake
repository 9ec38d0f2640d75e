# Installation: headers, libraries, programs, find_package(tuff), tuff.pc; by components, which package.cmake makes packages of.

install(FILES ${tuff_installed_headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/tuff COMPONENT dev)
foreach(target ${tuff_targets}) # libtuff, libtuff_data and libtuff_runtime have components of their own
    install(TARGETS ${target} EXPORT tuff-targets RUNTIME COMPONENT lib${target}
            LIBRARY COMPONENT lib${target} NAMELINK_COMPONENT dev ARCHIVE COMPONENT dev)
endforeach()
if(tuff_programs)
    install(TARGETS ${tuff_programs} COMPONENT tools)
endif()
install(DIRECTORY docs/examples docs/tutorials DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT dev)
install(FILES docs/layers.md docs/training.md docs/debugging.md docs/numerics.md docs/operators.md
        DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT dev) # what the tutorials lead to
set(config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/tuff)
install(EXPORT tuff-targets NAMESPACE tuff:: DESTINATION ${config_dir} COMPONENT dev)
configure_package_config_file(cmake/tuff-config.cmake.in ${tuff_generated}/tuff-config.cmake INSTALL_DESTINATION ${config_dir})
write_basic_package_version_file(${tuff_generated}/tuff-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${tuff_generated}/tuff-config.cmake ${tuff_generated}/tuff-config-version.cmake DESTINATION ${config_dir}
        COMPONENT dev)

list(JOIN tuff_closure_names " " closure)
set(pc_system "-ldl -lm -pthread")
if(WIN32)
    set(pc_system "-lm")
endif()
# libtuff_data and its codecs stand in tuff.pc too, for those who call it; who does not, does not need them at run time.
list(JOIN tuff_data_link_names " " pc_codecs)
set(pc_data -ltuff_data)
if(UNIX AND NOT APPLE)
    string(REPLACE ";" "," names "${tuff_data_link_names}")
    set(pc_data "-Wl,--push-state,--as-needed,-ltuff_data,--pop-state")
    if(names)
        set(pc_codecs "-Wl,--push-state,--as-needed,${names},--pop-state")
    endif()
endif()
file(RELATIVE_PATH pc_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /) # lib may be lib/x86_64-linux-gnu
foreach(pc tuff tuff_runtime)
    configure_file(cmake/${pc}.pc.in ${tuff_generated}/${pc}.pc @ONLY)
    install(FILES ${tuff_generated}/${pc}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT dev)
endforeach()
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT license)
if(UNIX AND NOT APPLE AND PROJECT_IS_TOP_LEVEL)
    include(cmake/package.cmake)
endif()
