#!/usr/bin/python3
"""Ten analyses as a model would write them, over files of some tens of MB: uploaded with OpenAI's client to a server of a
build folder, run there by an agent, what they leave fetched again and compared, byte by byte, with what the
same scripts leave natively.

    tests/analyses/run.py [--build BUILD] [PART-OF-A-NAME]

The files are made once (data.py) and kept in the cache. Ends with one line: `analyses: N passed, N failed, N skipped`.
"""

import argparse
import hashlib
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tests"))
import hypervisor  # noqa: E402
from environments import PYTHON, NoNetwork, install, place_of  # noqa: E402

CLIENT = ROOT / "tests" / "e2e" / "python" / "openai-3"
TIMEOUT = 900  # seconds for one analysis


def say(text):
    print("analyses: " + text, flush=True)


def data():
    """The folder of the files, made by this data.py."""
    cache = Path(os.environ.get("CLOCHE_CACHE") or Path.home() / ".cache" / "cloche").resolve() / "analyses"
    place = cache / hashlib.sha256((HERE / "data.py").read_bytes()).hexdigest()[:16]
    if not place.exists():
        cache.mkdir(parents=True, exist_ok=True)
        for old in cache.iterdir():
            shutil.rmtree(old)
        with tempfile.TemporaryDirectory(dir=cache) as new:
            (Path(new) / "files").mkdir()
            say("making the files, which takes about a minute")
            subprocess.run([PYTHON, HERE / "data.py", Path(new) / "files"], check=True)
            (Path(new) / "files").rename(place)
    return place


def natively(script, files, folder):
    """(what it prints, what it leaves)"""
    code = script.read_text().replace("/tmp", f"{folder}.tmp").replace("/input/", f"{files}/").replace("/output", str(folder))
    Path(f"{folder}.tmp").mkdir()
    done = subprocess.run([PYTHON, "-"], input=code, capture_output=True, text=True, timeout=TIMEOUT)
    if done.returncode:
        raise RuntimeError(f"{script.name} fails natively: {done.stderr}")
    return done.stdout, {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def content(name, data, folder):
    """Of a database what is in it: its file has the version of the library that wrote it."""
    if not name.endswith(".sqlite"):
        return data
    path = folder / "compared.sqlite"
    path.write_bytes(data)
    with sqlite3.connect(path) as base:
        return list(base.iterdump())


def compare(script, printed, left, answer, folder):
    wanted, files = natively(script, data(), folder / "native")
    if printed.rstrip() != wanted.rstrip():
        raise AssertionError(f"natively it prints\n{wanted}\nhere\n{printed}\nThe answer was {answer[:3000]}")
    if sorted(files) != sorted(left):
        raise AssertionError(f"natively it leaves {sorted(files)}, here {sorted(left)}")
    for name, value in files.items():
        if content(name, value, folder) != content(name, left[name], folder):
            raise AssertionError(f"{name} differs: natively {value[:300]}, here {left[name][:300]}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("part", nargs="?", default="")
    arguments = parser.parse_args()
    scripts = [script for script in sorted((HERE / "scripts").glob("*.py")) if arguments.part in script.stem]
    passed = failed = skipped = 0
    if not (hypervisor.PROCESS or hypervisor.present()):
        skipped = len(scripts)
        say(f"{hypervisor.MISSING}: NONE OF THE {skipped} ANALYSES IS RUN")
    else:
        try:
            place = place_of(CLIENT)
            install(CLIENT, place, say)
            passed, failed = play(place, scripts, arguments.build.resolve())
        except NoNetwork as error:
            skipped = len(scripts)
            print(error)
            say(f"NO NETWORK HERE TO INSTALL THE CLIENT: NONE OF THE {skipped} ANALYSES IS RUN")
    print(f"analyses: {passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


def play(place, scripts, build):
    """The client's own Python asks the server, and leaves what it got in a folder; this one compares."""
    passed = failed = 0
    for script in scripts:
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            (folder / "left").mkdir()
            (folder / "native").mkdir()
            file = data() / re.match(r"# reads: (.*)\n", script.read_text())[1]
            try:
                done = subprocess.run([place / "bin" / "python", HERE / "ask.py", build / "cloche", script, file, folder],
                                      stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT)
                if done.returncode:
                    raise AssertionError(done.stdout[-3000:] + done.stderr[-6000:])
                left = {str(path.relative_to(folder / "left")): path.read_bytes()
                        for path in (folder / "left").rglob("*") if path.is_file()}
                compare(script, (folder / "printed").read_text(), left, done.stdout, folder)
                passed += 1
                say(f"{script.stem}: {len(left)} files the same, {(folder / 'took').read_text()} s")
            except (AssertionError, subprocess.TimeoutExpired) as error:
                failed += 1
                print(f"   FAILED  {script.stem}: {error}", flush=True)
    return passed, failed


if __name__ == "__main__":
    sys.exit(main())
