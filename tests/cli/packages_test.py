"""`cloche image add`: real wheels and folders become images, and what must not is refused, each by name.

The wheels come from PyPI, pinned by hash (packages/requirements.txt), once for all builds."""

import base64
import csv
import fcntl
import hashlib
import io
import json
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import textwrap
import unittest
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from environments import NO_NETWORK  # noqa: E402
from hypervisor import needs_wall, present  # noqa: E402
from serve_test import Host, answer  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("CLOCHE_BUILD", "build")).resolve()
CLOCHE = str(BUILD / "cloche")
IMAGE = BUILD / "python.image"
REQUIREMENTS = Path(__file__).parent / "packages" / "requirements.txt"
WALLS = ["process"] if not present() else ["microvm", "process"]


CACHE = Path(os.environ.get("CLOCHE_CACHE") or Path.home() / ".cache" / "cloche").resolve() / "wheels"


def pip(*words):
    """The one of an environment: the system's Python need not have it."""
    place = CACHE / "pip-{}.{}.{}".format(*sys.version_info[:3])
    if not (place / "done").exists():
        subprocess.run([sys.executable, "-m", "venv", place], check=True, capture_output=True, timeout=300)
        (place / "done").touch()
    return subprocess.run([place / "bin" / "pip", "--disable-pip-version-check", *words], capture_output=True,
                          text=True, timeout=600)


def wheels():
    """{package: path} of the pinned wheels."""
    place = CACHE / hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:16]
    place.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{place}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            with tempfile.TemporaryDirectory(dir=place.parent, prefix="new.") as new:
                done = pip("download", "--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:",
                           "--python-version", "3.11", "--platform", "manylinux2014_x86_64", "-r", REQUIREMENTS,
                           "-d", Path(new, "all"))
                if done.returncode and NO_NETWORK.search(done.stderr + done.stdout):
                    raise unittest.SkipTest("NO NETWORK FOR THE PINNED WHEELS OF packages/requirements.txt")
                if done.returncode:
                    raise RuntimeError(done.stderr)
                Path(new, "all").rename(place)
    return {re.sub(r"[-_.]+", "-", path.name.split("-")[0]).lower(): str(path) for path in place.glob("*.whl")}


def make_wheel(folder, files, name="sample", version="1.0", tag="py3-none-any", metadata="", record=None,
               more=()):
    """A wheel of our own; record: rows in place of the right ones; more: (ZipInfo, bytes) besides."""
    info = f"{name}-{version}.dist-info"
    files = {**files, f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{metadata}\n",
             f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n"}
    rows = []
    for path, text in files.items():
        data = text if isinstance(text, bytes) else text.encode()
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        rows.append([path, f"sha256={digest}", str(len(data))])
    for one, data in more:
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        rows.append([one.filename, f"sha256={digest}", str(len(data))])
    rows.append([f"{info}/RECORD", "", ""])
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows if record is None else record(rows))
    path = Path(folder, f"{name}-{version}-{tag}.whl")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for one, text in {**files, f"{info}/RECORD": out.getvalue()}.items():
            archive.writestr(one, text)
        for one, data in more:
            archive.writestr(one, data)
    return str(path)


@needs_wall
@unittest.skipUnless(IMAGE.exists(), f"NO IMAGE AT {IMAGE}")
class Packages(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.environment = {**os.environ, "XDG_DATA_HOME": str(self.folder / "data"), "CLOCHE_IMAGE": str(IMAGE)}

    def cloche(self, *words, code=None, **environment):
        done = subprocess.run([CLOCHE, *map(str, words)], capture_output=True, text=True, timeout=600,
                              cwd=self.folder, env={**self.environment, **environment})
        if code is not None:
            self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def add(self, *words, code=0):
        return self.cloche("image", "add", *words, code=code)

    def run_in(self, image, code, *words):
        return self.cloche("run", "--image", image, *words, "-c", textwrap.dedent(code), code=0).stdout

    def refused(self, *words, code=1):
        done = self.add("--name", "refused", *words, code=code)
        self.assertFalse((self.folder / "data/cloche/images/refused.image").exists())
        self.assertEqual(list(self.folder.glob("data/cloche/images/*")), [], "nothing is left behind")
        return done.stderr

    def tree(self, files, name="tree"):
        for path, text in files.items():
            place = self.folder / name / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(self.folder / name)


class Adds(Packages):
    def test_wheels(self):
        have = wheels()
        said = self.add("--with", have["attrs"], have["six"], have["python-dateutil"], "--with", have["tabulate"],
                        "--import", "attr,dateutil.parser", "--import", "tabulate", "--name", "data").stdout
        self.assertIn("attrs 24.2.0 (attr, attrs)", said)
        out = self.run_in("data", """
            import sys
            ahead = [name in sys.modules for name in ("attr", "dateutil.parser", "tabulate", "dateutil.rrule")]
            import attr, attrs, dateutil.parser, dateutil.rrule, six, tabulate
            from importlib import metadata, resources
            print(ahead, dateutil.parser.parse("3 May 2024 10:00"), tabulate.tabulate([[1, 2]]))
            print(metadata.version("attrs"), metadata.version("python-dateutil"),
                  sorted(one.name for one in metadata.distributions()))
            @attr.s
            class Point:
                x = attr.ib()
            print(Point(3), dateutil.__file__, six.__name__)
            print(len(resources.files("dateutil.zoneinfo").joinpath("dateutil-zoneinfo.tar.gz").read_bytes()) > 100000)
        """)
        self.assertIn("[True, True, True, False] 2024-05-03 10:00:00", out)
        self.assertIn("24.2.0 2.9.0.post0 ['attrs', 'python-dateutil', 'six', 'tabulate']", out)
        self.assertIn("Point(x=3) /usr/lib/python3.13/site-packages/dateutil/__init__.py six\nTrue\n", out)
        names = "print(sorted(globals()), __file__)"
        self.assertEqual(self.run_in("data", names), self.run_in(IMAGE, names), "__main__ is as ever")

    def test_tracebacks_have_source_lines(self):
        self.add("--with", wheels()["tabulate"], "--import", "tabulate", "--name", "t")
        done = self.cloche("run", "--image", "t", "-c", "import tabulate; tabulate.tabulate(3)")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r'site-packages/tabulate/__init__.py", line \d+, in tabulate\n    \S')
        done = self.cloche("run", "--image", "t", "-c", "import numpyx")
        self.assertIn("Only Python's standard library and tabulate 0.9.0 are here", done.stderr)

    def test_the_same_bytes_behind_either_wall(self):
        have = wheels()
        for number, wall in enumerate([*WALLS, WALLS[-1]]):
            self.add("--isolation", wall, "--with", have["attrs"], have["tabulate"], "--import", "attr,tabulate",
                     "-o", f"{number}.image")
        digests = {hashlib.sha256((self.folder / f"{number}.image").read_bytes()).hexdigest()
                   for number in range(len(WALLS) + 1)}
        self.assertEqual(len(digests), 1, "the same inputs gave different images")

    def test_a_large_one(self):
        """What is imported ahead costs a run nothing; the other is imported from bytecode."""
        have = wheels()
        self.add("--with", have["sympy"], have["mpmath"], "--import", "sympy", "--name", "math")
        code = "import sympy; x = sympy.Symbol('x'); print(sympy.integrate(x * sympy.cos(x), x))"
        self.assertEqual(self.run_in("math", code), "x*sin(x) + cos(x)\n")
        self.add("--with", have["sympy"], have["mpmath"], "--name", "lazy")
        self.assertEqual(self.run_in("lazy", code), "x*sin(x) + cos(x)\n")
        written = (self.folder / "data/cloche/images/lazy.image").stat().st_blocks * 512
        self.assertLess(written, IMAGE.stat().st_blocks * 512 + (70 << 20), "it grows by what was added only")

    def test_one_after_the_other(self):
        have = wheels()
        self.add("--with", have["six"], "--name", "first")
        self.add("--from", "first", "--with", have["python-dateutil"], "--import", "dateutil.parser", "--name", "second")
        info = json.loads(self.cloche("image", "info", "--json", "second", code=0).stdout)
        base = json.loads(self.cloche("image", "inspect", "--json", IMAGE, code=0).stdout)
        self.assertEqual(info["packages"], ["six 1.16.0", "python-dateutil 2.9.0.post0 (dateutil)"])
        self.assertEqual((info["imported"], info["base"]), (["dateutil.parser"], base["sha256"]))
        self.assertEqual((base["packages"], base["imported"]), ([], []))
        self.assertEqual(self.run_in("second", "from dateutil import tz; print(tz.UTC)"), "tzutc()\n")
        there = self.add("--from", "second", "--with", have["six"], "-o", "x.image", code=1).stderr
        self.assertIn("six 1.16.0 is there already", there)

    def test_folders(self):
        tree = self.tree({"plain/__init__.py": "from .inner import value\n", "plain/inner.py": "value = 42\n",
                          "plain/data/table.csv": "a,b\n1,2\n", "plain/__pycache__/x.pyc": b"junk",
                          "single.py": "def f():\n    raise KeyError('told')\n", ".hidden/x.py": "1/0",
                          "space name.txt": "kept", "plain/sub/deep.py": "deep = 1\n"})
        Path(tree, "x.pth").write_text("import os; os._exit(1)\n")
        os.symlink("/etc/passwd", f"{tree}/plain/link.txt")
        os.mkfifo(f"{tree}/plain/pipe")
        said = self.add("--with", tree, "--import", "plain", "--name", "tree").stderr
        self.assertRegex(said, r"plain/link.txt is left out: it is a symbolic link")
        self.assertIn("'x.pth' is not looked at", said)
        self.assertRegex(said, r"plain/pipe is left out: it is no regular file")
        out = self.run_in("tree", """
            import plain, single, plain.sub.deep, os
            from importlib import resources
            print(plain.value, resources.files("plain").joinpath("data/table.csv").read_text().split(), plain.sub.deep.deep)
            print(sorted(os.listdir("/usr/lib/python3.13/site-packages")), os.listdir(os.path.dirname(plain.__file__)))
        """)
        self.assertIn("42 ['a,b', '1,2'] 1", out)
        self.assertNotIn("link", out)
        self.assertNotIn("hidden", out)
        self.assertNotIn("x.cpython", out)
        # a package's own folder, and a module's file
        self.add("--with", f"{tree}/plain", f"{tree}/single.py", "--name", "other")
        self.assertEqual(self.run_in("other", "import plain, single; print(plain.value, single.__name__)"), "42 single\n")

    def test_an_installed_folder(self):
        """What pip install --target leaves, with metadata of several packages."""
        have = wheels()
        done = pip("install", "--quiet", "--no-deps", "--no-index", "--target", self.folder / "site", have["attrs"],
                   have["six"])
        self.assertEqual(done.returncode, 0, done.stderr)
        said = self.add("--with", self.folder / "site", "--import", "attr", "--name", "site").stdout
        self.assertIn("attrs 24.2.0 (attr, attrs), six 1.16.0", said)
        self.assertEqual(self.run_in("site", "import attr, six; from importlib.metadata import version as v\n"
                                     "print(v('attrs'), v('six'))"), "24.2.0 1.16.0\n")

    def test_runs_stay_clean_and_random_stays_fresh(self):
        tree = self.tree({"lucky/__init__.py": "import random, os\nfrom random import random as draw\n"
                          "drawn = random.random()\nkey = os.urandom(8)\nseen = []\n"})
        self.add("--with", tree, "--import", "lucky", "--name", "lucky")
        code = ("import lucky, random, os; lucky.seen.append(1); print(lucky.seen, lucky.drawn, lucky.key.hex()); "
                "print(random.random(), lucky.draw(), os.urandom(4).hex()); open(lucky.__file__, 'w').write('broken')")
        outs = [self.run_in("lucky", code).splitlines() for _ in range(3)]
        self.assertEqual({one[0] for one in outs}, {outs[0][0]}, "what was drawn at the import is the image's")
        self.assertTrue(outs[0][0].startswith("[1] "))
        self.assertEqual(len({word for one in outs for word in one[1].split()}), 9, "runs draw fresh numbers")

    def test_what_an_import_does(self):
        """Clock, files, output, threads and atexit at import time: docs/python.md has the list."""
        tree = self.tree({"busy/__init__.py": textwrap.dedent("""
            import atexit, sys, threading, time, logging
            now, out = time.time(), sys.stdout
            open("/tmp/left.txt", "w").write("from the import")
            print("said at the import")
            atexit.register(print, "at the end of the import")
            threading.Thread(target=lambda: globals().update(ran=True)).start()
            log = logging.getLogger("busy")
            log.addHandler(logging.StreamHandler(sys.stdout))
        """)})
        said = self.add("--with", tree, "--import", "busy", "--name", "busy").stderr
        self.assertIn("said at the import\nat the end of the import\n", said)
        out = self.run_in("busy", """
            import busy, time
            busy.log.warning("logged"); print("direct", file=busy.out)
            print(int(busy.now), time.time() - busy.now > 1e6, open("/tmp/left.txt").read(), busy.ran)
        """)
        self.assertEqual(out, "logged\ndirect\n1700000000 True from the import True\n")

    def test_found_everywhere(self):
        self.add("--with", wheels()["six"], "--import", "six", "--name", "named")
        code = "import six; print(six.__version__)"
        self.assertEqual(self.cloche("run", "-c", code, CLOCHE_IMAGE="named", code=0).stdout, "1.16.0\n")
        self.assertEqual(self.cloche("doctor", "--image", "named").returncode, self.cloche("doctor").returncode)
        self.cloche("image", "verify", "named", code=0)
        listed = self.cloche("image", "list", code=0).stdout
        self.assertRegex(listed, r"(?m)^named +CPython 3\.13\.\d+ with six 1\.16\.0$")
        self.assertEqual([one["name"] for one in json.loads(self.cloche("image", "list", "--json", code=0).stdout)],
                         ["named"])
        Path(self.folder, "agent.yaml").write_text("model:\n  kind: script\n  script: s.yaml\nsandbox:\n  image: named\n")
        Path(self.folder, "s.yaml").write_text("turns:\n  - match: x\n    steps:\n      - say: y\n")
        self.assertNotIn("image", self.cloche("check", "agent.yaml").stderr)
        missing = self.cloche("run", "--image", "nobody", "-c", "1")
        self.assertIn("image nobody: there is no image of this name, and no such file", missing.stderr)
        self.assertIn("cloche image list", missing.stderr)
        # one that is damaged is refused like any other
        path = self.folder / "data/cloche/images/named.image"
        with open(path, "r+b") as file:
            file.seek(-100, 2)
            file.write(b"\xff")
        self.assertIn("SHA-256", self.cloche("image", "verify", "named", code=1).stderr)
        self.cloche("image", "remove", "named", code=0)
        self.assertEqual(self.cloche("image", "list", code=0).stdout, "")
        self.assertIn("no image of this name", self.cloche("image", "remove", "named", code=1).stderr)
        for name in ("../x", "a/b", "", ".x", "x.image", "a" * 101):
            self.assertIn("is no name for an image", self.cloche("image", "remove", name, code=1).stderr)

    def test_lists_of_packages_that_were_altered(self):
        """What is behind the hot list comes from a file that anybody may have made."""
        self.add("--with", wheels()["six"], "-o", "six.image")
        path, magic = self.folder / "six.image", b"\x89CLOPKG\n"
        whole = path.read_bytes()
        at = whole.rindex(magic)
        text = at + 16
        for offset, data in ((at, b"\x88"), (at + 8, b"\xff\xff\xff\xff"), (at + 8, b"\x03"), (at + 12, b"\x01"),
                             (text, b"bass"), (text + 5, b"\n"), (whole.index(b"package six", at) + 8, b"\x1b"),
                             (whole.index(b"package six", at) + 8, b' '), (whole.index(b"1.16.0", at), b'"')):
            path.write_bytes(whole[:offset] + data + whole[offset + len(data):])
            said = self.cloche("image", "info", path, code=1).stderr
            self.assertIn("six.image: its list of packages", said, (offset, data))
            self.assertEqual(self.cloche("run", "--image", path, "-c", "1").returncode, 126)
        path.write_bytes(whole)
        self.assertIn("six 1.16.0", self.cloche("image", "info", path, code=0).stdout)

    def test_a_host_with_it(self):
        """From agent.yaml's name to what the model is told, and what its code imports."""
        self.add("--with", wheels()["tabulate"], "--import", "tabulate", "--name", "tables")
        folder = self.tree({"agent.yaml": "model:\n  script: offline.yaml\nsandbox:\n  image: tables\n",
                            "offline.yaml": "turns:\n  - match: table\n    code: |\n      import tabulate\n"
                                            "      print(tabulate.tabulate([[1, 2]]))\n    then:\n      say: \"{stdout}\"\n"})
        self.cloche("check", f"{folder}/agent.yaml", code=0)
        with Host(CLOCHE, "serve", "--port", "0", f"{folder}/agent.yaml", env=self.environment) as host:
            self.assertIn("1  2", answer(host.ask("a table")))

    def test_by_either_wall(self):
        self.add("--with", wheels()["attrs"], "--import", "attr", "--name", "a")
        for wall in WALLS:
            self.assertEqual(self.run_in("a", "import attr; print(attr.__version__)", "--isolation", wall), "24.2.0\n")


class Refusals(Packages):
    def test_native_code_by_the_name_of_its_file(self):
        said = self.refused("--with", wheels()["markupsafe"])
        self.assertRegex(said, r"native code, _speedups\.cpython-311-x86_64-linux-gnu\.so")
        self.assertIn("none-any.whl", said)
        for name in ("m/fast.pyd", "m/libx.so.3", "m/a.DYLIB"):
            said = self.refused("--with", make_wheel(self.folder, {"m/__init__.py": "", name: b"\x7fELF"}, name="m"))
            self.assertIn(f"native code, {name[2:]},", said)
        self.assertIn("native code, x.so", self.refused("--with", self.tree({"p/__init__.py": "", "p/x.so": b""})))

    def test_what_is_no_wheel(self):
        plain = self.folder / "x-1.0-py3-none-any.whl"
        plain.write_text("no zip")
        self.assertIn("is no wheel", self.refused("--with", plain))
        with zipfile.ZipFile(plain, "w") as archive:
            archive.writestr("x.py", "")
        self.assertIn("not one .dist-info folder", self.refused("--with", plain))
        shutil.copy("/bin/true", self.folder / "true.whl")
        self.assertIn("is no wheel", self.refused("--with", self.folder / "true.whl"))
        self.assertIn("No such file", self.refused("--with", "nowhere.whl"))
        cut = self.folder / "six-1.16.0-py2.py3-none-any.whl"
        cut.write_bytes(Path(wheels()["six"]).read_bytes()[:-3000])
        self.assertIn("is no wheel", self.refused("--with", cut))
        self.assertIn("neither a file nor a folder", self.refused("--with", "/dev/null"))
        empty = self.folder / "empty"
        empty.mkdir()
        self.assertIn("there is nothing to add", self.refused("--with", empty))

    def test_a_project_is_no_package(self):
        said = self.refused("--with", self.tree({"pyproject.toml": "", "src/p/__init__.py": ""}))
        self.assertIn("holds a project (pyproject.toml)", said)
        self.assertIn("pip wheel --no-deps", said)

    def test_records(self):
        def altered(rows):
            return [[rows[0][0], rows[1][1], rows[0][2]], *rows[1:]]
        files = {"sample/__init__.py": "x = 1\n", "sample/b.py": "y = 2\n"}
        for record, why in ((altered, "is not what its RECORD says"), (lambda rows: rows[1:], "is not in its RECORD"),
                            (lambda rows: [*rows, ["gone.py", "sha256=x", "1"]], "has 'gone.py', which is not in it"),
                            (lambda rows: [[rows[0][0], "md5=x", ""], *rows[1:]], "has no SHA-256 of"),
                            (lambda rows: [[rows[0][0], rows[0][1], "7"], *rows[1:]], "is not what its RECORD says")):
            self.assertIn(why, self.refused("--with", make_wheel(self.folder, files, record=record)))
        # a byte of a real one
        data = bytearray(Path(wheels()["six"]).read_bytes())
        with zipfile.ZipFile(io.BytesIO(bytes(data))) as archive:
            info = archive.getinfo("six.py")
            start = info.header_offset + 30 + len("six.py") + info.compress_size // 2
        data[start] ^= 0x10
        path = self.folder / "six-1.16.0-py2.py3-none-any.whl"
        path.write_bytes(data)
        self.assertRegex(self.refused("--with", path), r"six\.py.*(cannot be unpacked|RECORD)")

    def test_altered_wheels(self):
        """Each is refused with a reason, or what was altered says nothing about its files (a date)."""
        chance, have = random.Random(19), wheels()
        refused = 0
        for number in range(40):
            path = self.folder / Path(have[chance.choice(["six", "attrs"])]).name
            data = bytearray(Path(have["six" if path.name.startswith("six") else "attrs"]).read_bytes())
            first = len(data) - 4000 if chance.random() < .6 else 0
            for _ in range(chance.choice((1, 2, 5, 30))):
                data[chance.randrange(first, len(data))] = chance.randrange(256)
            path.write_bytes(data[:chance.randrange(len(data))] if chance.random() < .1 else data)
            done = self.cloche("image", "add", "--with", path, "-o", "altered.image")
            self.assertIn(done.returncode, (0, 1), done.stderr)
            self.assertNotRegex(done.stderr, "ended badly|Traceback|no JSON", number)
            refused += done.returncode
        self.assertGreater(refused, 30)

    def test_names_that_lead_out(self):
        for name in ("../../etc/x.py", "/abs.py", "a//b.py", "a\\b.py", "a/./b.py", "new\nline.py"):
            path = make_wheel(self.folder, {"sample.py": ""}, more=[(zipfile.ZipInfo(name), b"1")])
            self.assertIn("leads out of its folder or is", self.refused("--with", path), name)
        link = zipfile.ZipInfo("link.py")
        link.external_attr = 0o120777 << 16
        self.assertIn("is a symbolic link", self.refused("--with", make_wheel(self.folder, {}, more=[(link, b"/etc")])))
        with self.assertWarns(UserWarning):
            twice = make_wheel(self.folder, {"sample.py": ""}, more=[(zipfile.ZipInfo("sample.py"), b"2")])
        self.assertIn("is in it twice", self.refused("--with", twice))

    def test_bombs(self):
        """Sizes that are said, and sizes that are not: neither fills the machine."""
        big = make_wheel(self.folder, {"sample/big.bin": bytes(70 << 20)})
        self.assertIn("at most 67108864 are possible", self.refused("--with", big))
        path = Path(make_wheel(self.folder, {"sample/big.bin": bytes(60 << 20)}))
        data = path.read_bytes()
        lie = data.replace(struct.pack("<I", 60 << 20), struct.pack("<I", 10))
        self.assertNotEqual(data, lie)
        path.write_bytes(lie)
        self.assertRegex(self.refused("--with", path), "its size is another|cannot be unpacked|Bad CRC|RECORD")
        all_of_them = make_wheel(self.folder, {f"sample/{n}.bin": bytes(60 << 20) for n in range(7)})
        self.assertIn("unpacked it has more than 384 MiB", self.refused("--with", all_of_them))
        many = make_wheel(self.folder, {f"sample/{n}.py": "" for n in range(20001)})
        self.assertIn("at most 20000 are possible", self.refused("--with", many))
        large = self.folder / "tree.py"
        with open(large, "wb") as file:
            file.truncate(65 << 20)
        self.assertIn("more than 64 MiB in one file", self.refused("--with", large))
        self.assertRegex(self.refused("--memory", "64MiB", "--with", wheels()["sympy"], wheels()["mpmath"]),
                         "no room for the packages|ended by a limit")

    def test_no_room_for_what_is_imported(self):
        tree = self.tree({"hungry.py": "x = [bytes(1 << 20) for _ in range(200)]\n"})
        said = self.refused("--memory", "128MiB", "--with", tree, "--import", "hungry")
        self.assertRegex(said, "MemoryError|memory")

    def test_requirements(self):
        have = wheels()
        said = self.refused("--with", have["python-dateutil"])
        self.assertIn("python-dateutil 2.9.0.post0 requires six >=1.5", said)
        self.assertIn("--no-requirements", said)
        self.assertIn("requires MarkupSafe >=2.0", self.refused("--with", have["jinja2"]))
        # a pure one in a folder is enough
        pure = self.tree({"markupsafe/__init__.py": "from html import escape\nclass Markup(str):\n"
                          "    @classmethod\n    def escape(cls, text):\n        return cls(escape(str(text)))\n"
                          "    def __html__(self):\n        return self\nEscapeFormatter = soft_str = str\n"}, "pure")
        self.add("--with", have["jinja2"], pure, "--import", "jinja2", "--name", "j")
        self.assertEqual(self.run_in("j", "import jinja2; print(jinja2.Template('{{ a }}!').render(a=1))"), "1!\n")
        self.cloche("image", "remove", "j", code=0)
        cases = {"six>=99": "(1.16.0 is there)", "six<1.16": "(1.16.0 is there)", "six!=1.16.*": "(1.16.0 is there)",
                 "six~=1.9": None, "six[extra] (>=1.0)": None, "gone; python_version<'3'": None,
                 "gone; extra == 'x'": None, "gone; sys_platform == 'win32' or (os_name=='nt')": None,
                 "gone; python_version >= '3.10' and extra != 'y'": "requires gone",
                 "six===1.16.0": None, "six>1.16.0": "(1.16.0 is there)", "six>=1.16.0rc1,<2": None}
        for requires, why in cases.items():
            path = make_wheel(self.folder, {"sample.py": ""}, metadata=f"Requires-Dist: {requires}\n")
            if why:
                self.assertIn(why, self.refused("--with", path, have["six"]), requires)
            else:
                self.add("--with", path, have["six"], "-o", "fine.image")
        path = make_wheel(self.folder, {"sample.py": ""}, metadata="Requires-Dist: gone\nRequires-Dist: ??\n")
        said = self.add("--no-requirements", "--with", path, "-o", "fine.image").stderr
        self.assertIn("missing, as you wish: sample 1.0 requires gone", said)
        self.assertIn("cannot be read, and is not looked for: '??'", said)
        path = make_wheel(self.folder, {"sample.py": ""}, metadata="Requires-Python: >=3.14\n")
        self.assertIn("wants Python '>=3.14', the image has 3.13", self.refused("--with", path))
        path = make_wheel(self.folder, {"sample.py": ""}, tag="cp313-cp313-linux_x86_64")
        self.assertIn("is for 'cp313-cp313-linux_x86_64' only", self.refused("--with", path))
        path = make_wheel(self.folder, {"sample.py": ""}, tag="py2-none-any")
        self.assertIn("is for 'py2-none-any' only", self.refused("--with", path))
        misnamed = self.folder / "other-1.0-py3-none-any.whl"
        shutil.copy(make_wheel(self.folder, {"sample.py": ""}), misnamed)
        self.assertIn("holds 'sample' '1.0'", self.refused("--with", misnamed))

    def test_conflicts(self):
        for name in ("json", "cloche", "this", "_cloche", "sys"):
            said = self.refused("--with", self.tree({f"{name}.py": ""}, f"of-{name}"))
            self.assertIn(f"its module {name} is called as one of the standard library", said)
        one, two = self.tree({"a.py": "1"}, "one"), self.tree({"a.py": "2"}, "two")
        self.assertIn("'a.py' is in both one and two", self.refused("--with", one, two))
        self.assertIn("is in both", self.refused("--with", wheels()["six"], wheels()["six"]))

    def test_imports_that_fail(self):
        tree = self.tree({"bad/__init__.py": "from . import inner\n", "bad/inner.py": "x = 1\nraise KeyError('told')\n",
                          "ends.py": "import os\nos._exit(3)\n", "leaves.py": "raise SystemExit('bye')\n",
                          "wrong.py": "def (:\n", "deep.py": "def f(): f()\nf()\n"})
        for wall in WALLS:
            said = self.refused("--isolation", wall, "--with", tree, "--import", "bad")
            self.assertIn("the import of bad failed", said)
            self.assertRegex(said, r"bad/inner.py\", line 2, in <module>\n    raise KeyError\('told'\)\nKeyError: 'told'")
            self.assertNotIn("main.py", said)
            self.assertIn("cloche: ", self.refused("--isolation", wall, "--with", tree, "--import", "ends"))
        self.assertIn("the import of leaves failed", self.refused("--with", tree, "--import", "leaves"))
        self.assertIn("SyntaxError", self.refused("--with", tree, "--import", "wrong"))
        self.assertIn("RecursionError", self.refused("--with", tree, "--import", "deep"))
        self.assertIn("No module named 'nowhere'", self.refused("--with", tree, "--import", "nowhere"))
        self.assertIn("is no module's name", self.refused("--with", tree, "--import", "a b;c".replace(" ", "")))

    def test_an_import_without_end(self):
        tree = self.tree({"loops.py": "while True:\n    pass\n", "holds.py": "while True:\n    try:\n        while True: pass\n"
                          "    except BaseException: pass\n", "sleeps.py": "import time\ntime.sleep(1000)\n"})
        for wall in WALLS:
            for name in ("loops", "holds", "sleeps"):
                said = self.refused("--isolation", wall, "--time", "2s", "--with", tree, "--import", name)
                self.assertRegex(said, r"ended by a limit|TimeLimitExceeded|the import of \w+ failed", name)

    def test_nothing_outside_the_guest(self):
        """Code of a package finds what code in a sandbox finds."""
        tree = self.tree({"spy.py": textwrap.dedent("""
            import os, socket, subprocess
            found = {"input": os.path.exists("/input"), "etc": os.path.exists("/etc/passwd"),
                     "environment": dict(os.environ), "output": os.listdir("/output")}
            for what in (lambda: socket.create_connection(("127.0.0.1", 80)), lambda: subprocess.run(["true"]),
                         lambda: __import__("_cloche").call("anything", {})):
                try:
                    what()
                except Exception as error:
                    found[len(found)] = type(error).__name__
        """)})
        self.add("--with", tree, "--import", "spy", "--name", "spy")
        out = self.run_in("spy", "import spy; print(spy.found)")
        self.assertIn("'input': False, 'etc': False", out)
        self.assertIn("'output': []", out)
        self.assertNotIn("XDG", out)
        self.assertEqual(out.count("Error"), 3, out)

    def test_usage(self):
        for words in (["--name", "x"], ["--with", "x"], ["--with", "x", "--name", "a", "-o", "b"],
                      ["--with", "x", "--name", "x", "--memory", "much"], ["--with", "x", "--nonsense"]):
            self.assertEqual(self.add(*words, code=2).returncode, 2)
        for name in ("x.image", "../x", "a b"):
            said = self.cloche("image", "add", "--with", self.tree({"a.py": ""}), "--name", name, code=1).stderr
            self.assertIn("is no name for an image", said)
        said = self.cloche("image", "add", "--with", self.tree({"a.py": ""}), "-o", "/nowhere/x.image", code=1).stderr
        self.assertIn("/nowhere/x.image", said)


del Packages
if __name__ == "__main__":
    unittest.main()
