# The vector code: every .c of simd/ compiled once for each level of the target's instruction set, under names that end in
# the level. Only these objects may hold instructions beyond the baseline; level.c chooses among them at start.
file(GLOB simd_sources CONFIGURE_DEPENDS cpu/simd/*.c)
set(HONE_SIMD_LAYERS)

function(hone_simd level)
    add_library(hone_simd_${level} OBJECT ${simd_sources})
    target_include_directories(hone_simd_${level} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include)
    target_compile_definitions(hone_simd_${level} PRIVATE HONE_LEVEL=${level})
    target_compile_options(hone_simd_${level} PRIVATE -ffp-contract=fast -fno-trapping-math ${ARGN})
    list(APPEND HONE_SIMD_LAYERS simd_${level})
    set(HONE_SIMD_LAYERS ${HONE_SIMD_LAYERS} PARENT_SCOPE)
endfunction()

hone_simd(scalar)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64|amd64")
    hone_simd(avx2 -mavx2 -mfma -mf16c)
    hone_simd(avx512 -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma -mf16c -mprefer-vector-width=512)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
    hone_simd(neon)
endif()
