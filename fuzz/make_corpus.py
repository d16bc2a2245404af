#!/usr/bin/env python3
"""Writes the seeds in fuzz/corpus but those of the IR: small files of every kind. make_corpus.py [HONE]; plans need the hone executable.

Needs numpy, onnx and pillow. The seeds are committed; this shows where they come from and makes more.
"""

import io
import struct
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

CORPUS = Path(__file__).resolve().parent / "corpus"
F, I, B = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL


def info(name, kind, shape):
    return helper.make_tensor_value_info(name, kind, shape)


def weight(name, *shape):
    values = np.arange(np.prod(shape, dtype=int), dtype=np.float32).reshape(shape) / 8
    return numpy_helper.from_array(values, name)


def ints(name, *values):
    return numpy_helper.from_array(np.array(values, np.int64), name)


def model(nodes, inputs, outputs, weights=(), opset=20, **more):
    graph = helper.make_graph(nodes, "g", inputs, outputs, list(weights))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9, **more)


def conv_net():
    nodes = [helper.make_node("Conv", ["x", "w", "b"], ["c"], pads=[1, 1, 1, 1]), helper.make_node("Relu", ["c"], ["r"]),
             helper.make_node("MaxPool", ["r"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
             helper.make_node("Flatten", ["p"], ["f"]), helper.make_node("Gemm", ["f", "v"], ["y"])]
    return model(nodes, [info("x", F, [1, 1, 4, 4])], [info("y", F, [1, 3])],
                 [weight("w", 2, 1, 3, 3), weight("b", 2), weight("v", 8, 3)])


def attention():
    nodes = [helper.make_node("MatMul", ["q", "k"], ["s"]), helper.make_node("Softmax", ["s"], ["p"], axis=-1),
             helper.make_node("MatMul", ["p", "v"], ["y"])]
    return model(nodes, [info("q", F, ["n", 4]), info("k", F, [4, "m"]), info("v", F, ["m", 4])], [info("y", F, ["n", 4])])


def shapes():
    nodes = [helper.make_node("Shape", ["x"], ["s"]), helper.make_node("Gather", ["s", "zero"], ["d"]),
             helper.make_node("Concat", ["d", "minus"], ["t"], axis=0), helper.make_node("Reshape", ["x", "t"], ["y"])]
    return model(nodes, [info("x", F, ["n", 2, 3])], [info("y", F, None)], [ints("zero", 0), ints("minus", -1)])


def branches():
    then = helper.make_graph([helper.make_node("Neg", ["x"], ["a"])], "then", [], [info("a", F, [2])])
    other = helper.make_graph([helper.make_node("Abs", ["x"], ["b"])], "else", [], [info("b", F, [2])])
    node = helper.make_node("If", ["c"], ["y"], then_branch=then, else_branch=other)
    return model([node], [info("c", B, []), info("x", F, [2])], [info("y", F, [2])])


def loop():
    body = helper.make_graph([helper.make_node("Add", ["v", "v"], ["w"]), helper.make_node("Identity", ["c"], ["d"])],
                             "body", [info("i", I, []), info("c", B, []), info("v", F, [2])],
                             [info("d", B, []), info("w", F, [2])])
    return model([helper.make_node("Loop", ["n", "", "x"], ["y"], body=body)],
                 [info("n", I, []), info("x", F, [2])], [info("y", F, [2])])


def scan():
    body = helper.make_graph([helper.make_node("Add", ["s", "x"], ["t"]), helper.make_node("Identity", ["t"], ["o"])],
                             "body", [info("s", F, [2]), info("x", F, [2])], [info("t", F, [2]), info("o", F, [2])])
    return model([helper.make_node("Scan", ["a", "x"], ["b", "y"], body=body, num_scan_inputs=1)],
                 [info("a", F, [2]), info("x", F, [3, 2])], [info("b", F, [2]), info("y", F, [3, 2])])


def function():
    body = helper.make_function("own", "Twice", ["a"], ["b"], [helper.make_node("Add", ["a", "a"], ["b"])],
                                [helper.make_opsetid("", 20)])
    graph = helper.make_graph([helper.make_node("Twice", ["x"], ["y"], domain="own")], "g", [info("x", F, [2])],
                              [info("y", F, [2])])
    return helper.make_model(graph, functions=[body], ir_version=9,
                             opset_imports=[helper.make_opsetid("", 20), helper.make_opsetid("own", 1)])


def old_opset():
    nodes = [helper.make_node("Upsample", ["x"], ["u"], scales=[1.0, 1.0, 2.0, 2.0]),
             helper.make_node("Clip", ["u"], ["y"], min=0.0, max=6.0)]
    return model(nodes, [info("x", F, [1, 1, 2, 2])], [info("y", F, [1, 1, 4, 4])], opset=7)


def lstm():
    node = helper.make_node("LSTM", ["x", "w", "r"], ["y", "h"], hidden_size=2)
    return model([node], [info("x", F, [3, 1, 2])], [info("y", F, [3, 1, 1, 2]), info("h", F, [1, 1, 2])],
                 [weight("w", 1, 8, 2), weight("r", 1, 8, 2)])


def sparse():
    values = numpy_helper.from_array(np.array([1, 2], np.float32), "w")
    tensor = helper.make_sparse_tensor(values, numpy_helper.from_array(np.array([0, 3], np.int64), "i"), [2, 2])
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [info("x", F, [1, 2])],
                              [info("y", F, [1, 2])], sparse_initializer=[tensor])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def external():
    made = model([helper.make_node("Add", ["x", "w"], ["y"])], [info("x", F, [2])], [info("y", F, [2])], [weight("w", 2)])
    tensor = made.graph.initializer[0]
    onnx.external_data_helper.set_external_data(tensor, "../w.bin", 0, 8)
    tensor.ClearField("raw_data")
    return made


MODELS = [conv_net, attention, shapes, branches, loop, scan, function, old_opset, lstm, sparse, external]


def save(kind, name, data):
    folder = CORPUS / kind
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def write_models():
    for make in MODELS:
        save("model", make.__name__ + ".onnx", make().SerializeToString(deterministic=True))


def build(hone, name, *options):
    with tempfile.TemporaryDirectory() as folder:
        plan = Path(folder) / "p"
        subprocess.run([hone, "build", CORPUS / "model" / f"{name}.onnx", "-q", "-o", plan, *options], check=True)
        return plan.read_bytes()


def small_images(plan):
    """The plan with all its kernels sharing 64 bytes: machine code is of no interest to the fuzzer. Checksums are left."""
    kernels, images = 11, 14
    table = [list(struct.unpack_from("<IIQQQ", plan, 64 + 32 * i)) for i in range(16)]
    parts = [bytearray(plan[offset : offset + size]) for _, _, offset, size, _ in table]
    del parts[images][64:]
    for at in range(0, len(parts[kernels]), 32):
        struct.pack_into("<QQ", parts[kernels], at + 16, 0, 64)
    out = bytearray(plan[:576])
    for entry, part in zip(table, parts):
        out += bytes(-len(out) % 64)
        entry[2:4] = len(out), len(part)
        out += part
    out += bytes(-len(out) % 64)
    for i, entry in enumerate(table):
        struct.pack_into("<IIQQQ", out, 64 + 32 * i, *entry)
    struct.pack_into("<Q", out, 16, len(out))
    return bytes(out)


def write_plans(hone):
    for name in ["conv_net", "attention", "shapes", "branches", "loop", "lstm"]:
        save("plan", name + ".plan", build(hone, name))
    for name in ["conv_net", "branches", "lstm"]:
        plan = build(hone, name, "--device", "cuda", "--target", "sm_80", "--tune", "none")
        save("plan", "gpu_" + name + ".plan", small_images(plan))


def npy(array):
    out = io.BytesIO()
    np.lib.format.write_array(out, array, allow_pickle=False)
    return out.getvalue()


def write_arrays():
    arrays = {"f32": np.arange(6, dtype=np.float32).reshape(2, 3), "big_endian": np.arange(4, dtype=">i4"),
              "fortran": np.asfortranarray(np.arange(6, dtype=np.int8).reshape(2, 3)), "scalar": np.array(True),
              "text": np.array(["ab", "c"]), "empty": np.zeros((0, 3), np.float16), "bytes": np.array([b"ab", b"c"])}
    for name, array in arrays.items():
        save("npy", name + ".npy", npy(array))
    for name, method in [("stored", zipfile.ZIP_STORED), ("deflated", zipfile.ZIP_DEFLATED)]:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", method) as archive:
            for member in ["f32", "text"]:
                archive.writestr(zipfile.ZipInfo(member + ".npy"), npy(arrays[member]), method)
        save("npz", name + ".npz", out.getvalue())
    for name in ["f32", "scalar", "empty"]:
        save("pb", name + ".pb", numpy_helper.from_array(arrays[name], name).SerializeToString())
    fields = helper.make_tensor("fields", F, [2], [1.0, 2.0])
    text = helper.make_tensor("text", TensorProto.STRING, [2], [b"ab", b"c"])
    sequence = numpy_helper.from_list([arrays["f32"], arrays["fortran"]], "sequence")
    optional = numpy_helper.from_optional(arrays["f32"], "optional")
    for name, value in [("fields", fields), ("strings", text), ("sequence", sequence), ("optional", optional)]:
        save("pb", name + ".pb", value.SerializeToString())


def write_pictures():
    pixels = (np.indices((9, 13)).sum(0)[..., None] * np.array([9, 5, 3])).astype(np.uint8)
    colour = Image.fromarray(pixels)
    kinds = {"rgb.jpg": (colour, "JPEG", {}), "progressive.jpg": (colour, "JPEG", {"progressive": True}),
             "grey.jpg": (colour.convert("L"), "JPEG", {}), "cmyk.jpg": (colour.convert("CMYK"), "JPEG", {}),
             "rgb.png": (colour, "PNG", {}), "palette.png": (colour.quantize(4), "PNG", {}),
             "alpha.png": (colour.convert("RGBA"), "PNG", {}), "grey1.png": (colour.convert("1"), "PNG", {}),
             "deep.png": (colour.convert("I;16"), "PNG", {}), "rgb.ppm": (colour, "PPM", {}),
             "grey.pgm": (colour.convert("L"), "PPM", {})}
    for name, (picture, form, options) in kinds.items():
        out = io.BytesIO()
        picture.save(out, form, **options)
        save("picture", name, out.getvalue())


def main():
    write_models()
    write_arrays()
    write_pictures()
    if len(sys.argv) > 1:
        write_plans(sys.argv[1])


if __name__ == "__main__":
    main()
