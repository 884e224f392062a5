"""Runs the checks of both SDKs, each against a Ringfence of its own."""

import json
import logging
import os
import subprocess
import sys
import unittest
from pathlib import Path

import checks
import operations
from house import House


class Result(unittest.TextTestResult):
    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.passed = 0

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1


def python(house):
    """Runs the Python SDK's checks."""
    checks.Check.house = house
    loader = unittest.defaultTestLoader
    suite = unittest.TestSuite(loader.loadTestsFromModule(module) for module in (checks, operations))
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2, resultclass=Result).run(suite)
    print(f"{result.passed} passed")
    return result.wasSuccessful() and result.passed > 0


def javascript(house, modules):
    """Runs the JavaScript SDK's checks."""
    described = house.path / "house.json"
    described.write_text(json.dumps(house.described()))
    return subprocess.run(
        ["node", "--test-reporter=spec", "--test-timeout=120000", "checks.js"], cwd=modules,
        env={**os.environ, "RINGFENCE_HOUSE": str(described)}, check=False).returncode == 0


def passes(binary, name, suite, *arguments):
    """Runs one SDK's checks against a house of their own; each enabled operation must have been called."""
    print(f"=== {name} ===", flush=True)
    with House(binary) as house:
        passed = suite(house, *arguments)
        uncalled = house.uncalled()
        if uncalled:
            print(f"{name}: operations that are enabled and not called: {' '.join(uncalled)}")
        if not passed:
            print(house.log.read_text(errors="replace")[-8000:])
    return passed and not uncalled


def main(binary, modules):
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    passed = {"Python": passes(binary, "Python", python), "JavaScript": passes(binary, "JavaScript", javascript, modules)}
    print("; ".join(f"{name}: {'passed' if one else 'failed'}" for name, one in passed.items()))
    return 0 if all(passed.values()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
