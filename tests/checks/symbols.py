#!/usr/bin/env python3
"""Checks what the shared libraries export and need: symbols.py FOLDER, from the repository's root.

A library exports what cmake/symbols/NAME.txt lists, which is what its headers mark HONE_API. libhone.so needs libc and its
kin, nothing else.
"""

import re
import subprocess
import sys
from pathlib import Path

HEADERS = {"hone": ["types.h", "hone.h"], "hone_build": ["build.h"], "hone_media": ["media.h"]}
LIBC = {"libc.so", "libm.so", "libpthread.so", "libdl.so", "ld-linux-x86-64.so", "ld-linux-aarch64.so"}
NEEDS = {
    "hone": LIBC,
    "hone_build": LIBC | {"libhone.so"},
    "hone_media": LIBC | {"libhone.so", "libjpeg.so", "libpng16.so", "libz.so"},
}
# What a library must not even name: the runtime does without the compiler of kernels.
FOREIGN = {"hone": [b"libnvrtc"]}
SIZE_LIMITS = {"hone": 1_500_000, "hone_build": 3_000_000, "hone_media": 200_000}  # bytes of code and data


def output_of(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def declared(name):
    """Functions that the library's headers mark HONE_API."""
    text = "".join((Path("include/hone") / h).read_text() for h in HEADERS[name])
    text = re.sub(r"/\*.*?\*/|//[^\n]*|^[ \t]*#[^\n]*", " ", text, flags=re.S | re.M)
    return set(re.findall(r"HONE_API[^;(]*?\b(hone_\w+)\s*\(", text))


def exported(library):
    lines = [line.split() for line in output_of("nm", "-D", "--defined-only", library).splitlines()]
    return {words[-1].split("@")[0] for words in lines if words[-2] != "A"}


def needed(library):
    """Sonames without their versions."""
    names = re.findall(r"\(NEEDED\).*\[(.*)\]", output_of("readelf", "-d", library))
    return {re.sub(r"\.so.*", ".so", n) for n in names}


def compare(what, found, wanted):
    """Faults, one for each name that is in one set only."""
    extra = [f"{what}: {n} is extra" for n in sorted(found - wanted)]
    return extra + [f"{what}: {n} is missing" for n in sorted(wanted - found)]


def faults_of(name, library):
    table = f"cmake/symbols/{name}.txt"
    listed = set(Path(table).read_text().split())
    faults = compare(f"{table} against the headers", listed, declared(name))
    faults += compare(f"{library} against {table}", exported(library), listed)
    faults += [f"{library}: needs {n}" for n in sorted(needed(library) - NEEDS[name])]
    contents = Path(library).read_bytes()
    faults += [f"{library}: names {word.decode()}" for word in FOREIGN.get(name, []) if word in contents]
    text, data = map(int, output_of("size", library).splitlines()[1].split()[:2])
    if text + data > SIZE_LIMITS[name]:
        faults.append(f"{library}: code and data take {text + data} bytes; allowed are {SIZE_LIMITS[name]}")
    return faults


def main():
    folder = Path(sys.argv[1])
    faults, checked = [], 0
    for name in HEADERS:
        library = folder / f"lib{name}.so"
        if library.exists():
            faults += faults_of(name, library)
            checked += 1
    print(*faults, f"{checked} libraries, {len(faults)} faults", sep="\n")
    sys.exit(bool(faults) or checked == 0)


if __name__ == "__main__":
    main()
