#!/usr/bin/env python3
"""A kernel's text for a host compiler: translate.py KERNEL.cu OUT.so

Each asm statement becomes a call of the function in kernel.hpp that has the instruction's name, results first. Behind the
text comes what launches the kernel: emulated_sizes, the bytes of its parameters, and emulated_launch.
"""
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')


def close(text, at):
    """The index behind the parenthesis that closes the one at `at`."""
    depth = 0
    in_text = False
    while True:
        c = text[at]
        if in_text:
            at += c == "\\"
            in_text = c != '"'
        elif c == '"':
            in_text = True
        else:
            depth += (c in "([{") - (c in ")]}")
        at += 1
        if depth == 0:
            return at


def split(text, mark):
    """The parts between marks that stand in no parentheses and no quotes; `::` are two marks."""
    parts, depth, start, in_text = [], 0, 0, False
    for i, c in enumerate(text):
        if c == '"':
            in_text = not in_text
        if in_text:
            continue
        depth += (c in "([{") - (c in ")]}")
        if c == mark and depth == 0:
            parts.append(text[start:i])
            start = i + 1
    return [*parts, text[start:]]


def name_of(instructions):
    """mnemonic_with_underscores; the last instruction that is no preparation."""
    kept = ""
    for line in re.split(r"[;\n]|\\n", instructions):
        line = line.strip().strip("{}").strip() if not line.strip().startswith("@p") else line.strip()[3:]
        if line and (not kept or not re.match(r"\.reg|setp|mov\.", line)):
            kept = line
    name = re.sub(r"\W+", "_", kept.split()[0])
    half = re.search(r"\b(lo|hi)$", kept)
    return name + ("_" + half.group(1) if half and name == "cvt_f32_f16" else "")


def operands(section):
    return [re.sub(r'^\s*"[^"]*"\s*\(', "(", part.strip()) for part in split(section, ",") if part.strip()]


def call_of(statement):
    sections = split(statement, ":")
    instructions = "".join(m.encode().decode("unicode_escape") for m in QUOTED.findall(sections[0]))
    results = operands(sections[1]) if len(sections) > 1 else []
    inputs = operands(sections[2]) if len(sections) > 2 else []
    return f"ptx::{name_of(instructions)}({', '.join(results + inputs)})"


def translate_asm(text):
    out, at = [], 0
    for found in re.finditer(r"\basm\s*(?:volatile\s*)?\(", text):
        if found.start() < at:
            continue
        end = close(text, found.end() - 1)
        out += [text[at : found.start()], call_of(text[found.end() : end - 1])]
        at = end
    return "".join(out) + text[at:]


def without_comments(text):
    return re.sub(r"/\*.*?\*/", "", re.sub(r"//[^\n]*", "", text), flags=re.S)


def translate(text):
    text = without_comments(text)
    text = re.sub(r"__shared__\s+(alignas\(\d+\))", r"\1 __shared__", text)
    text = re.sub(r"^\s*#pragma unroll.*$", "", text, flags=re.M)
    text = re.sub(r"(?:alignas\(\d+\)\s*)?extern __shared__ (\w+) (\w+)\[\];", r"\1 *const \2 = (\1 *)emulated_shared;", text)
    entry = re.search(r'extern "C" __global__ void\s*(?:__launch_bounds__\([^;{]*?\)\s*)?(\w+)\(', text)
    end = close(text, entry.end() - 1)
    types = [re.sub(r"\b\w+\s*$", "", p).strip() for p in split(text[entry.end() : end - 1], ",")]
    values = [f"*(const std::remove_cv_t<{t}> *)parameters[{i}]" for i, t in enumerate(types)]
    return f"""#include "kernel.hpp"
namespace text {{ /* whose names may be those of the host's libraries */
{translate_asm(text)}
static void **parameters;
extern "C" const int emulated_sizes[] = {{{', '.join(f'(int)sizeof({t})' for t in types)}, 0}};
extern "C" const char emulated_name[] = "{entry.group(1)}";
extern "C" void emulated_launch(void **params, const unsigned *grid, const unsigned *block)
{{
    parameters = params;
    body = [] {{ {entry.group(1)}({', '.join(values)}); }};
    run_grid(grid, block);
}}
}}
"""


def main():
    kernel, out = map(Path, sys.argv[1:3])
    source = kernel.with_suffix(".cpp")
    source.write_text(translate(kernel.read_text()))
    done = subprocess.run(
        ["c++", "-std=c++20", "-O1", "-w", "-fPIC", "-shared", f"-I{HERE}", str(source), "-o", str(out)],
        capture_output=True,
        text=True,
        check=False,
    )
    sys.stderr.write(done.stderr[:4000])
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
