# Programs that need an NVIDIA GPU; exit status 77 where there is none. scripts/gpu runs them all.
if(CMAKE_CROSSCOMPILING)
    return()
endif()
add_executable(hone_gpu_smoke gpu/smoke.c)
target_include_directories(hone_gpu_smoke PRIVATE ${PROJECT_SOURCE_DIR}/src)
target_link_libraries(hone_gpu_smoke PRIVATE hone_build_static)
add_test(NAME gpu_smoke COMMAND hone_gpu_smoke ${CMAKE_CURRENT_SOURCE_DIR}/gpu/smoke.cu)
set_tests_properties(gpu_smoke PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 300)
