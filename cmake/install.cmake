# Installation: headers, libraries, programs, find_package(tuff), tuff.pc.

install(FILES ${tuff_installed_headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/tuff)
install(TARGETS ${tuff_targets} EXPORT tuff-targets)
if(tuff_programs)
    install(TARGETS ${tuff_programs})
endif()
set(config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/tuff)
install(EXPORT tuff-targets NAMESPACE tuff:: DESTINATION ${config_dir})
configure_package_config_file(cmake/tuff-config.cmake.in ${tuff_generated}/tuff-config.cmake INSTALL_DESTINATION ${config_dir})
write_basic_package_version_file(${tuff_generated}/tuff-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${tuff_generated}/tuff-config.cmake ${tuff_generated}/tuff-config-version.cmake DESTINATION ${config_dir})

list(JOIN tuff_closure_names " " closure)
set(pc_system "-ldl -lm -pthread")
if(WIN32)
    set(pc_system "-lm")
endif()
file(RELATIVE_PATH pc_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /) # lib may be lib/x86_64-linux-gnu
foreach(pc tuff tuff_runtime)
    configure_file(cmake/${pc}.pc.in ${tuff_generated}/${pc}.pc @ONLY)
    install(FILES ${tuff_generated}/${pc}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
