#!/usr/bin/python3
"""The client libraries from PyPI against the program of a build folder. Each folder here that has a
requirements.txt becomes a virtual environment in the cache (${CLOCHE_CACHE:-~/.cache/cloche}/clients),
installed by version and hash, once for all builds, as a whole or not at all; each client_*.py in it is
run there by itself, two at once.

    tests/e2e/python/run.py [--build BUILD] [--folder FOLDER] [--only PART-OF-A-FILE-NAME] [PART-OF-A-TEST-NAME]

With --folder those of another folder alone, such as tests/peer.

Ends with one line: `clients: N passed, N failed, N skipped`.
"""

import argparse
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path.insert(0, str(ROOT / "tests"))
import hypervisor  # noqa: E402
from environments import NoNetwork, install, place_of  # noqa: E402

AT_ONCE = 2
TIMEOUT = 900  # seconds for one client, which should have given up before
# Nothing is asked for, and nothing told, anywhere but at the server under test.
QUIET = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "OPENAI_AGENTS_DISABLE_TRACING": "1",
         "LANGSMITH_TRACING": "false"}


def say(text):
    print("clients: " + text, flush=True)


def run(words, **options):
    return subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)


def install_node():
    """Of the other client tests: the model server runs on it."""
    done = run([HERE.parent / "install.sh"])
    if done.returncode == 77:
        raise NoNetwork(done.stdout)
    if done.returncode:
        raise RuntimeError(done.stdout)


def play(script, place, build, only):
    """(script, [(outcome, name, detail)])"""
    env = {**os.environ, **QUIET, "CLOCHE_BUILD": str(build), "PYTHONPATH": str(HERE),
           "PYTHONPYCACHEPREFIX": str(place / "bytecode")}  # big libraries: compiled once
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    process = subprocess.Popen([place / "bin" / "python", script, only], stdout=subprocess.PIPE, env=env,
                               stderr=subprocess.STDOUT, text=True, errors="replace")
    try:
        output, _ = process.communicate(timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        output = process.communicate()[0] + f"\nstopped after {TIMEOUT} s"
    parts = re.split(r"^(ok|not ok) (.*)\n", output, flags=re.M)
    rows = list(zip(parts[1::3], parts[2::3], parts[3::3]))
    if process.returncode or not re.search("^played ", output, re.M):
        rows.append(("not ok", f"{script.stem}: exit status {process.returncode}", output[-4000:]))
    return script, rows


def scripts(part, folder=None):
    every = folder.resolve().glob("client_*.py") if folder else HERE.glob("*/client_*.py")
    found = [script for script in sorted(every) if part in script.stem]
    return sorted(found, key=lambda script: -script.stat().st_size)  # the longest first, as good as any


def prepare(files):
    places = {script.parent: place_of(script.parent) for script in files}
    with ThreadPoolExecutor(AT_ONCE) as threads:
        jobs = [threads.submit(install_node), *(threads.submit(install, *one, say) for one in places.items())]
        for job in jobs:
            job.result()
    return places


def play_all(files, places, build, only):
    passed = failed = 0
    with ThreadPoolExecutor(AT_ONCE) as threads:
        for script, rows in threads.map(lambda one: play(one, places[one.parent], build, only), files):
            good = sum(outcome == "ok" for outcome, _, _ in rows)
            say(f"{script.stem.removeprefix('client_')}: {good} of {len(rows)}")
            passed, failed = passed + good, failed + len(rows) - good
            for outcome, name, detail in rows:
                if outcome != "ok":
                    print(f"FAILED {name}\n{detail}", flush=True)
    return passed, failed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--folder", type=Path, help="another than those beside this program")
    parser.add_argument("--only", default="", help="the files whose name contains this")
    parser.add_argument("test", nargs="?", default="", help="the tests whose name contains this")
    arguments = parser.parse_args()
    build, files = arguments.build.resolve(), scripts(arguments.only, arguments.folder)
    passed = failed = skipped = 0
    if not (hypervisor.PROCESS or hypervisor.present()):
        skipped = len(files)
        say(f"NO /dev/kvm HERE: {skipped} CLIENTS ARE NOT RUN")
    else:
        try:
            passed, failed = play_all(files, prepare(files), build, arguments.test)
        except NoNetwork as error:
            print(error)
            skipped = len(files)
            say(f"NO NETWORK HERE TO INSTALL THEM: {skipped} CLIENTS ARE NOT RUN")
        except RuntimeError as error:
            failed = 1
            print(error)
    print(f"clients: {passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
