# Benchmarks: bench/<name>.c is the program bench_<name>. They measure; scripts/accept/* compare with the goals.
# What they share is a library, with tests (bench/*_test.c) that run with all others.
option(WAGGLE_BENCH "Build the benchmarks" OFF)

# hnswlib, which bench_exact compares with, is C++, and the only C++ there is.
if(WAGGLE_BENCH)
    find_path(WAGGLE_HNSWLIB_INCLUDE hnswlib/hnswlib.h)
    include(CheckLanguage)
    check_language(CXX)
    if(WAGGLE_HNSWLIB_INCLUDE AND CMAKE_CXX_COMPILER)
        enable_language(CXX) # not in a function: it sets variables of the folder
    else()
        message(STATUS "libhnswlib-dev or a C++ compiler is missing: bench_exact will not compare with hnswlib")
    endif()
endif()

set(bench_shared support clustered sets truth) # of bench/*.c: no programs

function(waggle_benchmarks)
    if(NOT WAGGLE_BENCH AND NOT WAGGLE_TESTS)
        return()
    endif()
    list(TRANSFORM bench_shared PREPEND ${PROJECT_SOURCE_DIR}/bench/ OUTPUT_VARIABLE shared)
    list(TRANSFORM shared APPEND .c)
    add_library(wg_bench_support STATIC ${shared})
    target_include_directories(wg_bench_support PUBLIC ${PROJECT_SOURCE_DIR}/bench)
    target_compile_options(wg_bench_support PRIVATE ${waggle_flags} ${waggle_warnings})
    target_link_libraries(wg_bench_support PUBLIC wg_engine)
    if(WAGGLE_TESTS)
        file(GLOB tests CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/bench/*_test.c)
        foreach(source ${tests})
            waggle_test(${source} bench wg_bench_support)
        endforeach()
    endif()
    if(WAGGLE_BENCH)
        waggle_benchmark_programs()
    endif()
endfunction()

function(waggle_benchmark_programs)
    file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/bench/*.c)
    list(JOIN bench_shared "|" shared)
    list(FILTER sources EXCLUDE REGEX "/(${shared}|exact_.*|.*_test)\\.c$")
    add_custom_target(benchmarks)
    foreach(source ${sources})
        get_filename_component(name ${source} NAME_WE)
        add_executable(bench_${name} ${source})
        target_compile_options(bench_${name} PRIVATE ${waggle_flags} ${waggle_warnings})
        target_link_libraries(bench_${name} PRIVATE wg_bench_support)
        add_dependencies(benchmarks bench_${name})
    endforeach()
    pkg_check_modules(jansson REQUIRED IMPORTED_TARGET jansson) # bench_json compares with it
    target_link_libraries(bench_json PRIVATE PkgConfig::jansson)

    waggle_peers()
    file(GLOB parts CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/bench/exact_*.c)
    target_sources(bench_exact PRIVATE ${parts})
    target_link_libraries(bench_exact PRIVATE wg_bench_peers)
endfunction()

# What bench_exact compares with (bench/peers/peers.h). hnswlib is compiled for this very machine, as whoever measures it
# would. OpenBLAS is looked for when the program runs.
function(waggle_peers)
    set(peers ${PROJECT_SOURCE_DIR}/bench/peers)
    add_library(wg_bench_peers STATIC ${peers}/openblas.c)
    if(WAGGLE_HNSWLIB_INCLUDE AND CMAKE_CXX_COMPILER)
        execute_process(COMMAND dpkg-query -W -f "\${Version}" libhnswlib-dev
            OUTPUT_VARIABLE version ERROR_QUIET RESULT_VARIABLE unknown)
        if(unknown)
            set(version "of an unknown version")
        endif()
        target_sources(wg_bench_peers PRIVATE ${peers}/hnswlib.cpp)
        set_source_files_properties(${peers}/hnswlib.cpp PROPERTIES
            COMPILE_OPTIONS "-std=c++17;-O3;-march=native;-DWAGGLE_HNSWLIB_VERSION=\"${version}\"")
        target_include_directories(wg_bench_peers SYSTEM PRIVATE ${WAGGLE_HNSWLIB_INCLUDE})
    else()
        target_sources(wg_bench_peers PRIVATE ${peers}/missing.c)
    endif()
    # The selection of the k best is ours, and counts for the peer: it gets every instruction of the machine.
    set_source_files_properties(${peers}/openblas.c PROPERTIES COMPILE_OPTIONS
        "${waggle_flags};${waggle_warnings};-O3;-march=native")
    target_include_directories(wg_bench_peers PUBLIC ${peers})
    target_link_libraries(wg_bench_peers PRIVATE ${CMAKE_DL_LIBS})
endfunction()
