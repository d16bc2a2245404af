# Whole models by the tool: built for an architecture everywhere, run where there is a GPU.
if(TARGET hone_tool AND NOT CMAKE_CROSSCOMPILING)
    foreach(target sm_75 sm_90)
        add_test(NAME gpu_models_${target} COMMAND ${CMAKE_CURRENT_LIST_DIR}/models.sh $<TARGET_FILE:hone_tool>
                                                   ${PROJECT_SOURCE_DIR}/fuzz/corpus/model ${target})
        set_tests_properties(gpu_models_${target} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 600)
    endforeach()
    foreach(folder fuzz/corpus/model examples/fashion)
        string(REPLACE "/" "_" name ${folder})
        add_test(NAME gpu_models_${name} COMMAND ${CMAKE_CURRENT_LIST_DIR}/models.sh $<TARGET_FILE:hone_tool>
                                                 ${PROJECT_SOURCE_DIR}/${folder})
        set_tests_properties(gpu_models_${name} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 600)
    endforeach()
endif()

# Programs that need an NVIDIA GPU; exit status 77 where there is none. scripts/gpu runs them all.
if(CMAKE_CROSSCOMPILING)
    return()
endif()
add_executable(hone_gpu_smoke gpu/smoke.c)
target_include_directories(hone_gpu_smoke PRIVATE ${PROJECT_SOURCE_DIR}/src)
target_link_libraries(hone_gpu_smoke PRIVATE hone_build_static)
add_test(NAME gpu_smoke COMMAND hone_gpu_smoke ${CMAKE_CURRENT_SOURCE_DIR}/gpu/smoke.cu)
set_tests_properties(gpu_smoke PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 300)

add_executable(hone_gpu_contraction gpu/contraction.c)
target_include_directories(hone_gpu_contraction PRIVATE ${PROJECT_SOURCE_DIR}/src ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(hone_gpu_contraction PRIVATE hone_build_static)
add_test(NAME gpu_contraction COMMAND hone_gpu_contraction cuda quick)
set_tests_properties(gpu_contraction PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 600)

add_executable(hone_gpu_rows gpu/rows.c)
target_include_directories(hone_gpu_rows PRIVATE ${PROJECT_SOURCE_DIR}/src ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(hone_gpu_rows PRIVATE hone_build_static)
add_test(NAME gpu_rows COMMAND hone_gpu_rows cuda quick)
set_tests_properties(gpu_rows PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 600)

add_executable(hone_gpu_engine gpu/engine.c)
target_include_directories(hone_gpu_engine PRIVATE ${PROJECT_SOURCE_DIR}/src ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(hone_gpu_engine PRIVATE hone_build_static)
add_test(NAME gpu_engine COMMAND hone_gpu_engine cuda quick)
set_tests_properties(gpu_engine PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 600)
