#!/usr/bin/env python3
"""Writes files/: arrays whose i-th element, in row-major order, is i, and pictures of one colour ramp.

Needs numpy, onnx and Pillow. The files are kept in the repository; this says how they came about.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

FILES = Path(__file__).resolve().parent / "files"
STRINGS = ["", "a", "bé", "€uro", "𝄞"]


def count(shape, dtype):
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


def write_arrays():
    for dtype in ["|b1", "|i1", "<i2", "<i4", "<i8", "|u1", "<u2", "<u4", "<u8", "<f2", "<f4", "<f8", "<c8", "<c16"]:
        shape = (2,) if dtype == "|b1" else (2, 3)
        np.save(FILES / f"{dtype[1:]}.npy", count(shape, dtype))
    np.save(FILES / "big_endian.npy", count((2, 3), ">i4"))
    np.save(FILES / "fortran.npy", np.asfortranarray(count((2, 3, 4), "<f4")))
    np.save(FILES / "fortran_big_endian.npy", np.asfortranarray(count((3, 2), ">f8")))
    np.save(FILES / "scalar.npy", np.float32(0))
    np.save(FILES / "empty.npy", np.zeros((0, 3), np.float32))
    np.save(FILES / "rank8.npy", count((1, 2, 1, 2, 1, 1, 1, 1), "<i4"))
    for version in (2, 3):
        with open(FILES / f"version{version}.npy", "wb") as file:
            np.lib.format.write_array(file, count((2, 3), "<f4"), version=(version, 0))
    np.save(FILES / "strings.npy", np.array(STRINGS))
    np.save(FILES / "strings_bytes.npy", np.array(["", "a", "bc"], "S4"))
    np.save(FILES / "bad_rank9.npy", np.zeros((1,) * 9, np.float32))
    np.save(FILES / "bad_record.npy", np.zeros(2, [("a", "<f4"), ("b", "<i4")]))
    np.save(FILES / "bad_object.npy", np.array([1, "a"], object), allow_pickle=True)
    np.save(FILES / "bad_date.npy", np.zeros(2, "M8[s]"))


def write_archives():
    np.savez(FILES / "stored.npz", first=count((2, 3), "<f4"), second=count((4,), "<i8"))
    np.savez_compressed(FILES / "deflated.npz", first=count((20, 30), "<f4"), second=count((4,), "<i8"))
    np.savez_compressed(FILES / "single.npz", only=count((2, 3), "<f4"))


def write_protobufs():
    def save(name, proto):
        (FILES / f"{name}.pb").write_bytes(proto.SerializeToString())

    numbers = count((2, 3), "<f4")
    save("raw", numpy_helper.from_array(numbers))
    fields = ["FLOAT", "DOUBLE", "INT32", "INT64", "UINT8", "UINT32", "UINT64", "FLOAT16", "BFLOAT16", "BOOL"]
    for name in [*fields, "FLOAT8E4M3FN", "INT4", "COMPLEX64"]:
        values = [0, 1] if name == "BOOL" else list(range(6))
        shape = [2] if name == "BOOL" else [2, 3]
        save(f"typed_{name.lower()}", helper.make_tensor("t", TensorProto.DataType.Value(name), shape, values))
    save("strings", helper.make_tensor("t", TensorProto.STRING, [5], [s.encode() for s in STRINGS]))
    tensors = [numpy_helper.from_array(count((n,), "<f4")) for n in (1, 2, 3)]
    sequence = helper.make_sequence("s", onnx.SequenceProto.TENSOR, tensors)
    save("sequence", sequence)
    save("sequence_of_sequences", helper.make_sequence("s", onnx.SequenceProto.SEQUENCE, [sequence, sequence]))
    save("optional", helper.make_optional("o", onnx.OptionalProto.TENSOR, tensors[2]))
    save("optional_sequence", helper.make_optional("o", onnx.OptionalProto.SEQUENCE, sequence))
    save("optional_empty", helper.make_optional("o", onnx.OptionalProto.UNDEFINED, None))


def ramp(width, height):
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([8 * x, 16 * y, 4 * (x + y)], axis=-1).astype(np.uint8)


def write_pictures():
    rgb = Image.fromarray(ramp(16, 10))
    rgb.save(FILES / "rgb.png")
    rgb.save(FILES / "rgb.ppm")
    rgb.save(FILES / "rgb.bmp")
    alpha = np.dstack([ramp(16, 10), np.full((10, 16), 128, np.uint8)])
    Image.fromarray(alpha).save(FILES / "alpha.png")
    rgb.quantize(256).save(FILES / "palette.png")
    grey = Image.fromarray(ramp(16, 10)[:, :, 0])
    grey.save(FILES / "grey.png")
    grey.save(FILES / "grey.pgm")
    grey.save(FILES / "grey.jpg", quality=95)
    Image.fromarray(ramp(16, 10)[:, :, 0].astype(np.uint16) * 257).save(FILES / "grey16.png")
    rgb.save(FILES / "rgb.jpg", quality=95, subsampling=0)
    rgb.save(FILES / "progressive.jpg", quality=95, subsampling=0, progressive=True)
    rgb.convert("CMYK").save(FILES / "cmyk.jpg", quality=95)


if __name__ == "__main__":
    FILES.mkdir(exist_ok=True)
    write_arrays()
    write_archives()
    write_protobufs()
    write_pictures()
