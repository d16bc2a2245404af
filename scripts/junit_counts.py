#!/usr/bin/env python3
"""Prints "passed failed skipped" of a ctest --output-junit file, and on stderr why each test was skipped."""

import sys
import xml.etree.ElementTree

suite = xml.etree.ElementTree.parse(sys.argv[1]).getroot()
total, failed, skipped, disabled = (int(suite.get(k, 0)) for k in ("tests", "failures", "skipped", "disabled"))
for case in suite.iter("testcase"):
    if case.find("skipped") is not None:
        words = (case.findtext("system-out") or "").strip().splitlines()
        print(f"SKIP {case.get('name')}: {words[-1] if words else 'it does not say why'}", file=sys.stderr)
print(total - failed - skipped - disabled, failed, skipped + disabled)
