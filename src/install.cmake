# What `cmake --install` lays out: libraries, headers, HoneConfig.cmake for find_package(Hone), hone.pc and its two
# companions for pkg-config. Shared libraries and the tool are stripped in release builds.
include(CMakePackageConfigHelpers)

if(CMAKE_BUILD_TYPE STREQUAL "Release")
    install(CODE "set(CMAKE_INSTALL_DO_STRIP ON)")
endif()
install(TARGETS ${hone_targets} EXPORT HoneTargets)
if(TARGET hone_tool)
    install(TARGETS hone_tool)
endif()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/hone TYPE INCLUDE FILES_MATCHING PATTERN "*.h")

set(config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/Hone)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/HoneConfig.cmake.in HoneConfig.cmake
                              INSTALL_DESTINATION ${config_dir})
write_basic_package_version_file(HoneConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(EXPORT HoneTargets NAMESPACE Hone:: DESTINATION ${config_dir})
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/HoneConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/HoneConfigVersion.cmake
        DESTINATION ${config_dir})

# hone_pkg_config(NAME DESCRIPTION REQUIRES LIBS_PRIVATE): installs NAME.pc, which finds its prefix from its own place.
function(hone_pkg_config name description requires libs_private)
    file(RELATIVE_PATH up /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
    string(REGEX REPLACE "/$" "" up "${up}")
    configure_file(${PROJECT_SOURCE_DIR}/cmake/hone.pc.in ${name}.pc @ONLY)
    install(FILES ${CMAKE_CURRENT_BINARY_DIR}/${name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()

hone_pkg_config(hone "runs compiled neural networks" "" "-lm -pthread -ldl")
hone_pkg_config(hone_build "compiles ONNX models into plans" "hone = ${PROJECT_VERSION}" "")
if(TARGET hone_media)
    hone_pkg_config(hone_media "reads pictures and arrays for Hone" "hone = ${PROJECT_VERSION}" "-ljpeg -lpng -lz")
endif()
