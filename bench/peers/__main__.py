#!/usr/bin/env python3
"""Measures PyTorch and Hone on the same networks in the same run, and prints the table of the README.

Times are medians of device time, between two events around one inference, with the data on the GPU. PyTorch runs CNNs in the
better of both layouts. `ratio` is PyTorch's best over Hone; `error` is how far Hone's answer is from PyTorch's in float32,
relative, in the L2 norm; `argmax` whether the largest elements are the same; `energy` PyTorch's over Hone's, of the whole
board. Networks are written to a folder as ONNX, with random weights of a fixed seed. Needs a GPU, PyTorch, numpy, and the
package onnx, which PyTorch's exporter asks for.
"""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

from table import markdown

MODELS = ("resnet50", "mobilenet_v2", "efficientnet_b0", "vit_b16", "bert_base_s128", "fcn_resnet50")
PRECISIONS = ("fp32", "tf32", "fp16", "bf16")
PEERS = ("eager", "graph", "compile")
CLASS_AXIS = {"fcn_resnet50": 1}  # of the output, where it is not the last


def list_of(allowed):
    def parse(text):
        words = text.split(",")
        for word in words:
            if word not in allowed:
                raise argparse.ArgumentTypeError(f'"{word}" is none of {", ".join(allowed)}')
        return words

    return parse


def batches(text):
    try:
        numbers = [int(word) for word in text.split(",")]
    except ValueError:
        numbers = [0]
    if min(numbers) < 1:
        raise argparse.ArgumentTypeError(f'"{text}" is not a list of numbers from 1 on')
    return numbers


def program(text):
    found = shutil.which(text)
    if not found:
        raise argparse.ArgumentTypeError(f'"{text}" is no program')
    return Path(found).resolve()


def parse(arguments):
    p = argparse.ArgumentParser(prog="peers", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--models", type=list_of(MODELS), default=list(MODELS), metavar="A,B", help=", ".join(MODELS))
    p.add_argument("--batches", type=batches, default=[1], metavar="N,M", help="1 where not given")
    p.add_argument("--precisions", type=list_of(PRECISIONS), default=["tf32", "fp16"], metavar="A,B", help=", ".join(PRECISIONS))
    p.add_argument("--peers", type=list_of(PEERS), default=["eager", "graph"], metavar="A,B", help=", ".join(PEERS))
    p.add_argument("--hone", type=program, default="build/release/src/hone", metavar="PATH", help="the tool")
    p.add_argument("--hone-options", default="", metavar="TEXT", help='more options of it: "--tune full"')
    p.add_argument("--duration", type=float, default=1.0, metavar="S", help="of each of its measurements")
    p.add_argument("--keep", type=Path, metavar="DIR", help="where networks and plans stay; default: nowhere")
    p.add_argument("--json", type=Path, metavar="FILE", help="every figure; written anew after each row")
    return p.parse_args(arguments)


def describe(hone):
    import hone_peer
    import torch

    return {
        "schema": 1,
        "device": torch.cuda.get_device_name(0),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "hone": hone_peer.version(hone),
    }


def measure_hone(args, model, folder, precision, want, axis):
    import hone_peer
    from table import errors

    try:
        row = hone_peer.measure(args.hone, model, folder, precision, args.duration, args.hone_options.split())
    except hone_peer.Failed as why:
        return {"error": str(why)}
    row["error_l2"], row["argmax"] = errors(row.pop("answer"), want, axis)
    return row


def measure_batch(args, name, net, x, folder, meter):
    """Rows of one network and batch: a row a precision."""
    import networks
    import numpy as np
    import pytorch

    folder.mkdir(parents=True, exist_ok=True)
    model = folder / "net.onnx"
    np.save(folder / "input.npy", x.numpy())
    want = pytorch.reference(net, x).numpy()
    networks.export(net.cpu().float(), x, model)
    for precision in args.precisions:
        row = {"model": name, "batch": x.shape[0], "precision": precision}
        row["pytorch"] = pytorch.measure_all(net, x, precision, args.peers, meter)
        net.cpu().float()
        row["hone"] = measure_hone(args, model, folder, precision, want, CLASS_AXIS.get(name, -1))
        yield row


def measure_model(args, name, folder, meter):
    import networks
    import torch

    for batch in args.batches:
        net, inputs = networks.build(name)  # afresh: casting to float16 and back has changed the weights
        x = inputs(batch, torch.Generator().manual_seed(2))
        yield from measure_batch(args, name, net, x, folder / f"{name}_b{batch}", meter)
        torch.cuda.empty_cache()


def measure(args, folder):
    import pytorch

    document, meter = {**describe(args.hone), "rows": []}, pytorch.device_meter()
    for name in args.models:
        for row in measure_model(args, name, folder, meter):
            document["rows"].append(row)
            print(json.dumps(row), file=sys.stderr, flush=True)
            if args.json:
                args.json.write_text(json.dumps(document, indent=1) + "\n")
    return document


def check_machine():
    try:
        import torch
    except ImportError:
        sys.exit("peers: PyTorch is not installed")
    if not torch.cuda.is_available():
        sys.exit("peers: PyTorch has no GPU here")


def main():
    args = parse(sys.argv[1:])
    check_machine()
    if args.keep:
        document = measure(args, args.keep)
    else:
        with tempfile.TemporaryDirectory() as folder:
            document = measure(args, Path(folder))
    print(f"{document['device']}, PyTorch {document['torch']}, CUDA {document['cuda']}, {document['hone']}\n")
    print(markdown(document["rows"]))


if __name__ == "__main__":
    main()
