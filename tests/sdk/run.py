"""Runs the checks of both SDKs against a Ringfence of their own and prints how many passed."""

import json
import logging
import os
import subprocess
import sys
import unittest
from pathlib import Path

import checks
from house import House


class Result(unittest.TextTestResult):
    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.passed = 0

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1


def main(binary, javascript):
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    with House(binary) as house:
        checks.Check.house = house
        suite = unittest.defaultTestLoader.loadTestsFromModule(checks)
        result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2, resultclass=Result).run(suite)
        described = house.path / "house.json"
        described.write_text(json.dumps(house.described()))
        other = subprocess.run(
            ["node", "--test-reporter=spec", "--test-timeout=120000", "checks.js"], cwd=javascript,
            env={**os.environ, "RINGFENCE_HOUSE": str(described)}, check=False).returncode
        failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
        if failed or other:
            print(house.log.read_text(errors="replace")[-8000:])
    print(f"Python: {result.passed} passed, {failed} failed; JavaScript: {'failed' if other else 'passed'}")
    return 1 if failed or other or not result.passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
