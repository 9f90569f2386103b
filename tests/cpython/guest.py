"""Run one of CPython's own test files in the guest.

run.py puts TEST, LEFT_OUT and DONE in front of this.

The package `test` is not in the image. What is imported of it is read from the host, file by file,
by the tool test_read, and laid below /tmp/lib, where CPython's tests look for their data. Each case
is reported by the tool test_note as it starts and as it ends, so that a crash is told by its case.
"""

import fnmatch
import importlib.abc
import importlib.util
import json
import os
import sys
import time
import traceback
import types
import unittest

LIB = "/tmp/lib"
DETAIL = 3000  # characters of a failure that are reported

# Data that a test reads although it lies in no folder of its own; "test/" is all beside the tests.
DATA = {
    "test_asyncio": ["test/certdata"],
    "test_baseexception": ["test/exception_hierarchy.txt"],
    "test_bz2": ["test/"],
    "test_cmath": ["test/mathdata"],
    "test_codecencodings_cn": ["test/cjkencodings"],
    "test_codecencodings_hk": ["test/cjkencodings"],
    "test_codecencodings_iso2022": ["test/cjkencodings"],
    "test_codecencodings_jp": ["test/cjkencodings"],
    "test_codecencodings_kr": ["test/cjkencodings"],
    "test_codecencodings_tw": ["test/cjkencodings"],
    "test_complex": ["test/mathdata"],
    "test_configparser": ["test/configdata"],
    "test_contextlib": ["test/data", "test/archivetestdata"],
    "test_decimal": ["test/decimaltestdata"],
    "test_difflib": ["test/test_difflib_expect.html"],
    "test_fileinput": ["test/"],
    "test_float": ["test/mathdata"],
    "test_fractions": ["test/mathdata"],
    "test_lzma": ["test/"],
    "test_math": ["test/mathdata"],
    "test_mimetypes": ["test/mime.types"],
    "test_minidom": ["test/xmltestdata"],
    "test_multibytecodec": ["test/cjkencodings"],
    "test_pkgutil": ["test/test_import/data"],
    "test_pstats": ["test/pstats.pck"],
    "test_pulldom": ["test/xmltestdata"],
    "test_py_compile": ["test/tokenizedata"],
    "test_random": ["test/randv2_32.pck", "test/randv2_64.pck", "test/randv3.pck"],
    "test_robotparser": ["test/"],
    "test_sax": ["test/xmltestdata"],
    "test_source_encoding": ["test/tokenizedata"],
    "test_strtod": ["test/mathdata"],
    "test_tarfile": ["test/archivetestdata", "test/tokenizedata"],
    "test_tokenize": ["test/", "test/tokenizedata"],
    "test_tomllib": ["test/test_tomllib"],
    "test_typing": ["test/typinganndata"],
    "test_unicode_identifiers": ["test/tokenizedata"],
    "test_unparse": ["test/"],
    "test_wave": ["test/audiodata"],
    "test_xml_etree": ["test/xmltestdata"],
    "test_xml_etree_c": ["test/xmltestdata"],
    "test_zipfile": ["test/archivetestdata"],
    "test_zipimport": ["test/archivetestdata"],
}

# Test files that refuse themselves as a whole for what only some of their cases need. Cases that
# need CPython's internal test modules skip themselves one by one instead; those that want sockets
# or processes for more than an event loop or a translation tool fail, and are expected to.
INTERNAL = ("_testcapi", "_testinternalcapi", "_testlimitedcapi", "_testsinglephase")
NEEDS_INTERNAL = ("test_bytes", "test_class", "test_code", "test_compile", "test_compileall",
                  "test_dis", "test_import", "test_marshal", "test_monitoring", "test_pkgutil",
                  "test_pyclbr", "test_traceback", "test_types")
NEEDS_SOCKETS = ("test_asyncgen", "test_asyncio", "test_contextlib_async", "test_httplib",
                 "test_mailbox", "test_sys_settrace", "test_urllib", "test_urllib2", "test_wsgiref",
                 "test_xml_dom_xmlbuilder")
NEEDS_PROCESSES = ("test_argparse", "test_getopt", "test_optparse")

files = frozenset(call_tool("test_files"))


def lay(path):
    """Bring a file of the host to the guest, once."""
    target = f"{LIB}/{path}"
    if not os.path.exists(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "wb") as file:
            file.write(call_tool("test_read", path=path))
    return target


def lay_below(folder):
    for path in files:
        if path == folder or path.startswith(folder.rstrip("/") + "/"):
            lay(path)


class Absent(types.ModuleType):
    """A module that is not there, as those cases notice that use it."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        if not name.islower():  # a constant
            raise unittest.SkipTest(f"requires {self.__name__}")

        def skip(*words, **more):
            raise unittest.SkipTest(f"requires {self.__name__}")

        return skip

    # What test modules ask while they load:

    @staticmethod
    def get_config():
        return {"code_debug_ranges": 1}

    @staticmethod
    def get_immortalize_deferred():
        return False

    @staticmethod
    def suppress_immortalization(suppress):
        pass

    @staticmethod
    def get_recursion_depth():
        raise ImportError("test.support counts the frames then")


class Finder(importlib.abc.MetaPathFinder):
    """Modules of the package `test`, from the host."""

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] != "test":
            return None
        place = name.replace(".", "/")
        if f"{place}/__init__.py" in files:
            if place.count("/") == 1:  # with its modules and data: packages find their tests there
                lay_below(place)
            return importlib.util.spec_from_file_location(
                name, lay(f"{place}/__init__.py"), submodule_search_locations=[f"{LIB}/{place}"])
        if f"{place}.py" in files:
            return importlib.util.spec_from_file_location(name, lay(f"{place}.py"))
        return None


def note(outcome, case, detail=""):
    detail = str(detail).encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
    if len(detail) > DETAIL:
        detail = detail[:DETAIL // 3] + "\n...\n" + detail[-DETAIL * 2 // 3:]
    call_tool("test_note", line=json.dumps([outcome, case, detail]))


class Report(unittest.TestResult):
    """One line a case when it starts and one when it ended, failing subtests folded into it."""

    def __init__(self):
        super().__init__()
        self.bad = []

    def startTest(self, test):
        super().startTest(test)
        self.bad, self.verdict = [], "passed"
        self.started = time.monotonic()
        note("started", test.id())

    def stopTest(self, test):
        super().stopTest(test)
        seconds = time.monotonic() - self.started
        if self.bad:
            note("failed", test.id(), "\n".join(self.bad))
        else:
            note(self.verdict, test.id(),
                 f"{seconds:.3f}" if self.verdict == "passed" else self.why)

    def _tell(self, test, text):
        if isinstance(test, unittest.TestCase) or not hasattr(test, "description"):
            self.bad.append(text)
        else:
            note("failed", test.id(), text)  # setUpClass or setUpModule

    def _text(self, err):
        return "".join(traceback.format_exception(*err))

    def addError(self, test, err):
        self._tell(test, self._text(err))

    addFailure = addError

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.bad.append(f"{subtest.id()}\n{self._text(err)}")

    def addSkip(self, test, reason):
        if hasattr(test, "description"):
            note("skipped", test.id(), reason)
        self.verdict, self.why = "skipped", reason

    def addUnexpectedSuccess(self, test):
        self.bad.append("it passes although the test says that it cannot")


def cases(suite):
    """The suite without the cases that are not run, or that an earlier attempt has reported."""
    kept = unittest.TestSuite()
    for test in suite:
        if isinstance(test, unittest.BaseTestSuite):
            kept.addTest(cases(test))
        elif test.id() in DONE:
            pass
        elif any(fnmatch.fnmatchcase(test.id(), pattern) for pattern in LEFT_OUT):
            note("not run", test.id())
        else:
            kept.addTest(test)
    return kept


def prepare(family):
    """What CPython's own runner does before it loads a test file, and the tables above."""
    import test.support
    import test.support.socket_helper

    test.support.verbose = False
    test.support.use_resources = ()  # none of the long ones, as when the runner is not told
    test.support.record_original_stdout(sys.stdout)
    test.support.has_socket_support |= family in NEEDS_SOCKETS
    test.support.socket_helper.has_gethostname = True  # here it has
    test.support.has_subprocess_support |= family in NEEDS_PROCESSES
    if family in NEEDS_INTERNAL:
        sys.modules.update((name, Absent(name)) for name in INTERNAL)
    for path in DATA.get(family, ()):
        if path == "test/":
            for file in files:
                if file.count("/") == 1:
                    lay(file)
        else:
            lay_below(path)


def main():
    sys.meta_path.insert(0, Finder())
    os.makedirs("/tmp/work")
    os.chdir("/tmp/work")
    name = "test." + TEST
    try:
        prepare(TEST.partition(".")[0])
        suite = unittest.TestLoader().loadTestsFromName(name)
    except unittest.SkipTest as skip:
        note("skipped", name, skip)
    else:
        cases(suite).run(Report())
    note("end", name)


main()
