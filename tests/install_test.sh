#!/bin/sh
# The installed tree is complete, exports only what waggle.h declares, and can be used by CMake and by
# pkg-config, from C and from C++, shared and static, also after it was moved. usage: tests/install_test.sh BUILD
set -eu
build=$1
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/moved
passed=0
failed=0

# expect NAME COMMAND...
expect() {
    name=$1
    shift
    if timeout 300 "$@" >"$work/output" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "failed: $name"
        cat "$work/output"
    fi
}

cmake --install "$build" --prefix "$work/first" >"$work/log" 2>&1 || cat "$work/log"
mv "$work/first" "$tree"
library=$(find "$tree" -name 'libwaggle.so' | head -n 1)
libraries=$(dirname "$library")
for name in include/waggle.h bin/waggle share/man/man1/waggle.1 share/bash-completion/completions/waggle \
    share/zsh/site-functions/_waggle share/fish/vendor_completions.d/waggle.fish; do
    expect "$name is installed" test -s "$tree/$name"
done
for name in libwaggle.so libwaggle.a pkgconfig/waggle.pc cmake/waggle/waggle-config.cmake; do
    expect "$name is installed" test -s "$libraries/$name"
done
expect "the program runs" env LD_LIBRARY_PATH="$libraries" "$tree/bin/waggle" --version

# ---- Exports: what waggle.h declares with WAGGLE_API, no more and no less.
tr '\n' ' ' <"$root/include/waggle.h" | grep -oE 'WAGGLE_API [^;(]*\(' | grep -oE 'waggle_[a-z0-9_]+ *\($' |
    tr -d ' (' | LC_ALL=C sort -u >"$work/declared"
nm -D --defined-only "$library" | awk '{ print $3 }' | sed 's/@.*//' | LC_ALL=C sort -u >"$work/exported"
expect "the header declares functions" test -s "$work/declared"
expect "the library exports what the header declares" diff "$work/declared" "$work/exported"

# ---- The header alone, as C and as C++, with every warning.
printf '#include <waggle.h>\nint main(void)\n{\n    return waggle_version()[0] == 0;\n}\n' >"$work/main.c"
sed 's/(void)/()/' "$work/main.c" >"$work/main.cpp"
for standard in c11 c17; do
    expect "the header is $standard" cc -std=$standard -Wall -Wextra -Wpedantic -Werror -I"$tree/include" \
        -fsyntax-only "$work/main.c"
done
for standard in c++11 c++17 c++20; do
    expect "the header is $standard" c++ -std=$standard -Wall -Wextra -Wpedantic -Werror -I"$tree/include" \
        -fsyntax-only "$work/main.cpp"
done

# ---- pkg-config.
export PKG_CONFIG_PATH="$libraries/pkgconfig"
expect "pkg-config knows waggle" pkg-config --exists --print-errors waggle
# shellcheck disable=SC2046 # one word per flag
{
    expect "pkg-config, shared" cc "$work/main.c" -o "$work/shared" $(pkg-config --cflags --libs waggle)
    expect "pkg-config, static" cc "$work/main.c" -o "$work/static" $(pkg-config --cflags waggle) \
        "$libraries/libwaggle.a" $(pkg-config --static --libs-only-l waggle | sed 's/-lwaggle//') -pthread
}
expect "the shared consumer runs" env LD_LIBRARY_PATH="$libraries" "$work/shared"
expect "the static consumer runs" "$work/static"

# ---- find_package.
mkdir "$work/consumer"
cp "$work/main.c" "$work/main.cpp" "$work/consumer/"
cat >"$work/consumer/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.22)
project(consumer C CXX)
find_package(waggle 0.1 REQUIRED)
add_executable(shared main.c)
target_link_libraries(shared PRIVATE waggle::waggle)
add_executable(shared_cpp main.cpp)
target_link_libraries(shared_cpp PRIVATE waggle::waggle)
add_executable(static main.c)
target_link_libraries(static PRIVATE waggle::waggle_static)
END
expect "find_package finds waggle" cmake -G Ninja -S "$work/consumer" -B "$work/consumer/build" -DCMAKE_PREFIX_PATH="$tree"
expect "find_package's targets link" cmake --build "$work/consumer/build"
for name in shared shared_cpp static; do
    expect "the consumer $name runs" "$work/consumer/build/$name"
done
sed -i 's/waggle 0.1/waggle 9.9/' "$work/consumer/CMakeLists.txt"
expect "a version that is not there is refused" sh -c \
    "! cmake -G Ninja -S '$work/consumer' -B '$work/consumer/other' -DCMAKE_PREFIX_PATH='$tree'"

# ---- The program of the README, and the examples.
sed -n '/^```c$/,/^```$/p' "$root/README.md" | sed '/^```/d' >"$work/readme.c"
# shellcheck disable=SC2046 # one word per flag
expect "the program of the README compiles" cc -std=c17 -Wall -Wextra -Wpedantic -Werror "$work/readme.c" \
    -o "$work/readme" $(pkg-config --cflags --libs waggle)
expect "the program of the README runs" env LD_LIBRARY_PATH="$libraries" "$work/readme"
for name in store quickstart async; do
    expect "examples/$name.c runs" sh -c "cd '$work' && '$(cd "$build" && pwd)/example_$name'"
done

echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
