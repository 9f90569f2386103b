#!/usr/bin/python3
"""The client libraries from PyPI against the program of a build folder. Each folder here that has a
requirements.txt becomes a virtual environment in the cache (${CLOCHE_CACHE:-~/.cache/cloche}/clients),
installed by version and hash, once for all builds, as a whole or not at all; each client_*.py in it is
run there by itself, two at once.

    tests/e2e/python/run.py [--build BUILD] [--only PART-OF-A-FILE-NAME] [PART-OF-A-TEST-NAME]

Ends with one line: `clients: N passed, N failed, N skipped`.
"""

import argparse
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path.insert(0, str(ROOT / "tests"))
import hypervisor  # noqa: E402

PYTHON = "/usr/bin/python3"
AT_ONCE = 2
TIMEOUT = 300  # seconds for one client, which should have given up before
NO_NETWORK = re.compile(r"NewConnectionError|NameResolutionError|ConnectTimeoutError|Network is unreachable|"
                        r"Temporary failure in name resolution|Connection refused")
# Nothing is asked for, and nothing told, anywhere but at the server under test.
QUIET = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "OPENAI_AGENTS_DISABLE_TRACING": "1",
         "LANGSMITH_TRACING": "false"}


class NoNetwork(Exception):
    pass


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


def place_of(folder):
    """Where the environment of a folder is, or shall be: another for other requirements and other Pythons."""
    version = run([PYTHON, "-c", "import sys; print(sys.version, sys.platform)"]).stdout
    key = hashlib.sha256(version.encode() + (folder / "requirements.txt").read_bytes()).hexdigest()[:16]
    cache = Path(os.environ.get("CLOCHE_CACHE") or Path.home() / ".cache" / "cloche").resolve()
    return cache / "clients" / f"{folder.name}-{key}"


def install_into(folder, place):
    done = run([PYTHON, "-m", "venv", place])
    if done.returncode:
        raise RuntimeError(f"{PYTHON} makes no virtual environment; tools/deps.sh test installs what it "
                           f"needs: {done.stdout}")
    done = run([place / "bin" / "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--no-compile",
                "--only-binary", ":all:", "-r", folder / "requirements.txt"])
    if done.returncode:
        raise NoNetwork(done.stdout) if NO_NETWORK.search(done.stdout) else RuntimeError(done.stdout)


def install(folder, place):
    """As a whole or not at all: it gets its name when it is complete. Only pip, which is not needed
    again, knows the other one."""
    if place.exists():
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{place}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another run may be installing the same
        if place.exists():
            return
        for left in place.parent.glob(place.name + ".new.*"):  # by a run that was killed
            shutil.rmtree(left)
        start = time.monotonic()
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=place.name + ".new.") as outer:
            install_into(folder, Path(outer, "place"))
            Path(outer, "place").rename(place)
    say(f"{folder.name} installed in {time.monotonic() - start:.0f} s")


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


def scripts(part):
    found = [script for script in sorted(HERE.glob("*/client_*.py")) if part in script.stem]
    return sorted(found, key=lambda script: -script.stat().st_size)  # the longest first, as good as any


def prepare(files):
    places = {script.parent: place_of(script.parent) for script in files}
    with ThreadPoolExecutor(AT_ONCE) as threads:
        jobs = [threads.submit(install_node), *(threads.submit(install, *one) for one in places.items())]
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
    parser.add_argument("--only", default="", help="the files whose name contains this")
    parser.add_argument("test", nargs="?", default="", help="the tests whose name contains this")
    arguments = parser.parse_args()
    build, files = arguments.build.resolve(), scripts(arguments.only)
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
