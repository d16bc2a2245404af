# The tool from outside: shell scripts, each given the path of the executable.
if(NOT TARGET hone_tool OR CMAKE_CROSSCOMPILING)
    return()
endif()
foreach(name usage pages network interrupt)
    add_test(NAME cli_${name} COMMAND ${CMAKE_CURRENT_LIST_DIR}/${name}.sh $<TARGET_FILE:hone_tool>)
    set_tests_properties(cli_${name} PROPERTIES TIMEOUT 300)
endforeach()
