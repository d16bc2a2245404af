#!/bin/bash
# Installs a build folder into a temporary one and builds tests/install/consumer.c and examples/c against it: by CMake and
# by pkg-config, shared and static. Run from the repository's root: tests/install/run.sh BUILD
set -eu
build=$1
here=$(pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix
model=$here/examples/fashion/fashion.onnx
passed=0

# checks NAME COMMAND...: prints the command's output where it fails, and stops.
checks() {
    local name=$1
    shift
    if ! "$@" >"$work/log" 2>&1; then
        cat "$work/log"
        echo "install: $name: failed"
        exit 1
    fi
    echo "install: $name: ok"
    passed=$((passed + 1))
}

checks "cmake --install" cmake --install "$build" --prefix "$prefix"
libdir=$(dirname "$(find "$prefix" -name libhone.so)")
export LD_LIBRARY_PATH=$libdir PKG_CONFIG_PATH=$libdir/pkgconfig
for file in include/hone/hone.h include/hone/build.h include/hone/media.h bin/hone share/man/man1/hone.1; do
    checks "$file is there" test -s "$prefix/$file"
done
checks "hone --version" "$prefix/bin/hone" --version
checks "the tool is under 8 MB" test "$(stat -c %s "$prefix/bin/hone")" -lt 8000000
checks "libhone.so is under 1.5 MB" test "$(stat -Lc %s "$libdir/libhone.so")" -lt 1500000

checks "consumer: cmake" cmake -G Ninja -S tests/install -B "$work/consumer" -DCMAKE_PREFIX_PATH="$prefix"
checks "consumer: build" cmake --build "$work/consumer"
checks "consumer: shared runs" "$work/consumer/consumer_shared" "$model"
checks "consumer: static runs" "$work/consumer/consumer_static" "$model"

modules="hone_build hone_media"
# The flags are words, to be split.
# shellcheck disable=SC2046,SC2086
checks "pkg-config: shared" cc -std=c11 -Wall -Werror tests/install/consumer.c -o "$work/by_pkg_config" \
    $(pkg-config --cflags --libs $modules)
checks "pkg-config: shared runs" "$work/by_pkg_config" "$model"
# shellcheck disable=SC2046,SC2086
checks "pkg-config: static" cc -std=c11 -Wall -Werror -static tests/install/consumer.c -o "$work/by_pkg_config_static" \
    $(pkg-config --static --cflags --libs $modules)
checks "pkg-config: static runs" "$work/by_pkg_config_static" "$model"

checks "examples/c: cmake" cmake -G Ninja -S examples/c -B "$work/example" -DCMAKE_PREFIX_PATH="$prefix"
checks "examples/c: build" cmake --build "$work/example"
checks "examples/c: a plan for it" "$prefix/bin/hone" build "$model" -q -o "$work/fashion.plan" \
    --preprocess decode,resize=28,crop=28,gray,mean=0,std=255 --postprocess softmax,topk=5 --labels examples/fashion/labels.txt
picture=examples/fashion/pictures/9_ankle_boot.png
checks "examples/c: runs" "$work/example/classify" "$work/fashion.plan" $picture
"$work/example/classify" "$work/fashion.plan" $picture | head -1 | grep -qi "ankle boot" || {
    echo "install: examples/c: $picture is not seen as an ankle boot"
    exit 1
}
echo "install: $passed checks passed"
