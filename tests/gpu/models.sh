#!/bin/bash
# models.sh HONE FOLDER [TARGET]: every model of FOLDER that can be built, on the GPU against the CPU in each precision.
#
# With a TARGET (sm_90) the plans are only built, which needs NVRTC and no GPU. Exit status 77: no GPU, or no NVRTC.
set -u
hone=$1 folder=$2 target=${3-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$hone" doctor --json="$work/doctor.json"
has() {
    python3 -c 'import json, sys; sys.exit(not json.load(open(sys.argv[1]))[sys.argv[2]])' "$work/doctor.json" "$1"
}
has nvrtc || { echo "no NVRTC"; exit 77; }
[ -n "$target" ] || has devices || { echo "no GPU"; exit 77; }

# What one model and precision say.
try() {
    if [ -n "$target" ]; then
        "$hone" build "$1" --target "$target" -o "$work/net.plan" -q $2
    else
        "$hone" compare "$1" --device cuda --tune none --progress none $2
    fi
}

passed=0 failed=0 skipped=0
while read -r model; do
    if ! "$hone" build "$model" --device cpu -o "$work/net.plan" -q >"$work/log" 2>&1; then
        skipped=$((skipped + 1)) # made to be refused
        continue
    fi
    for precision in --no-tf32 --tf32 --fp16 --bf16; do
        if try "$model" $precision >"$work/log" 2>&1; then
            passed=$((passed + 1))
        else
            failed=$((failed + 1))
            echo "FAIL $model $precision"
            tail -n 5 "$work/log"
        fi
    done
done < <(find "$folder" -name '*.onnx' | sort)
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
