"""Times of Hone: its own tool in a process of its own, on the same network and inputs."""

import json
import subprocess

import numpy as np

# From float32 weights; float32 without tf32 is exact.
PRECISIONS = {"fp32": ["--no-tf32"], "tf32": [], "fp16": ["--fp16"], "bf16": ["--bf16"]}


class Failed(Exception):
    pass


def run(*command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit {done.returncode}"]
        raise Failed(said[-1][:200])
    return done.stdout


def version(hone):
    return run(hone, "--version").strip()


def measure(hone, model, folder, precision, duration, options):
    """Builds and measures; then answers once, with the inputs in folder/input.npy."""
    plan, answer = folder / "net.plan", folder / "hone.npy"
    told = json.loads(
        run(hone, "bench", model, "--device", "cuda", *PRECISIONS[precision], *options, "--input", f"input={folder / 'input.npy'}",
            "--no-data-transfers", "--duration", duration, "--save-plan", plan, "--json", "--quiet")
    )  # fmt: skip
    run(hone, "run", plan, "--device", "cuda", "--input", f"input={folder / 'input.npy'}", "--output", f"output={answer}", "--quiet")
    return {
        "ms": told["device_ms"]["median"],
        "energy_mj": told["energy_mj"] or None,
        "layers": told["layers"],
        "build_s": told["build_s"],
        "warnings": told["warnings"],
        "answer": np.load(answer),
    }
