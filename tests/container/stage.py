"""What the tests of containers play on: one engine for a module, with the base and the image of `make container`."""

import atexit
import contextlib
import fcntl
import json
import os
import re
import shutil
import subprocess
import time
import unittest
from pathlib import Path

from engine import Engine, NoEngine

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("CLOCHE_BUILD", ROOT / "build")).resolve()
CACHE = Path(os.environ.get("CLOCHE_CACHE") or Path.home() / ".cache" / "cloche").resolve() / "container"
GENEROUS = 180
BASE, IMAGE = "cloche-test-base", "cloche"
# as the seed of this project has it, and README.md
CURL = '''curl -X POST http://localhost:8088/responses -H "Content-Type: application/json" \\
  -d '{"input": "Fetch all users, find the admins, multiply 7 by 6, and print the users, admins and multiplication result. Use execute_code with call_tool(...)."}\''''
LAYERS = ["user", "pid", "net", "ipc", "files", "rights", "limits", "landlock", "syscalls"]
OFFLINE = re.compile(r"E: (Failed getting release file|Couldn't download packages|Invalid Release file)")

_stage = None  # an Engine, or what came of it instead


def made_base(name, *words):
    """A root file system in the cache, made by debootstrap once."""
    path = CACHE / f"{name}.tar"
    with alone(name):
        if path.exists():
            return path
        done = subprocess.run([ROOT / "tests/container/base.sh", path, *words], capture_output=True, text=True,
                              timeout=1800)
    if done.returncode:
        raise (unittest.SkipTest("NO NETWORK: debootstrap got no Debian: " + done.stderr[-500:])
               if OFFLINE.search(done.stderr) else AssertionError(done.stderr))
    return path


@contextlib.contextmanager
def alone(name):
    """Other parts of the suite may be at the same."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def context(engine):
    """What the image is built from, the unpacked archive among it."""
    return engine.folder / "context"


def make_image(engine):
    """By `make container`, as a user would. $CLOCHE_ARCHIVE is taken for what `make dist` makes."""
    archive = os.environ.get("CLOCHE_ARCHIVE")
    with alone("make"):
        done = subprocess.run(["make", "--no-print-directory", "container", f"BUILD={BUILD}", f"BASE={BASE}",
                               f"CONTEXT={context(engine)}", *([f"ARCHIVE={archive}"] if archive else [])],
                              cwd=ROOT, capture_output=True, text=True, timeout=3600, stdin=subprocess.DEVNULL,
                              env={**os.environ, **engine.environment()})
    if done.returncode:
        raise AssertionError("make container: " + done.stdout[-3000:] + done.stderr[-3000:])


def install():
    """The packages that these tests need."""
    done = subprocess.run([ROOT / "tools/deps.sh", "container", "container-test"], capture_output=True, text=True,
                          timeout=1800, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise NoEngine("PACKAGES ARE MISSING: " + done.stderr[-500:])


def set_up():
    install()
    engine = Engine()
    atexit.register(engine.stop)
    engine.docker("import", made_base("bookworm"), BASE)
    make_image(engine)
    return engine


def stage():
    """The engine, with BASE and IMAGE. Raises SkipTest where there can be none."""
    global _stage
    if _stage is None:
        try:
            _stage = set_up()
        except NoEngine as why:
            _stage = unittest.SkipTest(str(why))
        except Exception as why:  # once: each test would wait for it again
            _stage = why
    if isinstance(_stage, Exception):
        raise _stage
    return _stage


def lacking_here():
    """Layers of the jail that this machine itself does not allow."""
    said = subprocess.run([BUILD / "cloche", "doctor", "--isolation=process"], capture_output=True, text=True,
                          timeout=GENEROUS).stdout
    found = re.search(r"Not allowed here: ([a-z, ]+)\.", said)
    return set(found[1].split(", ")) if found else set()


class Served:
    """A container that serves, for a with statement: `docker run -d OPTIONS cloche WORDS`, its port published."""

    def __init__(self, *options, words=(), image=IMAGE, wait=True):
        self.engine = stage()
        self.id = self.engine.docker("run", "-d", "-p", "8088:8088", *options, image, *words).stdout.strip()
        end = time.monotonic() + GENEROUS
        while wait and "listening on" not in self.said():
            if time.monotonic() > end or not self.running():
                said = self.said()
                self.remove()
                raise AssertionError("it does not serve: " + said)
            time.sleep(0.05)

    def running(self):
        return self.engine.inspect(self.id)["State"]["Running"]

    def said(self):
        done = self.engine.docker("logs", self.id)
        return done.stdout + done.stderr

    def curl(self, *words):
        return subprocess.run(self.engine.there("curl", "--silent", "--show-error", *words), capture_output=True,
                              text=True, timeout=GENEROUS)

    def ask(self, text):
        done = self.curl("http://localhost:8088/responses", "-H", "Content-Type: application/json", "-d",
                         json.dumps({"input": text}))
        return json.loads(done.stdout)

    def remove(self):
        self.engine.docker("rm", "--force", "--volumes", self.id)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.remove()


def text_of(response):
    return "".join(part["text"] for item in response["output"] if item["type"] == "message"
                   for part in item["content"])


def blocks(text):
    """The fenced blocks of a document, in order: [(language, text)], without the indent of lists."""
    found = re.findall(r"^( *)```(\w*)\n(.*?)^\1```$", text, re.M | re.S)
    return [(language, "\n".join(line.removeprefix(indent) for line in block.splitlines()))
            for indent, language, block in found]


def copy_without_shell(tar, target):
    """Of a Debian, only the C library: not a program is left."""
    kept = ("ld-linux", "libc.so", "libm.so", "libpthread.so", "libdl.so", "librt.so", "libresolv.so", "libnss_")
    names = subprocess.run(["tar", "--list", "--file", tar], capture_output=True, text=True, check=True).stdout.split()
    chosen = [name for name in names if Path(name).name.startswith(kept) and "/x86_64-linux-gnu/" in name]
    folder = target.parent / "bare"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    links = [name for name in ("./lib", "./lib64", "./usr/lib64/ld-linux-x86-64.so.2") if name in names]
    subprocess.run(["tar", "--extract", "--file", tar, "--directory", folder, "--no-recursion", *links, *chosen],
                   check=True)
    subprocess.run(["tar", "--create", "--file", target, "--directory", folder, "."], check=True)
    shutil.rmtree(folder)
    return target
