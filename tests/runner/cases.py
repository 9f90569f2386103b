#!/usr/bin/python3
"""cases.py FOLDER MODULE [CLASS] [NUMBER/OF]: play the cases of a unittest module, of one of its classes,
or every OF-th of these from NUMBER on. A line `ROW ["name", "outcome", "detail"]` tells of each."""

import json
import sys
import unittest
from pathlib import Path


def tell(name, outcome, detail=""):
    print("ROW " + json.dumps([name, outcome, detail]), flush=True)


class Teller(unittest.TestResult):
    def addSuccess(self, test):
        tell(test.id(), "passed")

    def addFailure(self, test, err):
        tell(test.id(), "failed", self._exc_info_to_string(err, test))

    def addError(self, test, err):
        tell(str(test), "failed", self._exc_info_to_string(err, test))

    def addSkip(self, test, reason):
        tell(test.id(), "skipped", reason)

    def addSubTest(self, test, subtest, err):
        tell(subtest.id(), "failed" if err else "passed", self._exc_info_to_string(err, test) if err else "")


def flat(suite):
    for one in suite:
        if isinstance(one, unittest.TestSuite):
            yield from flat(one)
        else:
            yield one


def main():
    folder, module, name, share = [*sys.argv[1:], "", ""][:4]
    sys.path[:0] = [folder, str(Path(__file__).resolve().parent.parent)]
    suite = unittest.defaultTestLoader.loadTestsFromName(f"{module}.{name}".rstrip("."))
    number, of = map(int, (share or "1/1").split("/"))
    unittest.TestSuite(list(flat(suite))[number - 1::of]).run(Teller())


if __name__ == "__main__":
    main()
