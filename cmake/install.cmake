# What `cmake --install` puts in place: header, libraries, CMake package, pkg-config file, the program, and
# the pages that the program writes about itself.
include(CMakePackageConfigHelpers)

function(waggle_install)
    install(FILES ${PROJECT_SOURCE_DIR}/include/waggle.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
    set(package ${CMAKE_INSTALL_LIBDIR}/cmake/waggle)
    # Two export sets: who links the shared library needs none of the libraries below it.
    foreach(kind shared static)
        install(TARGETS waggle_${kind} EXPORT waggle-${kind}
            LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
        install(EXPORT waggle-${kind} NAMESPACE waggle:: FILE waggle-${kind}.cmake DESTINATION ${package})
    endforeach()
    configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/waggle-config.cmake.in
        ${CMAKE_BINARY_DIR}/waggle-config.cmake INSTALL_DESTINATION ${package})
    write_basic_package_version_file(${CMAKE_BINARY_DIR}/waggle-config-version.cmake
        COMPATIBILITY SameMinorVersion)
    install(FILES ${CMAKE_BINARY_DIR}/waggle-config.cmake ${CMAKE_BINARY_DIR}/waggle-config-version.cmake
        DESTINATION ${package})
    # The pkg-config file finds its prefix from its own place, so that the tree can be moved.
    file(RELATIVE_PATH waggle_pc_prefix /p/${CMAKE_INSTALL_LIBDIR}/pkgconfig /p)
    string(REGEX REPLACE "/$" "" waggle_pc_prefix "${waggle_pc_prefix}")
    configure_file(${PROJECT_SOURCE_DIR}/cmake/waggle.pc.in ${CMAKE_BINARY_DIR}/waggle.pc @ONLY)
    install(FILES ${CMAKE_BINARY_DIR}/waggle.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
    if(TARGET waggle)
        install(TARGETS waggle RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
    endif()
    if(TARGET waggle_pages)
        set(pages ${CMAKE_BINARY_DIR}/pages)
        set(share ${CMAKE_INSTALL_DATADIR})
        install(FILES ${pages}/waggle.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
        install(FILES ${pages}/waggle.bash DESTINATION ${share}/bash-completion/completions RENAME waggle)
        install(FILES ${pages}/_waggle DESTINATION ${share}/zsh/site-functions)
        install(FILES ${pages}/waggle.fish DESTINATION ${share}/fish/vendor_completions.d)
    endif()
endfunction()
