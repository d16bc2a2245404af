#!/usr/bin/env python3
"""Checks every #include of src/ against the layers of docs/architecture.md: arrows point downwards only.

Run from the repository's root. Prints each include that breaks a rule; exit status 1 where there is one.
"""

import re
import sys
from pathlib import Path

# What each folder may include, beside itself and include/hone.
ALLOWED = {
    "base": "",
    "op": "base",
    "plan": "base op",
    "cpu": "base op",
    "cuda": "base",
    "kernels": "",
    "gpu": "base op ir kernels",
    "run": "base op plan cpu cuda",
    "media": "base",
    "ir": "base op",
    "onnx": "base op ir",
    "opt": "base op ir cpu",
    "tune": "base op cuda kernels gpu",
    "build": "base op ir onnx opt plan cpu cuda kernels gpu tune",
    "cli": "media",
}
# Public headers that a folder may not see: the runtime knows nothing of the builder, nor the builder of pictures.
HIDDEN_HEADERS = {
    "base": "hone.h build.h media.h",
    "op": "hone.h build.h media.h",
    "plan": "build.h media.h",
    "cpu": "build.h media.h",
    "cuda": "hone.h build.h media.h",
    "run": "build.h media.h",
    "ir": "media.h",
    "onnx": "media.h",
    "opt": "media.h",
    "build": "media.h",
    "media": "hone.h build.h",
}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)


def fault_of(folder, kind, name):
    """Why this folder may not include this name; None where it may."""
    allowed = {folder, *ALLOWED[folder].split()}
    first, _, rest = name.partition("/")
    if first == "hone":
        return f"{folder} must not see {name}" if rest in HIDDEN_HEADERS.get(folder, "").split() else None
    if kind == "<":
        return f"<{name}> is our own; write it in quotes" if first in ALLOWED and rest else None
    if not rest:
        return f'"{name}" has no folder; write "{folder}/{name}"'
    if first not in allowed:
        return f"{folder} must not include {name}; it may include {', '.join(sorted(allowed))}"
    return None


def faults_in(path):
    folder = path.relative_to("src").parts[0]
    if folder not in ALLOWED:
        return [f"{path}: {folder} is no layer; name it in tests/checks/layers.py"]
    text = path.read_text()
    faults = []
    for match in INCLUDE.finditer(text):
        fault = fault_of(folder, *match.groups())
        if fault:
            faults.append(f"{path}:{text.count(chr(10), 0, match.start(1)) + 1}: {fault}")
    return faults


def main():
    files = sorted(p for p in Path("src").rglob("*") if p.suffix in {".c", ".h", ".inc"})
    if not files:
        sys.exit("layers.py: no sources in src/; run it from the repository's root")
    faults = [fault for path in files for fault in faults_in(path)]
    print(*faults, f"{len(files)} files, {len(faults)} includes against the layers", sep="\n")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
