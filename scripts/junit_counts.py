#!/usr/bin/env python3
"""Prints "passed failed skipped" of a ctest --output-junit file."""

import sys
import xml.etree.ElementTree

suite = xml.etree.ElementTree.parse(sys.argv[1]).getroot()
total, failed, skipped, disabled = (int(suite.get(k, 0)) for k in ("tests", "failures", "skipped", "disabled"))
print(total - failed - skipped - disabled, failed, skipped + disabled)
