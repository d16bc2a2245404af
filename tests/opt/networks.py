#!/usr/bin/env python3
"""Writes six networks as exporters of PyTorch spell them, with random weights, to count what the passes leave of them.

usage: networks.py OUT_DIR [--half] [--batch B] [NAME...]
       networks.py --check HONE_OPT_STEPS

With --check it counts them, and fails where there are more steps than the table at the end allows, or steps that the GPU
has no kernel for. Exits 77 where Python has not the packages.

The transformers are thinner than the real ones (heads of 64 entries, but fewer): the operators are what matters."""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

try:
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper
except ImportError as e:
    print(f"SKIP networks: {e}")
    sys.exit(77)


class Net:
    """A graph being written: every method appends a node and returns its output's name."""

    def __init__(self, half):
        self.half = half
        self.dtype = np.float16 if half else np.float32
        self.nodes, self.constants = [], []
        self.random = np.random.default_rng(0)

    def op(self, kind, *inputs, outputs=1, **attributes):
        names = [f"{kind.lower()}_{len(self.nodes)}_{i}" for i in range(outputs)]
        node = helper.make_node(kind, list(inputs), names, name=f"/{kind}_{len(self.nodes)}", **attributes)
        self.nodes.append(node)
        return names[0] if outputs == 1 else names

    def constant(self, array):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def number(self, x):
        return self.constant(np.array(x, self.dtype))

    def ints(self, *v):
        return self.constant(np.array(v, np.int64))

    def weight(self, *shape):
        scale = 1.0 / np.sqrt(np.prod(shape[1:]) if len(shape) > 1 else 1.0)
        return self.constant((self.random.standard_normal(shape) * scale).astype(self.dtype))

    def conv(self, x, i, o, k, stride=1, group=1, pad=None, dilation=1):
        p = dilation * (k // 2) if pad is None else pad
        return self.op("Conv", x, self.weight(o, i // group, k, k), self.weight(o), kernel_shape=[k, k], strides=[stride] * 2,
                       pads=[p] * 4, group=group, dilations=[dilation] * 2)

    def relu(self, x):
        return self.op("Relu", x)

    def swish(self, x):
        return self.op("Mul", x, self.op("Sigmoid", x))

    def linear(self, x, i, o):
        return self.op("Add", self.weight(o), self.op("MatMul", x, self.weight(i, o)))

    def norm(self, x, width, epsilon):
        return self.op("LayerNormalization", x, self.weight(width), self.weight(width), axis=-1, epsilon=epsilon)

    def gelu(self, x):
        erf = self.op("Erf", self.op("Div", x, self.number(2**0.5)))
        return self.op("Mul", self.op("Mul", x, self.op("Add", erf, self.number(1))), self.number(0.5))

    def save(self, path, inputs, output, shape):
        ft = TensorProto.FLOAT16 if self.half else TensorProto.FLOAT
        given = [helper.make_tensor_value_info(n, t or ft, s) for n, t, s in inputs]
        self.nodes.append(helper.make_node("Identity", [output], ["output"]))
        graph = helper.make_graph(self.nodes, path.stem, given, [helper.make_tensor_value_info("output", ft, shape)], self.constants)
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def bottlenecks(n, x, dilate):
    """The stages of ResNet-50; `dilate`: the last two keep their pixels."""
    width, dilation = 64, 1
    for stage, (planes, count) in enumerate([(64, 3), (128, 4), (256, 6), (512, 3)]):
        before, stride = dilation, 1 if stage == 0 else 2
        if dilate and stage >= 2:
            dilation, stride = dilation * 2, 1
        for block in range(count):
            s, d = (stride, before) if block == 0 else (1, dilation)
            y = n.relu(n.conv(x, width, planes, 1))
            y = n.relu(n.conv(y, planes, planes, 3, s, dilation=d))
            y = n.conv(y, planes, 4 * planes, 1)
            if block == 0:
                x = n.conv(x, width, 4 * planes, 1, s)
            x = n.relu(n.op("Add", y, x))
            width = 4 * planes
    return x


def stem(n):
    x = n.relu(n.conv("input", 3, 64, 7, 2))
    return n.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])


def classify(n, x, width):
    x = n.op("Flatten", n.op("GlobalAveragePool", x), axis=1)
    return n.op("Gemm", x, n.weight(1000, width), n.weight(1000), transB=1)


def resnet50(n, b, path):
    x = bottlenecks(n, stem(n), False)
    n.save(path, [("input", None, [b, 3, 224, 224])], classify(n, x, 2048), [b, 1000])


def fcn_resnet50(n, b, path):
    x = bottlenecks(n, stem(n), True)
    x = n.conv(n.relu(n.conv(x, 2048, 512, 3)), 512, 21, 1)
    x = n.op("Resize", x, "", "", n.ints(b, 21, 512, 512), mode="linear", coordinate_transformation_mode="half_pixel",
             cubic_coeff_a=-0.75, nearest_mode="floor")
    n.save(path, [("input", None, [b, 3, 512, 512])], x, [b, 21, 512, 512])


def mobilenet_v2(n, b, path):
    def relu6(x):
        return n.op("Clip", x, n.number(0), n.number(6))

    x, width = relu6(n.conv("input", 3, 32, 3, 2)), 32
    for t, c, count, s in [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]:
        for i in range(count):
            wide, stride = width * t, s if i == 0 else 1
            y = relu6(n.conv(x, width, wide, 1)) if t > 1 else x
            y = relu6(n.conv(y, wide, wide, 3, stride, group=wide))
            y = n.conv(y, wide, c, 1)
            x = n.op("Add", x, y) if stride == 1 and width == c else y
            width = c
    x = relu6(n.conv(x, 320, 1280, 1))
    n.save(path, [("input", None, [b, 3, 224, 224])], classify(n, x, 1280), [b, 1000])


def efficientnet_b0(n, b, path):
    x, width = n.swish(n.conv("input", 3, 32, 3, 2)), 32
    rows = [(1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3), (6, 112, 3, 1, 5), (6, 192, 4, 2, 5), (6, 320, 1, 1, 3)]
    for t, c, count, s, k in rows:
        for i in range(count):
            wide, stride = width * t, s if i == 0 else 1
            y = n.swish(n.conv(x, width, wide, 1)) if t > 1 else x
            y = n.swish(n.conv(y, wide, wide, k, stride, group=wide))
            gate = n.op("ReduceMean", y, axes=[2, 3], keepdims=1)
            gate = n.swish(n.conv(gate, wide, max(1, width // 4), 1))
            gate = n.op("Sigmoid", n.conv(gate, max(1, width // 4), wide, 1))
            y = n.conv(n.op("Mul", y, gate), wide, c, 1)
            x = n.op("Add", y, x) if stride == 1 and width == c else y
            width = c
    x = n.swish(n.conv(x, 320, 1280, 1))
    n.save(path, [("input", None, [b, 3, 224, 224])], classify(n, x, 1280), [b, 1000])


def vit_b16(n, b, path, heads=4, size=64, layers=12):
    w = heads * size
    x = n.op("Conv", "input", n.weight(w, 3, 16, 16), n.weight(w), kernel_shape=[16, 16], strides=[16, 16])
    x = n.op("Transpose", n.op("Reshape", x, n.ints(b, w, 196)), perm=[0, 2, 1])
    cls = n.constant(np.random.default_rng(1).standard_normal((b, 1, w)).astype(n.dtype))
    x = n.op("Add", n.op("Concat", cls, x, axis=1), n.weight(1, 197, w))
    root = n.number((1 / size**0.5) ** 0.5)
    for _ in range(layers):
        y = n.linear(n.norm(x, w, 1e-6), w, 3 * w)
        y = n.op("Transpose", n.op("Reshape", y, n.ints(b, 197, 3, heads, size)), perm=[2, 0, 3, 1, 4])
        q, k, v = (n.op("Gather", y, n.constant(np.array(i, np.int64)), axis=0) for i in range(3))
        k = n.op("Mul", n.op("Transpose", k, perm=[0, 1, 3, 2]), root)
        y = n.op("Softmax", n.op("MatMul", n.op("Mul", q, root), k), axis=-1)
        y = n.op("Transpose", n.op("MatMul", y, v), perm=[0, 2, 1, 3])
        x = n.op("Add", x, n.linear(n.op("Reshape", y, n.ints(b, 197, w)), w, w))
        y = n.gelu(n.linear(n.norm(x, w, 1e-6), w, 4 * w))
        x = n.op("Add", x, n.linear(y, 4 * w, w))
    x = n.op("Gather", n.norm(x, w, 1e-6), n.constant(np.array(0, np.int64)), axis=1)
    x = n.op("Gemm", x, n.weight(1000, w), n.weight(1000), transB=1)
    n.save(path, [("input", None, [b, 3, 224, 224])], x, [b, 1000])


def bert_base_s128(n, b, path, heads=4, size=64, layers=12):
    w, s = heads * size, 128

    def heads_of(x):
        return n.op("Transpose", n.op("Reshape", x, n.ints(b, s, -1, size)), perm=[0, 2, 1, 3])

    words = n.op("Gather", n.weight(3000, w), "input", axis=0)
    kinds = n.op("Gather", n.weight(2, w), n.constant(np.zeros((b, s), np.int64)), axis=0)
    places = n.op("Gather", n.weight(512, w), n.constant(np.arange(s, dtype=np.int64)[None]), axis=0)
    x = n.norm(n.op("Add", n.op("Add", words, kinds), places), w, 1e-12)
    for _ in range(layers):
        q, k, v = (heads_of(n.linear(x, w, w)) for _ in range(3))
        y = n.op("MatMul", q, n.op("Transpose", k, perm=[0, 1, 3, 2]))
        y = n.op("Mul", y, n.number(1 / size**0.5))
        if n.half:
            y = n.op("Cast", n.op("Softmax", n.op("Cast", y, to=TensorProto.FLOAT), axis=-1), to=TensorProto.FLOAT16)
        else:
            y = n.op("Softmax", y, axis=-1)
        y = n.op("Transpose", n.op("MatMul", y, v), perm=[0, 2, 1, 3])
        y = n.linear(n.op("Reshape", y, n.ints(b, s, w)), w, w)
        x = n.norm(n.op("Add", y, x), w, 1e-12)
        y = n.linear(n.gelu(n.linear(x, w, 4 * w)), 4 * w, w)
        x = n.norm(n.op("Add", y, x), w, 1e-12)
    n.save(path, [("input", TensorProto.INT64, [b, s])], x, [b, s, w])


# The most steps that may be left: one for each product that is not merged, each norm, attention, pool and gate; ResNet-50:
# the first layer with its pool, 52 convolutions, a pool, a product.
NETWORKS = {
    resnet50: 55,
    mobilenet_v2: 54,
    efficientnet_b0: 67,
    vit_b16: 90,
    bert_base_s128: 87,
    fcn_resnet50: 57,
}


def check(steps):
    """Writes each network in both types, and reads what the program counts."""
    bad = 0
    for make, most in NETWORKS.items():
        for half in (False, True):
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / f"{make.__name__}.onnx"
                make(Net(half), 1, path)
                text = subprocess.run([steps, *([] if half else ["--half"]), path], check=True, capture_output=True, text=True).stdout
            n = int(re.search(r"(\d+) steps:", text).group(1))
            fails = n > most or "CPU:" in text
            bad += fails
            print(f"{make.__name__:16} {'float16' if half else 'float32'} {n:4} of at most {most:4}{'  FAIL' if fails else ''}")
            if fails:
                print(text)
    sys.exit(1 if bad else 0)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("out", type=Path, nargs="?")
    p.add_argument("--check", metavar="HONE_OPT_STEPS")
    p.add_argument("--half", action="store_true")
    p.add_argument("--batch", type=int, default=1)
    p.add_argument("names", nargs="*")
    a = p.parse_intermixed_args()
    if a.check:
        check(a.check)
    a.out.mkdir(parents=True, exist_ok=True)
    for make in NETWORKS:
        if not a.names or make.__name__ in a.names:
            make(Net(a.half), a.batch, a.out / f"{make.__name__}.onnx")


if __name__ == "__main__":
    main()
