#!/usr/bin/env python3
"""Counts how many of the 10,000 test pictures fashion.onnx names rightly.

It is asked of ONNX Runtime, where that is installed, and of Hone, where --hone gives the tool. With
both, their answers are compared too.
"""

import argparse
import os
import subprocess
import tempfile

import numpy as np

import fashion_data

HERE = os.path.dirname(os.path.abspath(__file__))


def by_onnxruntime(model, images):
    """The logits, or None where ONNX Runtime is not installed."""
    try:
        import onnxruntime
    except ImportError:
        return None
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return session.run(["logits"], {"image": images})[0]


def by_hone(tool, model, images, device):
    """The logits of one `hone run` over all pictures."""
    with tempfile.TemporaryDirectory() as folder:
        image_file = os.path.join(folder, "image.npy")
        logits_file = os.path.join(folder, "logits.npy")
        np.save(image_file, images)
        shape = "x".join(str(n) for n in images.shape)
        subprocess.run([tool, "run", model, "--input", f"image={image_file}",
                        "--output", f"logits={logits_file}", "--device", device,
                        "--shapes", f"image:{shape}"], check=True)
        return np.load(logits_file)


def report(name, logits, labels):
    if logits.shape != (len(labels), 10):
        raise SystemExit(f"{name}: logits are {list(logits.shape)}; expected [{len(labels)}, 10]")
    hits = int((logits.argmax(1) == labels).sum())
    print(f"{name:12} {hits} of {len(labels)} right, {100 * hits / len(labels):.2f} %")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default=os.path.join(HERE, "fashion.onnx"))
    parser.add_argument("--data", default=fashion_data.DIRECTORY, help="directory of IDX files")
    parser.add_argument("--hone", metavar="PATH", help="the hone executable")
    parser.add_argument("--device", default="cpu", help="where Hone runs; default cpu")
    args = parser.parse_args()

    images, labels = fashion_data.load("test", args.data)
    images = fashion_data.as_input(images)

    expected = by_onnxruntime(args.model, images)
    if expected is None:
        print("ONNX Runtime is not installed")
    else:
        report("ONNX Runtime", expected, labels)
    if args.hone:
        logits = by_hone(args.hone, args.model, images, args.device)
        report("Hone", logits, labels)
        if expected is not None:
            differ = int((logits.argmax(1) != expected.argmax(1)).sum())
            print(f"{differ} classes differ; largest difference of a logit "
                  f"{np.abs(logits - expected).max():.2e}")


if __name__ == "__main__":
    main()
