# A GPU in software: libcuda.so.1 and libnvrtc.so that run kernels on the host, so that the programs and tests for GPUs find
# one where there is none. LD_LIBRARY_PATH and HONE_NVRTC name them; see docs/gpu.md.
if(CMAKE_CROSSCOMPILING)
    return()
endif()
set(emulator ${CMAKE_CURRENT_BINARY_DIR}/emulator)
add_library(hone_emulator_driver SHARED emulator/driver.c)
target_include_directories(hone_emulator_driver PRIVATE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)
target_link_libraries(hone_emulator_driver PRIVATE ${CMAKE_DL_LIBS} pthread)
set_target_properties(hone_emulator_driver PROPERTIES OUTPUT_NAME cuda SOVERSION 1 LIBRARY_OUTPUT_DIRECTORY ${emulator})
add_library(hone_emulator_compiler SHARED emulator/nvrtc.c)
target_compile_definitions(hone_emulator_compiler PRIVATE EMULATOR_FOLDER="${CMAKE_CURRENT_LIST_DIR}")
set_target_properties(hone_emulator_compiler PROPERTIES OUTPUT_NAME nvrtc LIBRARY_OUTPUT_DIRECTORY ${emulator}
                                                        C_VISIBILITY_PRESET default)

# emulated(NAME COMMAND...): a test that finds the emulator.
function(emulated name)
    add_test(NAME emulated_${name} COMMAND ${ARGN})
    set_tests_properties(emulated_${name} PROPERTIES TIMEOUT 600 SKIP_RETURN_CODE 77
                         ENVIRONMENT "LD_LIBRARY_PATH=${emulator};HONE_NVRTC=${emulator}/libnvrtc.so")
endfunction()

# Sanitizers do not see the kernels, which another compiler makes.
if(NOT HONE_SANITIZE)
    foreach(operator softmax norm reduce_ pool transpose relayout concat split slice pad gather resize squeeze_excite
                     x1x5x5 2x33x64 20x40)
        emulated(${operator} $<TARGET_FILE:hone_gpu_rows> cuda quick ${operator})
    endforeach()
    if(TARGET hone_tool)
        emulated(models ${CMAKE_CURRENT_LIST_DIR}/../gpu/models.sh $<TARGET_FILE:hone_tool>
                 ${PROJECT_SOURCE_DIR}/fuzz/corpus/model)
    endif()
endif()
