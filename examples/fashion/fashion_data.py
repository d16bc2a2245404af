"""Reads Fashion-MNIST from the IDX files of Debian's package dataset-fashion-mnist."""

import gzip
import os

import numpy as np

DIRECTORY = "/usr/share/datasets/fashion-mnist"
PREFIX = {"train": "train", "test": "t10k"}


def read_idx(path, n_dims):
    """One IDX file of unsigned bytes: a magic number, big-endian extents, the values."""
    with gzip.open(path, "rb") as f:
        data = f.read()
    magic = 0x0800 | n_dims
    if int.from_bytes(data[:4], "big") != magic:
        raise ValueError(f"{path}: magic number is 0x{data[:4].hex()}; expected 0x{magic:08x}")
    header = 4 + 4 * n_dims
    extents = [int(n) for n in np.frombuffer(data[4:header], ">u4")]
    return np.frombuffer(data, np.uint8, offset=header).reshape(extents)


def load(part, directory=DIRECTORY):
    """The pictures, uint8 [n, 28, 28], and labels, uint8 [n], of "train" or "test"."""
    prefix = os.path.join(directory, PREFIX[part])
    images = read_idx(prefix + "-images-idx3-ubyte.gz", 3)
    labels = read_idx(prefix + "-labels-idx1-ubyte.gz", 1)
    if images.shape != (len(labels), 28, 28):
        raise ValueError(f"{prefix}: {images.shape} pictures do not match {len(labels)} labels")
    return images, labels


def as_input(images):
    """What the network reads: float32 [n, 1, 28, 28], black 0 and white 1."""
    return images[:, None].astype(np.float32) / np.float32(255)
