# Options, and how every file is compiled.
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug or Release" FORCE)
endif()

option(WAGGLE_WERROR "Warnings are errors" OFF)
option(WAGGLE_TESTS "Build the tests" ON)
option(WAGGLE_FUZZ "Build the fuzz targets (clang)" OFF)
option(WAGGLE_COVERAGE "Count lines and branches" OFF)
option(WAGGLE_PROGRAM "Build the waggle program" ON)
set(WAGGLE_SANITIZE "" CACHE STRING "Sanitizers, as address,undefined or thread")

set(waggle_warnings
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes
    -Wmissing-prototypes -Wvla -Wundef -Wcast-qual -Wwrite-strings -Wimplicit-fallthrough)
if(WAGGLE_WERROR)
    list(APPEND waggle_warnings -Werror)
endif()

# Results must not depend on how a compiler contracts expressions.
set(waggle_flags -ffp-contract=off -fno-strict-aliasing -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64)
if(CMAKE_BUILD_TYPE STREQUAL "Release")
    list(APPEND waggle_flags -fstack-protector-strong)
endif()
set(waggle_link_flags "")
if(WAGGLE_SANITIZE)
    list(APPEND waggle_flags -fsanitize=${WAGGLE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    list(APPEND waggle_link_flags -fsanitize=${WAGGLE_SANITIZE})
endif()
if(WAGGLE_COVERAGE)
    list(APPEND waggle_flags --coverage -fprofile-update=atomic)
    list(APPEND waggle_link_flags --coverage)
endif()
