"""Runs the checks against a Ringfence of their own and prints how many passed."""

import logging
import sys
import unittest

import checks
from house import House


class Result(unittest.TextTestResult):
    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.passed = 0

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1


def main(binary):
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    with House(binary) as house:
        checks.Check.house = house
        suite = unittest.defaultTestLoader.loadTestsFromModule(checks)
        result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2, resultclass=Result).run(suite)
        failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
        if failed:
            print(house.log.read_text(errors="replace")[-8000:])
    print(f"{result.passed} passed, {failed} failed")
    return 1 if failed or not result.passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
