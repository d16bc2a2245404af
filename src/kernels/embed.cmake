# The kernels as text inside the library. Included by src/CMakeLists.txt it makes the object library hone_layer_kernels;
# run as a script (cmake -DFOLDER=... -DOUT=... -P embed.cmake) it writes texts.inc: a row for each .cu of the folder,
# with the .cuh files that it includes put in their places.
if(NOT CMAKE_SCRIPT_MODE_FILE)
    file(GLOB kernel_texts CONFIGURE_DEPENDS kernels/*.cu kernels/*.cuh)
    set(kernel_rows ${CMAKE_CURRENT_BINARY_DIR}/kernels/texts.inc)
    add_custom_command(
        OUTPUT ${kernel_rows}
        COMMAND ${CMAKE_COMMAND} -DFOLDER=${CMAKE_CURRENT_SOURCE_DIR}/kernels -DOUT=${kernel_rows}
                -P ${CMAKE_CURRENT_SOURCE_DIR}/kernels/embed.cmake
        DEPENDS ${kernel_texts} kernels/embed.cmake
        COMMENT "Embedding the kernels' texts")
    hone_objects(hone_layer_kernels kernels/kernels.c ${kernel_rows})
    target_include_directories(hone_layer_kernels PRIVATE ${CMAKE_CURRENT_BINARY_DIR})
    return()
endif()

# resolve(OUT FILE): the file's text, each `#include "name.cuh"` line replaced by that file's text.
function(resolve out file)
    file(READ ${file} text)
    while(text MATCHES "#include \"([a-z0-9_]+\\.cuh)\"\n")
        set(line "${CMAKE_MATCH_0}")
        file(READ ${FOLDER}/${CMAKE_MATCH_1} included)
        string(REPLACE "${line}" "${included}" text "${text}")
    endwhile()
    set(${out} "${text}" PARENT_SCOPE)
endfunction()

# append_text(NAME TEXT): a C array with the text's bytes and a final zero; strings would be longer than C promises.
function(append_text name text)
    file(WRITE ${OUT}.tmp "${text}")
    file(READ ${OUT}.tmp bytes HEX)
    file(REMOVE ${OUT}.tmp)
    string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
    file(APPEND ${OUT} "static const char text_${name}[] = {\n${bytes}0};\n")
endfunction()

file(WRITE ${OUT} "/* Made by src/kernels/embed.cmake. */\n")
resolve(text ${FOLDER}/prelude.cuh)
append_text(prelude "${text}")
file(GLOB kernels ${FOLDER}/*.cu)
set(rows)
foreach(kernel ${kernels})
    get_filename_component(name ${kernel} NAME_WE)
    resolve(text ${kernel})
    if(NOT text MATCHES "Limits: compute capability ([0-9]+)\\.([0-9])")
        message(FATAL_ERROR "${kernel}: its head comment names no compute capability (\"Limits: compute capability 8.0\")")
    endif()
    set(arch ${CMAKE_MATCH_1}${CMAKE_MATCH_2})
    string(REGEX MATCH "Limits: compute capability [0-9.]+ alone" alone "${text}")
    if(alone)
        string(APPEND rows "    {\"${name}\", text_${name}, ${arch}, true},\n")
    else()
        string(APPEND rows "    {\"${name}\", text_${name}, ${arch}, false},\n")
    endif()
    append_text(${name} "${text}")
endforeach()
file(APPEND ${OUT} "static const hone_kernel_text texts[] = {\n${rows}};\n")
