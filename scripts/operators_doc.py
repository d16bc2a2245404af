#!/usr/bin/env python3
"""Writes docs/operators.md from src/op/ops.def and src/op/attrs.def; --check compares instead. Run from anywhere."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/operators.md"
ANY = 255  # as most inputs or outputs: any number

HEAD = """\
# Operators

Written by `scripts/operators_doc.py` from `src/op/ops.def` and `src/op/attrs.def`; a test compares.

The IR has one version of each operator, that of ONNX's newest opset, to which the importer brings models of
opsets 1 to 28. Attributes have ONNX's names; `= x` is the default. **CPU** tells how an operator runs there: by a *kernel* of its
own, by *lowering* to other steps when the plan is made, or not *yet*. Variadic Sum, Max, Min and Mean become chains of
two; Constant becomes a constant; functions of the model are inlined.
"""


def rows_of(path, macro):
    """(heading, cells) for each row of the macro, in order; the heading is the last comment that stands alone."""
    heading = ""
    for line in path.read_text().splitlines():
        comment = re.fullmatch(r"/\* (.*) \*/", line.strip())
        row = re.fullmatch(rf"\s*{macro}\((.*)\)", line)
        if comment and not comment.group(1).startswith("id "):
            heading = re.split(r"[.;:]", comment.group(1))[0]
        elif row:
            yield heading, [c.strip() for c in re.findall(r'(?:"[^"]*"|[^,])+', row.group(1))]


def default_text(kind, default, choices):
    if kind == "ENUM":
        return choices.strip('"').split("|")[int(default)]
    if kind == "TYPE":
        return "" if default == "HONE_NONE" else default.removeprefix("HONE_").lower()
    if kind in {"INTS", "FLOATS", "TEXTS", "TEXT", "PROGRAM"}:
        return ""
    return default.removesuffix("f")


def attributes():
    """{operator: "alpha = 1.0, axis = -1"}"""
    texts = {}
    for _, (op, name, kind, default, choices) in rows_of(ROOT / "src/op/attrs.def", "ATTR"):
        value = default_text(kind, default, choices)
        texts.setdefault(op, []).append(f"{name} = {value}" if value else name)
    return {op: ", ".join(names) for op, names in texts.items()}


def count(least, most):
    least, most = int(least), int(most)
    if most == ANY:
        return f"{least}+"
    return f"{least}" if least == most else f"{least}-{most}"


def how_it_runs(onnx, traits, cpu):
    if cpu != "none":
        return "kernel"
    if onnx == '""':
        return "GPUs alone"
    return "lowering" if "CONTROL" in traits else "not yet"


def page():
    attrs = attributes()
    lines, last = [HEAD], None
    for heading, row in rows_of(ROOT / "src/op/ops.def", "OP"):
        op, onnx, in_min, in_max, out_min, out_max, traits, _, cpu = row
        if heading != last:
            lines += [f"\n## {heading}\n", "| ONNX | IR | in | out | attributes | CPU |", "|---|---|--:|--:|---|---|"]
            last = heading
        lines.append(f"| {onnx.strip(chr(34)) or '(of Hone)'} | `{op}` | {count(in_min, in_max)} | {count(out_min, out_max)} "
                     f"| {attrs.get(op, '')} | {how_it_runs(onnx, traits, cpu)} |")
    return "\n".join(lines) + "\n"


def main():
    text = page()
    if "--check" not in sys.argv[1:]:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(text)
    elif not PAGE.exists() or PAGE.read_text() != text:
        sys.exit("docs/operators.md is not what src/op says; run scripts/operators_doc.py")


if __name__ == "__main__":
    main()
