#!/usr/bin/env python3
"""Writes tests/hostile/models: ONNX files made to hurt their reader, each a few kilobytes. Needs numpy and onnx.

The files are committed; this shows how each is made. test_hostile.c says what is to become of each.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FOLDER = Path(__file__).resolve().parent / "models"
F, I, B = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
OPSET = [helper.make_opsetid("", 20)]


def info(name, kind=F, shape=(2,)):
    return helper.make_tensor_value_info(name, kind, shape)


def ints(name, *values, shape=None):
    return numpy_helper.from_array(np.array(values, np.int64).reshape(shape or [len(values)]), name)


def model(nodes, inputs=None, outputs=None, weights=(), **more):
    graph = helper.make_graph(nodes, "g", [info("x")] if inputs is None else inputs, outputs or [info("y", F, None)],
                              list(weights))
    return helper.make_model(graph, opset_imports=more.pop("opset", OPSET), ir_version=9, **more)


def tensor(dims, kind=F, raw=b"", name="w"):
    made = TensorProto(name=name, data_type=kind, raw_data=raw)
    made.dims.extend(dims)
    return made


def with_weight(weight):
    return model([helper.make_node("Add", ["x", "w"], ["y"])], weights=[weight])


def deep_subgraphs(depth=1500):
    """If within If within If."""
    graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "g", [], [info("y")])
    data = graph.SerializeToString()
    for _ in range(depth):  # as bytes: onnx itself gives up on depth
        attribute = field(1, b"then_branch") + field(6, data) + varint_field(20, 5)
        node = field(1, b"c") + field(2, b"y") + field(4, b"If") + field(5, attribute)
        data = field(1, node) + field(2, b"g") + field(12, info("y").SerializeToString())
    opset = varint_field(2, 20)
    return varint_field(1, 9) + field(7, data) + field(8, opset)


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def varint_field(number, value):
    return varint(number << 3) + varint(value)


def external(location, offset="0", length="8"):
    made = tensor([2])
    made.data_location = TensorProto.EXTERNAL
    for key, value in [("location", location), ("offset", offset), ("length", length)]:
        made.external_data.add(key=key, value=value)
    return with_weight(made)


def laughs(levels=40):
    """Each function calls the one below twice: 2^40 nodes when inlined."""
    functions = [helper.make_function("f", "F0", ["a"], ["b"], [helper.make_node("Neg", ["a"], ["b"])], OPSET)]
    own = OPSET + [helper.make_opsetid("f", 1)]
    for k in range(1, levels):
        nodes = [helper.make_node(f"F{k - 1}", ["a"], ["t"], domain="f"), helper.make_node(f"F{k - 1}", ["t"], ["b"], domain="f")]
        functions.append(helper.make_function("f", f"F{k}", ["a"], ["b"], nodes, own))
    return model([helper.make_node(f"F{levels - 1}", ["x"], ["y"], domain="f")], functions=functions, opset=own)


def recursive_function():
    own = OPSET + [helper.make_opsetid("f", 1)]
    function = helper.make_function("f", "F", ["a"], ["b"], [helper.make_node("F", ["a"], ["b"], domain="f")], own)
    return model([helper.make_node("F", ["x"], ["y"], domain="f")], functions=[function], opset=own)


def doubling(levels=60):
    """Concat of a value with itself, sixty times: 2^60 elements from 2."""
    names = ["x"] + [f"t{k}" for k in range(1, levels)] + ["y"]
    nodes = [helper.make_node("Concat", [a, a], [b], axis=0) for a, b in zip(names, names[1:])]
    return model(nodes)


def folded_doubling(levels=60):
    made = doubling(levels)
    made.graph.node[0].input[:] = ["w", "w"]
    made.graph.initializer.append(numpy_helper.from_array(np.zeros(2, np.float32), "w"))
    return made


def endless_loop():
    """Runs for ever, and would do so while it is built if loops over constants were folded."""
    body = helper.make_graph([helper.make_node("Identity", ["c"], ["d"]), helper.make_node("Neg", ["v"], ["w"])], "body",
                             [info("i", I, []), info("c", B, []), info("v")], [info("d", B, []), info("w")])
    constants = [numpy_helper.from_array(np.array(True), "t"), numpy_helper.from_array(np.zeros(2, np.float32), "z")]
    return model([helper.make_node("Loop", ["", "t", "z"], ["u"], body=body), helper.make_node("Add", ["x", "u"], ["y"])],
                 weights=constants)


def cycle():
    return model([helper.make_node("Add", ["x", "b"], ["a"]), helper.make_node("Add", ["a", "x"], ["b"]),
                  helper.make_node("Neg", ["b"], ["y"])])


def from_shape(*nodes, weights):
    return model(list(nodes), inputs=[], weights=weights)


def made_of(op, inputs, weights, **attributes):
    return model([helper.make_node(op, inputs, ["y"], **attributes)], weights=weights)


def zero_size_conv():
    return model([helper.make_node("Conv", ["x", "w"], ["y"], kernel_shape=[0, 0], strides=[0, 0])],
                 inputs=[info("x", F, [1, 1, 4, 4])], weights=[tensor([0, 0, 0, 0])])


def pool_of(**attributes):
    return model([helper.make_node("MaxPool", ["x"], ["y"], **attributes)], inputs=[info("x", F, [1, 1, 4, 4])])


HUGE = 1 << 40
MODELS = {
    "deep_subgraphs": deep_subgraphs(),
    "dims_overflow": with_weight(tensor([1 << 32, 1 << 32, 2], raw=b"\0" * 8)),
    "dims_negative": with_weight(tensor([-2], raw=b"\0" * 8)),
    "dims_beyond_data": with_weight(tensor([1 << 33], raw=b"\0" * 8)),
    "dims_many": with_weight(tensor([1] * 5000, raw=b"\0" * 4)),
    "type_unknown": with_weight(tensor([2], kind=99, raw=b"\0" * 8)),
    "external_parent": external("../models/dims_negative.onnx"),
    "external_absolute": external("/etc/passwd"),
    "external_inside_parent": external("a/../../models/dims_negative.onnx"),
    "external_offset": external("data.bin", offset="-8"),
    "external_length": external("data.bin", length="18446744073709551615"),
    "external_missing": external("absent.bin"),
    "laughs": laughs(),
    "recursive_function": recursive_function(),
    "doubling": doubling(),
    "folded_doubling": folded_doubling(),
    "endless_loop": endless_loop(),
    "cycle": cycle(),
    "constant_of_shape": from_shape(helper.make_node("ConstantOfShape", ["n"], ["y"]), weights=[ints("n", HUGE)]),
    "range": from_shape(helper.make_node("Range", ["a", "b", "c"], ["y"]),
                        weights=[ints("a", 0, shape=[]), ints("b", HUGE, shape=[]), ints("c", 1, shape=[])]),
    "expand": made_of("Expand", ["x", "n"], [ints("n", HUGE, 2)]),
    "tile": made_of("Tile", ["x", "n"], [ints("n", HUGE)]),
    "pad": made_of("Pad", ["x", "n"], [ints("n", HUGE, HUGE)]),
    "pad_negative": made_of("Pad", ["x", "n"], [ints("n", -HUGE, -HUGE)]),
    "reshape_negative": made_of("Reshape", ["x", "n"], [ints("n", -1, -1)]),
    "reshape_overflow": made_of("Reshape", ["x", "n"], [ints("n", 1 << 62, 1 << 62, 4)]),
    "gather_outside": made_of("Gather", ["w", "n"], [tensor([2], raw=b"\0" * 8), ints("n", 1 << 50)]),
    "slice_step_zero": made_of("Slice", ["x", "a", "b", "c", "d"],
                               [ints("a", 0), ints("b", 2), ints("c", 0), ints("d", 0)]),
    "slice_extremes": made_of("Slice", ["x", "a", "b", "c", "d"],
                              [ints("a", -(1 << 63)), ints("b", (1 << 63) - 1), ints("c", 0), ints("d", -(1 << 63))]),
    "split_lies": model([helper.make_node("Split", ["x", "n"], ["y", "z"])], weights=[ints("n", HUGE, 2 - HUGE)]),
    "transpose_perm": made_of("Transpose", ["x"], [], perm=[7]),
    "axis_outside": made_of("Softmax", ["x"], [], axis=1 << 40),
    "squeeze_axes": made_of("Squeeze", ["x", "n"], [ints("n", -(1 << 63))]),
    "conv_of_nothing": zero_size_conv(),
    "pool_huge_kernel": pool_of(kernel_shape=[1 << 62, 1 << 62]),
    "pool_huge_pads": pool_of(kernel_shape=[2, 2], pads=[HUGE] * 4),
    "pool_zero_stride": pool_of(kernel_shape=[2, 2], strides=[0, 0]),
    "one_hot_deep": made_of("OneHot", ["i", "n", "v"],
                            [ints("i", 0), ints("n", HUGE, shape=[]), numpy_helper.from_array(np.array([0, 1], np.float32), "v")]),
    "resize_huge": model([helper.make_node("Resize", ["x", "", "s"], ["y"])], inputs=[info("x", F, [1, 1, 2, 2])],
                         weights=[numpy_helper.from_array(np.array([1, 1, 1e18, 1e18], np.float32), "s")]),
    "einsum_nonsense": made_of("Einsum", ["x"], [], equation="...a->" + "b" * 5000),
    "no_graph": onnx.ModelProto(ir_version=9),
    "duplicate_names": model([helper.make_node("Neg", ["x"], ["y"]), helper.make_node("Abs", ["x"], ["y"])]),
    "missing_input": model([helper.make_node("Neg", ["absent"], ["y"])]),
    "no_inputs": made_of("Conv", [], []),
    "many_outputs": model([helper.make_node("Neg", ["x"], [f"y{i}" for i in range(3000)])], outputs=[info("y0")]),
}


def main():
    FOLDER.mkdir(exist_ok=True)
    for name, made in MODELS.items():
        data = made if isinstance(made, bytes) else made.SerializeToString(deterministic=True)
        (FOLDER / f"{name}.onnx").write_bytes(data)
    (FOLDER / "data.bin").write_bytes(b"\0" * 8)


if __name__ == "__main__":
    main()
