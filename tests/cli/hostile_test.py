"""Hostile Python: every script of tests/hostile, alone, then every third of them in one sandbox; all
of them where $CLOCHE_TEST_SHARE, in per cent, is 300 or more.

A script says in comments what must come of it:

    # expect: kind=ok stdout=held             keys: kind, type, limit, exit, stderr_has, stdout_has,
    # limits: --time 2s --memory 64MiB        and last stdout, all of it; "|" parts alternatives

With $CLOCHE_ISOLATION=process all of it is played by process isolation, which needs no /dev/kvm. What
comes of a script is the same, unless it says "# by process isolation: kind=…" and why.

Where `exit` is not given it is 0 for kind=ok, 1 for an exception, and what EXITS says for the rest.

Whatever it does, four things hold besides: the answer is one well-formed JSON object, the run ends
within its limit, the host's process takes little memory beyond the guest's, and a secret that lies
in the folder and environment of `cloche` is not in it.
"""

import json
import os
import re
import resource
import secrets
import subprocess
import tempfile
import unittest
from pathlib import Path

from hypervisor import PROCESS, needs_wall

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("CLOCHE_BUILD", ROOT / "build")).resolve()
SCRIPTS = sorted((ROOT / "tests" / "hostile").glob("*.py"))
TOOLS = str(BUILD / "tests" / "hostile_tools.so")
DRIVER = str(BUILD / "tests" / "hostile_driver")
LIMITS = {"--time": "120s", "--cpu-time": "30s", "--memory": "64MiB"}  # for noisy machines
SANDBOX_MEMORY = 512 << 20  # the driver's; no script asks for more
GRACE = 10.0  # seconds beyond its limit that a run may take: 3 by the rules, and machines are noisy
HOST_MEMORY = 256 << 20  # beyond the limit of the guest
GENEROUS = 300  # seconds for a program that has ended long before
OUTPUT_LIMIT = 1 << 20
OUTPUT_NOTES = 128 << 10  # the traceback and the note, which come on top
SHARE = int(os.environ.get("CLOCHE_TEST_SHARE", "100"))
TOGETHER = SCRIPTS[::max(1, 300 // max(1, SHARE))]
CATEGORIES = ("files", "resources", "internals", "hostcalls", "parsing", "encoding", "time")
LEAST = 8  # scripts of each category

EXITS = {"wall_ms": "124", "cpu_ms": "124", "memory": "137", "output": "1", "host_calls": "1",
         "fault": "139", "guest": "139"}


def read_script(path):
    """(what is expected, its limits)"""
    text = path.read_text("utf-8")
    expected = {}
    for words in re.findall(r"^# expect: (.*)$", text, re.M):
        words, _, stdout = words.partition("stdout=")
        expected.update(re.findall(r"(\w+)=(\S+(?: (?!\w+=)\S+)*)", words))
        if stdout:
            expected["stdout"] = stdout
    if PROCESS:
        for words in re.findall(r"^# by process isolation: (.*)$", text, re.M):
            expected = dict(re.findall(r"(\w+)=(\S+)", words))
    limits = dict(LIMITS)
    for words in re.findall(r"^# limits: (.*)$", text, re.M):
        given = dict(zip(words.split()[::2], words.split()[1::2]))
        if "--time" in given:
            limits["--cpu-time"] = given["--time"]
        limits.update(given)
    return expected, limits


def milliseconds(text):
    return int(text[:-2]) if text.endswith("ms") else int(float(text[:-1]) * 1000)


def mebibytes(text):
    return int(text.removesuffix("MiB")) << 20


def unescape(text):
    return re.sub(r"\\(x..|u....|[rnt\\])", lambda found: json.loads(
        '"' + re.sub(r"\\x(..)", r"\\u00\1", found.group()) + '"'), text)


def differences(expected, result, process_exit=None):
    """What is not as the script expects it. `result` has exit_code, error (or None), stdout ..."""
    error = result["error"] or {"kind": "ok", "type": None, "limit": None, "message": ""}
    found = [f"{key} is {error[key]}, not {expected[key]}" for key in ("kind", "type", "limit")
             if key in expected and str(error[key]) not in expected[key].split("|")]
    exits = EXITS.get(error["limit"] or error["kind"]) or expected.get("exit") or (
        "1" if result["error"] else "0")
    if str(result["exit_code"]) not in exits.split("|"):
        found.append(f"exit is {result['exit_code']}, not {exits}")
    if process_exit is not None and process_exit != result["exit_code"] & 255:
        found.append(f"the process exits with {process_exit}, the result says {result['exit_code']}")
    if "stdout" in expected and result["stdout"] != unescape(expected["stdout"]) + "\n":
        found.append(f"stdout is {(result['stdout'] or '')[:500]!r}")
    for stream in ("stdout", "stderr"):
        part = unescape(expected.get(stream + "_has", ""))
        if part not in (result.get(stream) or part):
            found.append(f"{stream} lacks {part!r}: {result[stream][:300]!r}")
    if found:
        found.append(f"error {error['type']}: {(error['message'] or '')[:300]}")
    return "\n".join(found)


def most_memory():
    """Bytes of the largest program that was run so far."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10


class Alone(unittest.TestCase):
    """Each script in a sandbox of its own, by the program as a user starts it."""

    maxDiff = 2000

    @classmethod
    def setUpClass(cls):
        cls.secret = secrets.token_hex(16)
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        Path(cls.folder.name, "secret.txt").write_text(cls.secret)

    def start(self, words, limits, stdin=None):
        options = [word for pair in limits.items() for word in pair]
        before = most_memory()
        done = subprocess.run(
            [BUILD / "cloche", "run", "--json", "--tools", TOOLS, *options, *words], input=stdin,
            capture_output=True, cwd=self.folder.name, timeout=GENEROUS,
            env={**os.environ, "CLOCHE_SECRET": self.secret})
        self.assertGreaterEqual(done.returncode, 0, "cloche died of a signal")
        allowed = mebibytes(limits["--memory"]) + HOST_MEMORY
        self.assertLessEqual(most_memory(), max(before, allowed), "memory of the host")
        self.assertNotIn(self.secret.encode(), done.stdout + done.stderr)
        self.assertEqual(os.listdir(self.folder.name), ["secret.txt"])
        return done

    def check(self, words, expected, limits, stdin=None):
        done = self.start(words, limits, stdin)
        self.assertEqual(done.stderr, b"")
        result = json.loads(done.stdout)
        wrong = differences(expected, result, done.returncode)
        self.assertFalse(wrong, f"{wrong}\nstderr: {result['stderr'][-1000:]}")
        self.assertLess(result["usage"]["wall_us"] / 1e6,
                        milliseconds(limits["--time"]) / 1e3 + GRACE)
        self.assertLess(len(result["stdout"]) + len(result["stderr"]), OUTPUT_LIMIT + OUTPUT_NOTES)
        return result


def add_scripts():
    def make(path):
        def test(self):
            expected, limits = read_script(path)
            self.assertIn("kind", expected, "the script does not say what it expects")
            self.check([str(path)], expected, limits)
        return test

    for path in SCRIPTS:
        setattr(Alone, f"test_{path.stem}", make(path))


add_scripts()
needs_wall(Alone)


class Corpus(unittest.TestCase):
    def test_every_category_is_large_enough(self):
        for category in CATEGORIES:
            count = sum(path.stem.startswith(category + "_") for path in SCRIPTS)
            self.assertGreaterEqual(count, LEAST, category)


@needs_wall
class Source(Alone):
    """Source text that no editor would write, given as bytes."""

    def expect(self, source, **expected):
        return self.check(["-"], {"kind": "ok", **expected}, LIMITS, source)

    def test_empty(self):
        for source in (b"", b"\n", b" ", b"#", b"\x0c", b"\r\r\n"):
            self.expect(source)

    def test_null_bytes(self):
        for source in (b"\0", b"print(1)\0print(2)", b"x = '\0'", b"# \0\nprint(3)"):
            self.expect(source, kind="exception", type="SyntaxError")

    def test_not_utf_8(self):
        for source in (b"\xff", b"print('\xe9')", b"\xc0\x80", b"x = '\xed\xa0\x80'", b"\xfe\xff\0p"):
            done = self.start(["-"], LIMITS, source)
            self.assertEqual(done.returncode, 126)
            self.assertIn(b"UTF-8", done.stderr)

    def test_byte_order_mark_and_line_ends(self):
        self.expect(b"\xef\xbb\xbfprint('mark')", stdout="mark")
        self.expect(b"if 1:\r\n  print('dos')\r\n", stdout="dos")
        self.expect(b"if 1:\r  print('mac')\r", stdout="mac")

    def test_longest_source(self):
        line = b"x = 1\n"
        longest = line * ((4 << 20) // len(line))
        self.expect(longest + b"#" * ((4 << 20) - len(longest)), kind="ok|limit")
        done = self.start(["-"], LIMITS, longest + b"#" * 100)
        self.assertEqual(done.returncode, 126)
        self.assertIn(b"4194304", done.stderr)

    def test_one_long_line(self):
        self.expect(b"print('" + b"x" * 100_000 + b"'[:5])", stdout="xxxxx")
        self.expect(b"(" * 1_000_000, kind="exception", type="SyntaxError|MemoryError")


for name in list(vars(Alone)):
    if name.startswith("test_"):
        setattr(Source, name, None)  # they run once


@needs_wall
class Together(unittest.TestCase):
    """Scripts in one sandbox: after each a plain program must run as in a fresh one."""

    def drive(self, *options, scripts=TOGETHER):
        orders, wanted = [], {}
        for path in scripts:
            expected, limits = read_script(path)
            time, processor = milliseconds(limits["--time"]), milliseconds(limits["--cpu-time"])
            orders.append(f"{time} {processor} {mebibytes(limits['--memory'])} {path}\n")
            wanted[str(path)] = expected
        image = os.environ.get("CLOCHE_IMAGE") or str(BUILD / "python.image")
        done = subprocess.run(
            [DRIVER, *options, TOOLS, str(SANDBOX_MEMORY)], input="".join(orders).encode(),
            capture_output=True, timeout=900, env={**os.environ, "CLOCHE_IMAGE": image})
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(len(lines), len(orders),
                         f"it ended early: {done.returncode} {done.stderr}")
        for line in lines:
            with self.subTest(Path(line["path"]).stem):
                self.assertTrue(line["good"], f"the good run after it: {line.get('seen')}")
                self.assertNotIn("refused", line)
                error = None if line["kind"] == "ok" else line
                expected = {key: value for key, value in wanted[line["path"]].items()
                            if not key.endswith("_has") and not (key == "stdout" and "\\" in value)}
                result = {"exit_code": line["exit_code"], "error": error, "stdout": line["stdout"]}
                wrong = differences(expected, result)
                self.assertFalse(wrong, wrong)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_in_one_sandbox(self):
        self.drive(*(["--process"] if PROCESS else []))

    @unittest.skipIf(PROCESS, "a guest by process isolation is in a worker anyway")
    def test_in_one_sandbox_with_a_worker(self):
        short = [path for path in TOGETHER if path.stem.startswith(("internals", "hostcalls"))]
        self.drive("--worker", scripts=short)


if __name__ == "__main__":
    unittest.main()
