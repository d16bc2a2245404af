#!/usr/bin/env python3
"""bench/peers without a GPU: its arguments, its figures and its table."""

import contextlib
import importlib.util
import io
import sys
import unittest
from pathlib import Path

PEERS = Path(__file__).resolve().parents[2] / "bench" / "peers"
sys.path.insert(0, str(PEERS))

import energy  # noqa: E402
import table  # noqa: E402


def load_main():
    spec = importlib.util.spec_from_file_location("peers_main", PEERS / "__main__.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MAIN = load_main()


class Arguments(unittest.TestCase):
    def refused(self, *arguments):
        said = io.StringIO()
        with contextlib.redirect_stderr(said), self.assertRaises(SystemExit) as end:
            MAIN.parse(list(arguments))
        self.assertEqual(end.exception.code, 2)
        return said.getvalue()

    def test_defaults(self):
        args = MAIN.parse(["--hone", sys.executable])
        self.assertEqual(args.models, list(MAIN.MODELS))
        self.assertEqual((args.batches, args.precisions, args.peers), ([1], ["tf32", "fp16"], ["eager", "graph"]))

    def test_lists(self):
        args = MAIN.parse(
            ["--hone", "sh", "--models", "vit_b16,resnet50", "--batches", "1,8,32", "--precisions", "fp32", "--peers", "compile"]
        )
        self.assertTrue(args.hone.is_absolute())
        self.assertEqual(args.models, ["vit_b16", "resnet50"])
        self.assertEqual(args.batches, [1, 8, 32])
        self.assertEqual((args.precisions, args.peers), (["fp32"], ["compile"]))

    def test_what_is_refused(self):
        self.assertIn('"resnet" is none of', self.refused("--models", "resnet"))
        self.assertIn('"fp8" is none of', self.refused("--precisions", "fp16,fp8"))
        self.assertIn("from 1 on", self.refused("--batches", "1,0"))
        self.assertIn("from 1 on", self.refused("--batches", "one"))
        self.assertIn("is no program", self.refused("--hone", "/nowhere/hone"))


def row(**hone):
    peers = {"eager": {"ms": 4.0, "energy_mj": 500.0}, "graph": {"ms": 0.8, "energy_mj": 160.0}, "compile": {"error": "no"}}
    return {"model": "resnet50", "batch": 1, "precision": "fp16", "pytorch": peers, "hone": hone}


class Table(unittest.TestCase):
    def test_a_full_row(self):
        r = row(ms=0.2, energy_mj=40.0, error_l2=1.2e-3, argmax=1.0)
        self.assertEqual(table.ratio(r), 4.0)
        self.assertEqual(table.energy_ratio(r), 4.0)
        self.assertEqual(
            table.cells(r), ["resnet50", "1", "fp16", "4.000", "0.800", "failed", "0.200", "4.00", "1.2e-03", "equal", "4.00"]
        )

    def test_what_is_missing(self):
        r = row(error="no GPU")
        self.assertEqual(table.cells(r)[6:], ["failed", "-", "-", "-", "-"])
        r = row(ms=0.2, energy_mj=None, error_l2=0.5, argmax=0.5)
        r["pytorch"] = {}
        self.assertEqual(table.cells(r)[3:], ["-", "-", "-", "0.200", "-", "5.0e-01", "50.00 %", "-"])

    def test_columns(self):
        lines = table.markdown([row(ms=0.2)]).splitlines()
        self.assertEqual(len(lines), 3)
        self.assertEqual({line.count("|") for line in lines}, {len(table.COLUMNS) + 1})


class Counter:
    def __init__(self, counts):
        self.counts = iter(counts)

    def mj(self):
        return next(self.counts)


class Energy(unittest.TestCase):
    def test_between_the_moves_of_the_counter(self):
        e = energy.PerInference(Counter([100, 100, 130, 130, 190, 190]))
        for n in (1, 2, 3, 4, 5):
            e.look(n)
        self.assertEqual(e.mj(), (190 - 130) / (4 - 2))

    def test_no_counter(self):
        e = energy.PerInference(Counter([None, None, None]))
        e.look(1)
        e.look(2)
        self.assertIsNone(e.mj())


class Machine(unittest.TestCase):
    def test_without_pytorch_or_gpu(self):
        if importlib.util.find_spec("torch"):
            self.skipTest("PyTorch is here")
        with self.assertRaises(SystemExit) as end:
            MAIN.check_machine()
        self.assertEqual(end.exception.code, "peers: PyTorch is not installed")


if __name__ == "__main__":
    unittest.main()
