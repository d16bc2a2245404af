#!/bin/sh
# Checks that every public header compiles alone, as C11 and as C++17, without a warning. Run from the repository's root.
cc=${CC:-cc}
cxx=${CXX:-c++}
failed=0
count=0

# compiles COMPILER LANGUAGE STANDARD HEADER
compiles() {
    count=$((count + 1))
    echo "#include <$4>" | "$1" -x "$2" -std="$3" -pedantic -Wall -Wextra -Werror -Iinclude -fsyntax-only - || {
        echo "$4 does not compile alone as $3"
        failed=$((failed + 1))
    }
}

command -v "$cxx" >/dev/null || echo "no C++ compiler: headers are checked as C only"
for header in include/hone/*.h; do
    name=${header#include/}
    compiles "$cc" c c11 "$name"
    if command -v "$cxx" >/dev/null; then
        compiles "$cxx" c++ c++17 "$name"
    fi
done
echo "$count compilations, $failed failed"
[ "$count" -gt 0 ] && [ "$failed" -eq 0 ]
