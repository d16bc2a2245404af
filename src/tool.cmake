# libhone_media and the tool. Both static ones take the archives of their dependencies, so that the tool is one file
# that runs anywhere; libhone_media.so takes the system's shared libraries, whose archives need not be fit for it.
function(hone_find_archive name)
    find_library(HONE_${name}_ARCHIVE NAMES lib${name}.a ${name} REQUIRED)
endfunction()
foreach(name jpeg png z jansson)
    hone_find_archive(${name})
endforeach()
set(HONE_MEDIA_ARCHIVES ${HONE_jpeg_ARCHIVE} ${HONE_png_ARCHIVE} ${HONE_z_ARCHIVE} m)

hone_layer(media)
if(TARGET hone_layer_media)
    hone_library(hone_media STATIC media SHARED base media)
    target_link_libraries(hone_media PUBLIC hone PRIVATE jpeg png z)
    target_link_libraries(hone_media_static PUBLIC hone_static "$<BUILD_INTERFACE:${HONE_MEDIA_ARCHIVES}>"
                                                   $<INSTALL_INTERFACE:jpeg> $<INSTALL_INTERFACE:png>
                                                   $<INSTALL_INTERFACE:z>)
    list(APPEND hone_targets hone_media hone_media_static)
endif()

hone_layer(cli)
if(TARGET hone_layer_cli)
    add_executable(hone_tool $<TARGET_OBJECTS:hone_layer_cli>)
    set_target_properties(hone_tool PROPERTIES OUTPUT_NAME hone)
    target_link_libraries(hone_tool PRIVATE hone_build_static hone_media_static ${HONE_jansson_ARCHIVE})
    target_link_options(hone_tool PRIVATE -Wl,--gc-sections -Wl,--as-needed -Wl,-z,relro,-z,now)
endif()

# The manual and the shells' completions are made by the tool itself, of its own tables.
if(TARGET hone_tool AND NOT CMAKE_CROSSCOMPILING)
    set(hone_pages ${CMAKE_CURRENT_BINARY_DIR}/pages)
    file(MAKE_DIRECTORY ${hone_pages})
    add_custom_command(
        OUTPUT ${hone_pages}/hone.1 ${hone_pages}/hone ${hone_pages}/_hone ${hone_pages}/hone.fish
        COMMAND hone_tool help --man > ${hone_pages}/hone.1
        COMMAND hone_tool help --completion=bash > ${hone_pages}/hone
        COMMAND hone_tool help --completion=zsh > ${hone_pages}/_hone
        COMMAND hone_tool help --completion=fish > ${hone_pages}/hone.fish
        DEPENDS hone_tool VERBATIM)
    add_custom_target(hone_pages ALL DEPENDS ${hone_pages}/hone.1)
    install(FILES ${hone_pages}/hone.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
    install(FILES ${hone_pages}/hone DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
    install(FILES ${hone_pages}/_hone DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
    install(FILES ${hone_pages}/hone.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
endif()
