"""Virtual environments of what tests and benchmarks take from PyPI: a folder with a requirements.txt becomes one
in the cache (${CLOCHE_CACHE:-~/.cache/cloche}/clients), by version and hash, once for all builds."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

PYTHON = "/usr/bin/python3"
NO_NETWORK = re.compile(r"NewConnectionError|NameResolutionError|ConnectTimeoutError|Network is unreachable|"
                        r"Temporary failure in name resolution|Connection refused")


class NoNetwork(Exception):
    pass


def run(words):
    return subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


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


def install(folder, place, say=print):
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
