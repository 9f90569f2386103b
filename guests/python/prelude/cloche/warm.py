"""The last steps of an image: import what programs import, and rehearse a run.

What is imported here costs a run nothing (so is repair, for the run of a broken program). What is
rehearsed here leaves its caches filled and its bytecode specialised, so that a run writes to fewer
pages of the image.
"""

import importlib
import io
import linecache
import os
import sys
import tempfile

import _cloche

from cloche import absent, builtins, console, loop, patches, repair, unsupported, threads

MODULES = """
abc argparse array ast asyncio atexit base64 binascii bisect builtins bz2 calendar cmath codecs
collections collections.abc colorsys concurrent.futures configparser contextlib contextvars copy
copyreg csv dataclasses datetime decimal difflib dis doctest email email.message email.mime.text
email.utils encodings.ascii encodings.idna encodings.latin_1 encodings.utf_16 encodings.utf_8_sig
encodings.cp1252 enum errno fnmatch fractions functools gc getpass gettext glob graphlib gzip
hashlib heapq hmac html html.parser http.client inspect io ipaddress itertools json keyword
linecache locale logging lzma marshal math mimetypes numbers opcode operator os os.path pathlib
pickle pickletools platform pprint pydoc queue quopri random re reprlib sched secrets select shelve
shlex shutil signal socket sqlite3 stat statistics string stringprep struct subprocess symtable sys
tempfile textwrap threading time timeit token tokenize traceback tracemalloc types typing
unicodedata unittest unittest.mock urllib.error urllib.parse urllib.request uuid warnings weakref
xml.dom.minidom xml.etree.ElementTree xml.sax zipfile zlib zoneinfo
""".split()

# Each is run twice, as a program of its own. They touch what most programs touch.
REHEARSALS = [
    "print(1)",
    "print(sum(range(1000)))\nx = [i * 2 for i in range(10)]\nx",
    """
import json, re, math, statistics, collections, datetime, random, itertools, functools
from dataclasses import dataclass, field
@dataclass
class Point:
    x: float
    y: float = 0.0
    tags: list = field(default_factory=list)
    def norm(self): return math.hypot(self.x, self.y)
points = [Point(i, i + 1) for i in range(5)]
d = {'a': [1, 2, {'b': 'x' * 20}], 'c': 3.5, 'p': [p.norm() for p in points]}
print(json.dumps(json.loads(json.dumps(d, indent=2)), sort_keys=True)[:20])
print(re.findall(r'\\w+@\\w+', 'a@b c@d'), statistics.mean([1, 2, 3]), f'{3.14159:.2f} {10**6:,}')
print(collections.Counter('abracadabra').most_common(2), sorted(d, key=len))
for i, (a, b) in enumerate(zip('abc', range(3))):
    print(i, a, b, end=' ')
try:
    int('x')
except ValueError as error:
    print('error:', error)
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)
random.random()
str(datetime.date(2024, 2, 29) + datetime.timedelta(days=366)), fib(10)
""",
    """
import asyncio
async def work(n):
    await asyncio.sleep(0)
    return n
async def main():
    return await asyncio.gather(*(work(i) for i in range(3)))
print(asyncio.run(main()))
""",
    "import asyncio\nawait asyncio.sleep(0)",
    "def f(x):\n    return 1 / x\nf(0)",
    "def g(:\n    pass",
    "import sys\nsys.exit(3)",
    "with open('note.txt', 'w') as f:\n    f.write('x')\nimport os\nos.remove('note.txt')",
]


def _request(code):
    return _cloche.dumps({"code": code, "name": "main.py", "tools": [], "result": True})


def _import_all():
    missing = []
    for name in MODULES:
        try:
            importlib.import_module(name)
        except ImportError:
            missing.append(name)
    if missing:
        raise ImportError("this image lacks modules that it ought to have: " + " ".join(missing))


def _rehearse():
    """Run the programs on streams that look like the real ones but end in a file."""
    main = sys.modules["__main__"].__dict__
    state = dict(main)
    streams = sys.stdout, sys.stderr
    sink = "rehearsal.out"
    for _ in range(2):
        for code in REHEARSALS:
            file = io.FileIO(sink, "w")
            sys.stdout = sys.stderr = io.TextIOWrapper(file, encoding="utf-8", write_through=True)
            try:
                _cloche.rehearse(_request(code))
            finally:
                output = sys.stdout
                sys.stdout, sys.stderr = streams
                output.close()
            main.clear()
            main.update(state)
    os.remove(sink)


def warm():
    _import_all()
    tempfile.tempdir = "/tmp"
    console.install()
    unsupported.install()
    threads.install()
    loop.install()
    patches.install()
    builtins.install()
    absent.install()
    sys.path.insert(0, "")  # a module that the program has written to its folder
    _rehearse()
    linecache.clearcache()
    sys.path_importer_cache.clear()
    del sys.modules[__name__]
