#!/bin/sh
# build, run, bench and inspect on a real network: examples/fashion.
. "$(dirname "$0")/harness.sh"
fashion=$root/examples/fashion
model=$fashion/fashion.onnx

# ---- build
cp "$model" net.onnx
expect 0 build net.onnx --shapes image:1x1x28x28
[ -s net.plan ] || fault "build wrote no net.plan"
says out "net.plan: "
expect 0 build net.onnx --shapes image:1x1x28x28 -o again.plan --json
json out 'd["schema"] == 1 and d["plan_bytes"] > 0 and d["layers"] > 0'
cmp -s net.plan again.plan || fault "the same model gave other bytes"
expect 2 build net.plan
expect 3 build net.onnx -o no_such_folder/x.plan
expect 2 build net.onnx --shapes other:1x1x28x28
ls ./*.tmp* >/dev/null 2>&1 && fault "something was left behind"

# ---- run
expect 0 run net.plan --seed 7
says out "logits"
says out "float32 1x10"
says err "note: inputs without a file"
expect 0 run net.plan --seed 7 --output logits=a.npy -q
silent err
silent out
expect 0 run net.onnx --seed 7 --shapes image:1x1x28x28 --output logits=b.npy -q
cmp -s a.npy b.npy || fault "model and plan answer otherwise"
expect 0 run net.plan --seed 8 --output logits=c.npy -q
! cmp -s a.npy c.npy || fault "another seed gave the same answer"
expect 0 run net.plan --seed 7 --outputs folder -q
cmp -s a.npy folder/output_0.npy || fault "--outputs differs from --output"
json folder/outputs.json 'd["outputs"][0] == {"name": "logits", "file": "output_0.npy", "type": "float32", "shape": [1, 10]}'
expect 0 run net.plan --seed 7 --outputs folder --format pb -q
[ -s folder/output_0.pb ] || fault "--format pb wrote no .pb"
expect 0 run net.plan --seed 7 --output logits=a.bin -q
[ "$(wc -c <a.bin)" -eq 40 ] || fault "a.bin has not 40 bytes"
expect 0 run net.plan --seed 7 --json
json out 'd["runs"][0]["outputs"][0]["shape"] == [1, 10]'
head -c 3136 /dev/zero >zero.bin
expect 0 run net.plan --input image=zero.bin
expect 3 run net.plan --input image=a.npy
says err "float32 1x10; the input takes float32 1x1x28x28"
expect 3 run net.plan --input image=missing.npy
expect 3 run net.plan --input "image=$fashion/pictures/1_trouser.png"
says err "--preprocess"
expect 2 run net.plan --input picture=a.npy
says err '"image"'
expect 2 run net.plan --output scores=a.npy
says err '"logits"'
mkdir hollow
expect 3 run net.plan --inputs hollow
says err "input_0.npy"
expect 3 run net.plan --output logits=no_such_folder/x.npy

# ---- pictures
expect 0 build net.onnx -o pictures.plan --labels "$fashion/labels.txt" \
    --preprocess decode,gray,resize=28,crop=28,mean=0,std=255 --postprocess softmax,topk=3
expect 0 run pictures.plan "$fashion"/pictures/*.png
for row in 0:T-shirt 1:Trouser 5:Sandal 9:Ankle; do
    picture=$(ls "$fashion"/pictures/"${row%%:*}"_*.png)
    grep -A 2 -F "$picture" out | tail -n 1 | grep -q "${row#*:}" || fault "$picture is not ${row#*:}"
done
expect 0 run pictures.plan "$fashion/pictures/1_trouser.png" --json
json out 'd["runs"][0]["classes"][0][0]["class"] == "Trouser" and len(d["runs"][0]["classes"][0]) == 3'
expect 0 run pictures.plan --input "picture=$fashion/pictures/1_trouser.png" --top 1
says out Trouser
expect 0 run net.onnx --input "picture=$fashion/pictures/1_trouser.png" --preprocess decode,gray,mean=0,std=255 \
    --labels "$fashion/labels.txt"
says out Trouser
printf '\377\330\377 damaged' >damaged.jpg
expect 3 run pictures.plan damaged.jpg
expect 0 bench pictures.plan --duration 0.1 --warm-up 1

# ---- bench
expect 0 bench net.plan --duration 0.2 --warm-up 10 --threads 1 --json --export-times times.json
json out 'd["schema"] == 1 and d["model"] == "net.plan" and d["device"].startswith("cpu ") and d["threads"] == 1'
json out 'd["inputs"] == [{"name": "image", "type": "float32", "shape": [1, 1, 28, 28]}]'
json out 'sorted(d["latency_ms"]) == sorted(["min", "mean", "median", "p90", "p95", "p99", "p999", "max", "cv"])'
json out '0 < d["latency_ms"]["min"] <= d["latency_ms"]["median"] <= d["latency_ms"]["p99"] <= d["latency_ms"]["max"]'
json out 'sorted(d["memory"]) == ["activations", "host", "scratch", "weights"] and d["memory"]["weights"] > 100000'
json out 'd["iterations"] >= 10 and d["layers"] > 0 and d["throughput_qps"] > 0 and d["plan_bytes"] > 0'
json times.json 'len(d["latency_ms"]) >= 10'
expect 0 bench net.plan --iterations 25 --duration 0 --warm-up 0 --json=bench.json
json bench.json 'd["iterations"] == 25'
says out "latency, ms"
expect 0 bench net.plan --duration 0.1 --warm-up 1 --profile
says out "GFLOP/s"
expect 0 bench --onnx=net.onnx --shapes=image:2x1x28x28 --saveEngine=two.plan --duration=0 --warmUp=0 --useCudaGraph
says err "note: --useCudaGraph"
head -c 6272 /dev/zero >zero2.bin
expect 0 bench --loadEngine=two.plan --duration=0 --loadInputs=image:zero2.bin
expect 0 bench --onnx=net.onnx --skipInference --saveEngine=three.plan
[ -s three.plan ] || fault "--skipInference saved no plan"

# ---- inspect
expect 0 inspect net.plan
says out "alive at once"
expect 0 inspect net.plan --json
json out 'd["kind"] == "plan" and d["inputs"][0]["name"] == "image" and len(d["steps"]) > 0'
expect 0 inspect pictures.plan
says out "labels: 10 lines"
expect 0 inspect net.onnx
says out "opset"
expect 0 inspect net.onnx --json
json out 'd["kind"] == "model" and d["inputs"][0]["shape"] == [None, 1, 28, 28] and d["operators"]["conv"] == 3'
expect 0 inspect -v net.onnx
says out "= conv "

expect 0 inspect pictures.plan --html=page.html
silent out
says page.html "<title>pictures.plan</title>"
lacks page.html "http"
expect 0 inspect net.onnx --html
says out "&quot;conv1&quot;"

# ---- plans for GPUs, which need no GPU to be made and looked at
if "$hone" doctor --json | python3 -c 'import json, sys; sys.exit(not json.load(sys.stdin)["nvrtc"])'; then
    expect 0 build net.onnx --shapes image:1x1x28x28 --target sm_86,sm_90 --target ptx -o gpu.plan
    expect 0 build net.onnx --shapes image:1x1x28x28 --device cuda --target sm_86,sm_90,ptx -o again.plan --json
    json out 'd["device"] == "cuda" and d["launches"] > 0 and d["targets"] == "sm_86 sm_90 ptx"'
    cmp -s gpu.plan again.plan || fault "the same targets gave other bytes"
    expect 0 inspect gpu.plan
    says out "cuda (sm_86 sm_90 ptx)"
    says out "on the GPU in"
    expect 0 inspect gpu.plan --json
    json out 'd["device"] == "cuda" and d["gpu"]["launches"] == sum(len(s["tactic"].split(" + ")) for s in d["steps"] if "tactic" in s)'
    json out 'all(s["side"] == "cuda" and s["grid"][0] > 0 and s["block"][0] > 0 for s in d["steps"] if "tactic" in s)'
    json out 'd["gpu"]["copies"] == sum(s["side"] == "copy" for s in d["steps"])'
    expect 0 inspect gpu.plan --html=page.html
    says page.html "sm_86 sm_90 ptx"
    expect 9 run gpu.plan --device cpu
    says err "build one with --device cpu"
    expect 9 bench gpu.plan --device cpu
    expect 2 build net.onnx --target sm_12
    says err "sm_90"
    python3 "$root/tests/plan/read_plan.py" gpu.plan >read.json || fault "read_plan.py refuses gpu.plan"
    json read.json '[t["name"] for t in d["targets"]] == ["sm_86", "sm_90", "sm_90"] and d["kernels"][-1]["is_ptx"]'
else
    expect 4 build net.onnx --target sm_90
    says err "nvidia-cuda-nvrtc"
fi
expect 0 bench net.plan --duration 0.1 --warm-up 1 --streams 2 --threads 1 --json
json out 'd["streams"] == 2 and d["throughput_qps"] > 0'

# ---- compare
expect 0 compare net.onnx
says out "same"
expect 0 compare net.onnx net.plan --shapes image:1x1x28x28 --json
json out 'd["passed"] and d["outputs"][0]["n_wrong"] == 0 and d["outputs"][0]["count"] == 10'
expect 0 run net.plan --seed 3 --outputs answers -q
expect 0 compare net.plan answers --seed 3
expect 0 compare net.onnx --l2 1e-5 --json=l2.json
says out "rel L2 of at most 1e-05"
json l2.json 'd["judged_by"] == "l2" and d["device"].startswith("cpu ") and d["passed"]'
expect 8 compare net.plan answers --seed 4 --l2 1e-3
expect 8 compare net.plan answers --seed 4
says err "1 of 1 outputs differ"
expect 8 compare net.onnx answers --shapes image:2x1x28x28
says out "expected float32 1x10"
expect 2 compare net.plan
expect 3 compare net.plan hollow

# ---- damage
python3 - <<'EOT'
data = bytearray(open("net.plan", "rb").read())
data[len(data) // 2] ^= 1
open("damaged.plan", "wb").write(data)
EOT
expect 10 run damaged.plan
finish
