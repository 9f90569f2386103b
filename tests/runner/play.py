"""Ways to play tests: each yields (name, outcome, detail), outcome "passed", "failed" or "skipped"."""

import json
import os
import re
import signal
import subprocess
import sys
import threading

from .inputs import ROOT, TESTS

TEST_TIMEOUT = 900  # seconds for one test program; generous, the machines are noisy
NOT_HERE = 77  # exit status of a test program that this machine cannot run; its last line says why


def command(words, timeout=TEST_TIMEOUT, cwd=ROOT, env=None):
    """Run and return (exit status, output); a time-out is status 124 and whatever came before."""
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=timeout, cwd=cwd, env={**os.environ, **(env or {})}, check=False)
        return done.returncode, done.stdout.decode("utf-8", "replace")
    except subprocess.TimeoutExpired as late:
        said = (late.stdout or b"").decode("utf-8", "replace")
        return 124, said + f"\nstopped after {timeout} s"


def meson_tests(build):
    listing = subprocess.run(["meson", "introspect", "--tests", build], capture_output=True, check=True)
    return json.loads(listing.stdout)


def cmocka(test, build, env=None):
    """One test program that Meson knows, case by case from its TAP output."""
    status, said = command(test["cmd"], cwd=build, env={**test["env"], **(env or {}), "CMOCKA_MESSAGE_OUTPUT": "TAP"})
    if status == NOT_HERE:
        yield f"{test['name']}: the whole program", "skipped", said
        return
    bad = False
    for result, name in re.findall(r"^(ok|not ok) \d+ (?:- )?(.*)$", said, re.M):
        if "# SKIP" in name:
            yield f"{test['name']}: {name}", "skipped", said
        else:
            bad |= result != "ok"
            yield f"{test['name']}: {name}", "passed" if result == "ok" else "failed", said
    if status != 0 and not bad:  # it died, a sanitizer spoke up, or it ran no test
        yield f"{test['name']}: exit status {status}", "failed", said


def cases(build, folder, module, name="", share="1/1", env=None):
    """The cases of a class of a unittest module, or of its share NUMBER/OF, in a process of their own."""
    words = [sys.executable, TESTS / "runner" / "cases.py", TESTS / folder, module, name, share]
    status, said = command(words, timeout=1800, env={"CLOCHE_BUILD": str(build), **(env or {})})
    rows = [json.loads(line) for line in re.findall(r"^ROW (.*)$", said, re.M)]
    yield from map(tuple, rows)
    if status or not rows:
        yield f"{module} {name} {share}: exit status {status}, {len(rows)} cases", "failed", said


def counted(name, words, timeout=1800, env=None):
    """A script that ends with the line `NAME: N passed, N failed, N skipped`. Its lines that begin
    with `NAME: ` are shown as they come."""
    lines, end = [], re.compile(rf"{name}: (\d+) passed, (\d+) failed, (\d+) skipped$")
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, cwd=ROOT, start_new_session=True, env={**os.environ, **(env or {})}) as script:
        timer = threading.Timer(timeout, os.killpg, [script.pid, signal.SIGKILL])
        timer.start()
        for line in script.stdout:
            lines.append(line.decode("utf-8", "replace").rstrip())
            if lines[-1].startswith(name + ": ") and not end.match(lines[-1]):
                print("   " + lines[-1], flush=True)
        timer.cancel()
    said, counts = "\n".join(lines), [match for match in map(end.match, lines) if match]
    if not counts:
        yield f"{name}: gave no counts, exit status {script.returncode}", "failed", said
        return
    passed, failed, skipped = map(int, counts[-1].groups())
    yield from ((name, "passed", "") for _ in range(passed))
    yield from ((name, "failed", said) for _ in range(failed))
    yield from ((name, "skipped", said) for _ in range(skipped))
    if script.returncode != 0 and not failed:
        yield f"{name}: exit status {script.returncode}", "failed", said


def check(name, words, timeout=1800, env=None):
    """A command that has to succeed."""
    status, said = command(words, timeout=timeout, env=env)
    yield name, "failed" if status else "passed", said
