#!/usr/bin/env python3
"""Times what a user waits for with a model of 100 MB: building its plan; loading that plan and the first answer.

usage: large_model.py HONE       needs numpy and onnx; writes a network of 3x3 convolutions with random weights
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def write_model(path):
    random = np.random.default_rng(0)
    nodes, weights = [], []
    at, channels = "x", 3
    for out, count in [(64, 1), (128, 3), (256, 4), (512, 5), (1024, 2)]:
        for k in range(count):
            n = len(weights)
            w = random.standard_normal((out, channels, 3, 3), dtype=np.float32) * 0.02
            weights.append(numpy_helper.from_array(w, f"w{n}"))
            nodes.append(helper.make_node("Conv", [at, f"w{n}"], [f"c{n}"], strides=[2 - (k > 0)] * 2, pads=[1] * 4))
            nodes.append(helper.make_node("Relu", [f"c{n}"], [f"r{n}"]))
            at, channels = f"r{n}", out
    nodes.append(helper.make_node("GlobalAveragePool", [at], ["y"]))
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("x", [1, 3, 224, 224]), ("y", [1, 1024, 1, 1]))]
    graph = helper.make_graph(nodes, "large", ends[:1], ends[1:], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)


def seconds(*command):
    start = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.monotonic() - start


def main():
    hone = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        model, plan = Path(folder) / "large.onnx", Path(folder) / "large.plan"
        write_model(model)
        print(f"model {model.stat().st_size / 1e6:.0f} MB")
        print(f"build {seconds(hone, 'build', model, '-o', plan):.2f} s")
        print(f"load and first answer {seconds(hone, 'run', plan):.2f} s")


if __name__ == "__main__":
    main()
