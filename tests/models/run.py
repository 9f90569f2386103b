#!/usr/bin/python3
"""Requests to the makers' models, checked against the types of the makers' own clients (vendors/wanted.txt).

    tests/models/run.py [--build BUILD] [makers_test.Makers.test_… …]

Ends with one line: `models: N passed, N failed, N skipped`. Without the network, where the clients are not in the
cache yet, all is counted as skipped.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tests"))
from environments import NoNetwork, install, place_of  # noqa: E402

MODULES = ["makers_test"]
TIMEOUT = 1800  # seconds for all
WITHIN = """
import sys, unittest
result = unittest.TextTestRunner(verbosity=2).run(unittest.defaultTestLoader.loadTestsFromNames(sys.argv[1:]))
bad = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
for test, why in result.skipped:
    print(f"models: SKIPPED {test}: {why}")
print(f"models: {result.testsRun - bad - len(result.skipped)} passed, {bad} failed, {len(result.skipped)} skipped")
sys.exit(bad > 0)
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    place = place_of(HERE / "vendors")
    try:
        install(HERE / "vendors", place)
    except NoNetwork as why:
        print(f"models: SKIPPED: the makers' clients cannot be fetched: {str(why)[-300:]}\nmodels: 0 passed, 0 failed, 1 skipped")
        return 0
    env = {**os.environ, "PYTHONPATH": ":".join(str(ROOT / one) for one in ("tests/models", "tests/cli", "tests")),
           "CLOCHE_BUILD": str(Path(options.build).resolve())}
    return subprocess.run([place / "bin" / "python", "-c", WITHIN, *(options.names or MODULES)], env=env, timeout=TIMEOUT,
                          check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
