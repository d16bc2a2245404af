#!/usr/bin/env python3
"""Writes the first test picture of every Fashion-MNIST class as a grey PNG file."""

import argparse
import os
import re
import struct
import zlib

import fashion_data

HERE = os.path.dirname(os.path.abspath(__file__))


def png_chunk(kind, data):
    crc = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)


def grey_png(image):
    """The bytes of a PNG file of a uint8 [h, w] array: 8 bits of grey, no row filters."""
    height, width = image.shape
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = b"".join(b"\0" + row.tobytes() for row in image)
    return (b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header)
            + png_chunk(b"IDAT", zlib.compress(rows, 9)) + png_chunk(b"IEND", b""))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", default=os.path.join(HERE, "pictures"))
    parser.add_argument("--data", default=fashion_data.DIRECTORY, help="directory of IDX files")
    args = parser.parse_args()

    with open(os.path.join(HERE, "labels.txt"), encoding="ascii") as f:
        names = f.read().splitlines()
    images, labels = fashion_data.load("test", args.data)
    os.makedirs(args.output, exist_ok=True)
    for k, name in enumerate(names):
        index = int((labels == k).argmax())
        plain = re.sub("[^a-z]+", "_", name.lower())
        with open(os.path.join(args.output, f"{k}_{plain}.png"), "wb") as f:
            f.write(grey_png(images[index]))


if __name__ == "__main__":
    main()
