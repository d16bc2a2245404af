#!/bin/sh
# The command line: errors are one line on stderr with the right exit code and a suggestion; help goes to stdout.
. "$(dirname "$0")/harness.sh"

# Rows: exit code | arguments | what stderr says.
while IFS='|' read -r code arguments text; do
    # shellcheck disable=SC2086
    expect "$code" $arguments
    says err "$text"
    silent out
    [ "$(grep -c '^hone: ' err)" -eq 1 ] || fault "hone $arguments: stderr has not one line of error"
done <<'ROWS'
2||no command was given
2|bnch x|did you mean "bench"?
2|model.onnx|hone run model.onnx
2|--onnx=x|a command must come first
2|help rnu|did you mean "run"?
2|bench x --thread 2|did you mean --threads?
2|bench x --saveEngin=x|did you mean --saveEngine?
2|bench x --zzzzzz|"hone help bench" lists them
2|bench x -z|no option -z
2|run x --duration 3|bench has
2|bench x --threads two|an integer from 0 on
2|bench x --threads -1|an integer from 0 on
2|bench x --threads 99999999999999999999|an integer from 0 on
2|bench x --duration nan|a number from 0 on
2|bench x --duration 1s|a number from 0 on
2|run x --seed|--seed needs a value
2|run x --fp16=1|takes no value
2|run x --progress=bra|did you mean "bar"?
2|run x --format=tiff|allowed are npy|pb
2|run|no file was given
2|build|no file was given
2|compare|no file was given
2|compare a b c|takes 2 files
2|bench a b|one too many
2|doctor a|one too many
2|run x --device gpu|there is no such device
2|help --completion=tcsh|Allowed are bash|zsh|fish
3|run no_such_file.onnx|opening "no_such_file.onnx"
3|run .|reading "."
4|edit x|not in this version
4|debug x|not in this version
4|bench --onnx=x --sparsity=enable|trtexec's
2|run x --device cuda:|there is no such device
2|run x --device cuda:x|there is no such device
2|run x --device 12345|there is no such device
2|build x --device cpu --target sm_90|--target names GPUs
2|run x --target sm_90|build has
2|run x --tune best|allowed are none|quick|full
2|build --onnx=x --builderOptimizationLevel=6|0 to 5 is allowed
2|build --onnx=x --builderOptimizationLevel|needs a value
2|run x --streams 2|bench has
2|bench x --streams 0|1 to 256 is allowed
ROWS

# A GPU that is asked for has to answer, before any file is opened.
"$hone" doctor --json >doctor.json
n=$(python3 -c 'import json; print(len(json.load(open("doctor.json"))["devices"]))')
if [ "$n" -eq 0 ]; then
    for arguments in "run x --device cuda" "build x --device cuda:1" "bench --onnx=x --device=0" "compare x --device cuda"; do
        # shellcheck disable=SC2086
        expect 6 $arguments
        silent out
        says err 'hone: choosing device "cuda:'
        says err "a GPU needs NVIDIA's driver"
    done
else
    expect 6 run x --device cuda:999
    says err "the driver shows $n"
fi

printf 'HONEPLAN but no more' >short.plan
expect 3 run short.plan
printf 'not a model' >bad.onnx
expect 3 inspect bad.onnx
: >empty.onnx
expect 3 build empty.onnx
[ ! -e empty.plan ] || fault "a failed build left a plan"

for command in build run bench compare inspect edit debug doctor help; do
    expect 0 "$command" --help
    silent err
    says out --help
done
expect 0 help bench
says out --warm-up
lacks out --outputs
expect 0 --version
says out "hone "
expect 0 --help
says out "usage: hone COMMAND"

expect 0 doctor --json
json out 'd["schema"] == 1 and d["cores"] >= 1'
json out 'len(d["devices"]) >= 1 if d["cuda_driver"] else d["devices"] == [] and len(d["notes"]) >= 1'
expect 0 doctor
says out instructions
export HONE_NVRTC=/nowhere
expect 0 doctor
says out "pip install nvidia-cuda-nvrtc"
finish
