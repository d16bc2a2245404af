#!/usr/bin/env python3
"""Peak memory of `hone run` beside ONNX Runtime's on the same model and inputs, and each plan's arena over its live set.

usage: memory.py HONE MODELS_DIR [NAME...]

MODELS_DIR holds NAME/model.onnx and NAME/ref/set*/ with io.json and inputs as .npy. Needs numpy, onnx, onnxruntime and
/usr/bin/time. Both run one inference on one thread in a process of its own; ONNX Runtime's figure is shown as it is and
without what Python, NumPy and its library take before a model is loaded ("net").
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx

RIVAL = """
import sys, numpy as np, onnxruntime as ort
options = ort.SessionOptions()
options.intra_op_num_threads = 1
options.log_severity_level = 3
session = ort.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
session.run(None, {i.name: np.load(f"{sys.argv[2]}/input_{k}.npy") for k, i in enumerate(session.get_inputs())})
"""


def peak_mb(command):
    """Peak resident set of a command in MB, or None where it failed."""
    done = subprocess.run(["/usr/bin/time", "-f", "%M", *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    return int(done.stderr.split()[-1]) / 1024 if done.returncode == 0 else None


def write_inputs(model, folder):
    """Writes input_K.npy in the graph's order; returns NAME:1x3... of those with open extents."""
    graph = onnx.load(model, load_external_data=False).graph
    reference = sorted((model.parent / "ref").glob("set*"))[0]
    by_name = {i["name"]: i for i in json.loads((reference / "io.json").read_text())["inputs"]}
    initialized = {i.name for i in graph.initializer}
    shapes = []
    for k, declared in enumerate(i for i in graph.input if i.name not in initialized):
        item = by_name[declared.name]
        np.save(folder / f"input_{k}.npy", np.load(reference / item["file"]).reshape(item["shape"]))
        dims = declared.type.tensor_type.shape.dim
        if item["shape"] and not all(d.dim_value > 0 for d in dims):
            shapes.append(f"{declared.name}:{'x'.join(map(str, item['shape']))}")
    return ",".join(shapes)


def arena_ratio(hone, model, shapes, folder):
    plan = folder / "net.plan"
    shape_option = ["--shapes", shapes] if shapes else []
    subprocess.run([hone, "build", model, "-o", plan, "-q", *shape_option], check=True, stdout=subprocess.DEVNULL)
    told = subprocess.run([hone, "inspect", plan, "--json"], check=True, capture_output=True, text=True)
    memory = json.loads(told.stdout)["memory"]
    return memory["activations"] / memory["live"] if memory["live"] else 1.0


def main():
    hone, models, names = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
    base = peak_mb([sys.executable, "-c", "import numpy, onnxruntime"])
    over, worst = 0, 1.0
    print(f"{'model':26} {'hone MB':>9} {'ort MB':>9} {'ort net':>9} {'arena/live':>11}")
    for model in sorted(models.glob("*/model.onnx")):
        if names and model.parent.name not in names:
            continue
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            shapes = write_inputs(model, folder)
            ours = peak_mb([hone, "run", model, "--inputs", folder, "--outputs", folder, "--threads", "1", "--device", "cpu"])
            theirs = peak_mb([sys.executable, "-c", RIVAL, model, folder])
            ratio = arena_ratio(hone, model, shapes, folder)
        over += ours > theirs
        worst = max(worst, ratio)
        print(f"{model.parent.name:26} {ours:9.1f} {theirs:9.1f} {theirs - base:9.1f} {ratio:11.3f}", flush=True)
    print(f"hone takes more on {over}; the largest arena is {worst:.3f} times its live set")
    return 1 if over or worst > 1.1 else 0


if __name__ == "__main__":
    sys.exit(main())
