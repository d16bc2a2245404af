#!/usr/bin/env python3
"""Writes docs/passes.md from src/opt: the pipeline's table, rules.def, the comments above rules and passes; --check compares
instead. Run from anywhere."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OPT = ROOT / "src/opt"
PAGE = ROOT / "docs/passes.md"

HEAD = """\
# Passes

Written by `scripts/passes_doc.py` from `src/opt/pipeline.c`, `src/opt/rules.def` and the comments above the code; a test
compares.

The optimiser is a list of rows. A row is a pass over whole graphs, or a set of local rules: a rule looks at one operator
and its neighbours and rewrites them where its legality condition holds. Sets are applied until no rule fires; sweeps
alternate in direction, and what a rewrite leaves unused is removed after each. The verifier runs after every row. `hone
build --dump-ir=DIR` writes the IR before the first row and after each. Rows marked * also run under `--no-optimize`,
because lowering counts on them. Every rule has golden files in `tests/opt/golden`: one in which it fires and one in which
it must not.
"""


TARGETS = {"CPU": "CPU", "GPU": "GPU", "BOTH": "both"}


def rows():
    text = (OPT / "pipeline.c").read_text()
    table = text[text.index("static const row rows[]") :]
    table = table[: table.index("\n};")]
    return re.findall(r'\{"(\w+)",\s*(CPU|GPU|BOTH),\s*(\w+),\s*(true|false),\s*"([^"]*)"\}', table)


def sets():
    out = {}
    for name, rule in re.findall(r"^HONE_RULE\(\s*(\w+),\s*(\w+)\s*\)", (OPT / "rules.def").read_text(), re.M):
        out.setdefault(name, []).append(rule)
    return out


def plain(comment):
    lines = [re.sub(r"^ ?\*? ?", "", line.strip()) for line in comment.split("\n")]
    return "\n".join(lines).strip()


def comments_before(text):
    """(comment, position after it) of every comment in the file."""
    for match in re.finditer(r"/\*((?:[^*]|\*(?!/))*)\*/", text):
        yield plain(match.group(1)), match.end()


def describe_rules():
    """For each rule, the comment above its function, or above that which the function shares with its kin."""
    found = {}
    for path in sorted(OPT.glob("*.c")):
        text = path.read_text()
        comments = [(c, end) for c, end in comments_before(text) if re.match(r"\w+: ", c)]
        for match in re.finditer(r"const hone_rule hone_rule_(\w+) =", text):
            above = [c for c, end in comments if end < match.start()]
            found[match.group(1)] = (path.name, above[-1])
    return found


def describe_passes():
    found = {}
    for path in sorted(OPT.glob("*.c")):
        text = path.read_text()
        for name in re.findall(r"^hone_status (hone_pass_\w+)\(hone_pass_context", text, re.M):
            found[name] = (path.name, next(comments_before(text))[0])
    return found


def block(comment):
    """A comment as Markdown: indented lines stay code, the rest is prose."""
    return "\n".join(line if line.startswith("   ") else line.strip() for line in comment.split("\n"))


def page():
    rules, passes, members = describe_rules(), describe_passes(), sets()
    out = [HEAD, "| row | for | what it does | made of |", "|---|---|---|---|"]
    for name, target, function, needed, what in rows():
        made_of = f"`{passes[function][0]}`" if function != "NULL" else f"{len(members[name])} rule" + "s" * (len(members[name]) > 1)
        out.append(f"| {name}{' *' if needed == 'true' else ''} | {TARGETS[target]} | {what} | {made_of} |")
    out.append("\n## Passes over whole graphs")
    for name, (path, comment) in sorted(passes.items()):
        out.append(f"\n### {name.removeprefix('hone_pass_')}\n\n`{path}`. {block(comment)}")
    for name, _, _, _, _ in rows():
        if name not in members:
            continue
        out.append(f"\n## Rules of the set `{name}`")
        seen = {}
        for rule in members[name]:
            seen.setdefault(rules[rule], []).append(rule)
        for (path, comment), names in seen.items():
            out.append(f"\n### {', '.join(names)}\n\n`{path}`. {block(comment)}")
    return "\n".join(out) + "\n"


def main():
    if "--check" in sys.argv:
        if PAGE.read_text() != page():
            sys.exit("docs/passes.md is not what scripts/passes_doc.py writes: run it")
        return
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
