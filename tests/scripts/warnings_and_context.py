# Smaller parts: warnings, timeit, signal-free timing, fnmatch, glob, string constants, secrets, platform-free os functions.
import atexit
import bisect
import cmath
import colorsys
import fnmatch
import functools
import gettext
import heapq
import keyword
import locale
import numbers
import os
import queue
import sched
import secrets
import string
import time
import timeit
import warnings
from types import GenericAlias

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    warnings.warn("old way", DeprecationWarning)
    warnings.warn("careful")
    print([(w.category.__name__, str(w.message)) for w in caught])
with warnings.catch_warnings():
    warnings.simplefilter("error")
    try:
        warnings.warn("now an error", RuntimeWarning)
    except RuntimeWarning as error:
        print("raised", error)


@functools.wraps(print)
def old(*args):
    warnings.warn("old() is deprecated", DeprecationWarning, stacklevel=2)


with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("default")
    for _ in range(3):
        old()
    print(len(caught))
print(timeit.timeit("x + 1", "x = 1", number=100) >= 0, fnmatch.filter(["a.py", "b.txt", "c.PY"], "*.py"), fnmatch.fnmatchcase("data-01.csv", "data-[0-9]?.csv"), fnmatch.translate("*.x")[:6] != "")
print(string.digits, string.hexdigits[-6:], string.punctuation[:5], string.whitespace.split(" ")[0] == "", keyword.kwlist[:4])
token = secrets.token_hex(8)
print(len(token), len(secrets.token_urlsafe(12)), secrets.randbelow(1), secrets.compare_digest("a", "a"), secrets.choice([7]), secrets.token_hex(8) != token)
todo, log = sched.scheduler(time.monotonic, time.sleep), []
for delay, name in ((0.02, "second"), (0.01, "first"), (0.03, "third")):
    todo.enter(delay, 1, log.append, (name,))
todo.run()
print(log)
lifo, prio = queue.LifoQueue(), queue.PriorityQueue()
for n in (3, 1, 2):
    lifo.put(n)
    prio.put(n)
print([lifo.get() for _ in range(3)], [prio.get() for _ in range(3)], lifo.empty())
try:
    queue.Queue().get_nowait()
except queue.Empty as error:
    print("queue", type(error).__name__)
print([round(v, 4) for v in colorsys.rgb_to_hsv(0.2, 0.4, 0.4)], colorsys.hls_to_rgb(0.5, 0.5, 0), cmath.isclose(cmath.exp(1j * cmath.pi), -1))
print(isinstance(1, numbers.Rational), isinstance(1.5, numbers.Real), isinstance(1j, numbers.Number), isinstance("1", numbers.Number), GenericAlias(list, int) == list[int])
print(os.path.commonpath(["/a/b/c", "/a/b/d"]), os.path.relpath("/a/b/c", "/a/d"), os.path.basename("/x/y.z"), os.path.dirname("/x/y.z"), os.sep, os.linesep == "\n", os.fspath("p"))
print(gettext.gettext("untranslated"), locale.getlocale() is not None, bisect.bisect_right([1, 2, 2, 3], 2), heapq.heappushpop([1, 5], 3))
os.environ["ORACLE"] = "set"
print(os.environ.get("ORACLE"), os.getenv("NOT_THERE", "fallback"), os.environ.pop("ORACLE"), "ORACLE" in os.environ, len(os.urandom(5)))
start = time.perf_counter()
while time.perf_counter() - start < 0.002:
    pass
print("waited", time.process_time() >= 0)
atexit.register(print, "registered first, runs last")
atexit.register(lambda: print("registered last, runs first"))
print("end of the program")
