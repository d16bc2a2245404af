#!/usr/bin/env python3
"""Line coverage of src/ by folder, from gcov's counters below a build folder: coverage_table.py BUILD_FOLDER

A line counts as run where any object that was compiled from it has run it: vector code is compiled once a level.
"""

import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path


def main():
    root = Path(__file__).resolve().parent.parent
    lines = defaultdict(dict)  # file: {line: was run}
    counters = sorted(str(p) for p in Path(sys.argv[1]).resolve().rglob("*.gcda") if "/src/" in str(p))
    for at in range(0, len(counters), 20):
        command = ["gcov", "--json-format", "--stdout", *counters[at : at + 20]]
        told = subprocess.run(command, capture_output=True, text=True, cwd=sys.argv[1]).stdout
        for document in (json.loads(text) for text in told.splitlines() if text.startswith("{")):
            for file in document["files"]:
                path = (Path(document["current_working_directory"]) / file["file"]).resolve()
                if not path.is_relative_to(root / "src"):
                    continue
                seen = lines[path.relative_to(root / "src")]
                for line in file["lines"]:
                    number = line["line_number"]
                    seen[number] = seen.get(number, False) or line["count"] != 0
    folders = defaultdict(lambda: [0, 0])
    for path, seen in lines.items():
        for name in (path.parts[0], "all"):
            folders[name][0] += sum(seen.values())
            folders[name][1] += len(seen)
    for name, (run, total) in sorted(folders.items(), key=lambda f: (f[0] == "all", f[0])):
        print(f"{name:8} {run:6} of {total:6} lines, {100 * run / total:5.1f} %")


if __name__ == "__main__":
    main()
