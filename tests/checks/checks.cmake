# Checks of the tree and of what is installed, as tests beside the others. Exit status 77 of a check means: skipped, for
# the reason it prints.
find_package(Python3 COMPONENTS Interpreter)
if(CMAKE_CROSSCOMPILING OR NOT Python3_FOUND)
    return()
endif()

function(hone_check name)
    add_test(NAME check_${name} COMMAND ${ARGN} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_tests_properties(check_${name} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 600)
endfunction()

set(checks ${CMAKE_CURRENT_SOURCE_DIR}/checks)
hone_check(layers ${Python3_EXECUTABLE} ${checks}/layers.py)
hone_check(format ${checks}/format.sh)
hone_check(headers ${checks}/headers.sh)
hone_check(operators_doc ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/scripts/operators_doc.py --check)
hone_check(passes_doc ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/scripts/passes_doc.py --check)

# Sanitizers and coverage put symbols and libraries of their own into everything: what is shipped is checked without.
if(NOT HONE_SANITIZE AND NOT HONE_COVERAGE AND NOT HONE_FUZZ)
    hone_check(symbols ${Python3_EXECUTABLE} ${checks}/symbols.py ${PROJECT_BINARY_DIR}/src)
    if(TARGET hone_tool)
        hone_check(install ${CMAKE_CURRENT_SOURCE_DIR}/install/run.sh ${PROJECT_BINARY_DIR})
    endif()
endif()
