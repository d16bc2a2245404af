#!/bin/bash
# round_trip.sh HONE MODEL FOLDER: builds MODEL twice, expects the same bytes, and reads the plan with read_plan.py; the
# reader's figures must be those that `hone inspect --json` tells.
set -eu
hone=$1 model=$2 folder=$3
here=$(dirname "$0")

mkdir -p "$folder"
"$hone" build "$model" -o "$folder/a.plan" -q
"$hone" build "$model" -o "$folder/b.plan" -q
cmp "$folder/a.plan" "$folder/b.plan"
python3 "$here/read_plan.py" "$folder/a.plan" >"$folder/read.json"
"$hone" inspect "$folder/a.plan" --json >"$folder/inspect.json"
python3 - "$folder/read.json" "$folder/inspect.json" <<'PY'
import json
import sys

read, told = (json.load(open(name)) for name in sys.argv[1:3])
memory = told["memory"]
assert read["weight_bytes"] == memory["weights"], (read["weight_bytes"], memory)
assert read["arena_bytes"] == memory["activations"]
assert read["live_bytes"] == memory["live"]
assert len(read["steps"]) == len(told["steps"]), (len(read["steps"]), len(told["steps"]))
names = [b["name"] for b in read["bindings"]]
assert names == [b["name"] for b in told["inputs"] + told["outputs"]], names
print(f"{len(read['steps'])} steps, {len(read['values'])} values: the reader and the tool agree")
PY
