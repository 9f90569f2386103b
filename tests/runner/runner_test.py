"""The cache of passes: each kind of input that changes makes a part run again, and nothing else does.

A small tree of its own, built for real, stands for the project's; then the project's own build is asked
which suites a change to one of its files can reach.
"""

import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

from runner.graph import Doubt, Graph
from runner.inputs import ROOT, Inputs, installed, key, machine, package_versions
from runner.passes import KEPT, LIFETIME, Pass, Passes
from runner.schedule import ALL, Part, Schedule
from runner.suites import Suites

BUILD = Path(os.environ.get("CLOCHE_BUILD", ROOT / "build")).resolve()

TREE = {
    "meson.build": """
project('small', 'c', default_options: ['warning_level=1'])
library = static_library('small', 'near.c', 'far.c')
executable('one', 'one.c', link_whole: library)
executable('two', 'two.c', link_whole: library)
""",
    "near.h": "int near(void);\n",
    "near.c": '#include "near.h"\nint near(void)\n{\n    return 1;\n}\n',
    "far.c": "int far(void);\nint far(void)\n{\n    return 2;\n}\n",
    "one.c": '#include <stdio.h>\n#include "near.h"\nint main(void)\n{\n    return puts("one") < near();\n}\n',
    "two.c": "int far(void);\nint main(void)\n{\n    return far();\n}\n",
    "data/cases.txt": "a case\n",
    "tests/run.py": "", "tests/hypervisor.py": "", "tests/runner/inputs.py": "",
    "tools/packages/some.txt": "tool\n",
    ".gitignore": "/build/\n",
}
MACHINE = {"kernel": "6.1.0", "processor": "2 x a model", "KVM": "kvm kvm_amd"}
PACKAGES = {"tool": ("1.0", {"library"}), "library": ("2.0", set()), "other": ("3.0", set())}


class Small(unittest.TestCase):
    """One part of a small tree: what makes its manifest another one."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.root = Path(cls.folder.name).resolve()
        for name, text in TREE.items():
            path = cls.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        cls.command("git", "init", "--quiet")
        cls.command("meson", "setup", "build")
        cls.build()
        (cls.root / "build/python.image").write_text("an image")

    @classmethod
    def command(cls, *words):
        subprocess.run(words, cwd=cls.root, check=True, capture_output=True)

    @classmethod
    def build(cls):
        cls.command("ninja", "-C", "build")

    def manifest(self, program="one", about=None, packages=None, environment=None):
        inputs = Inputs(self.root / "build", self.root, environment or {}, lambda: about or MACHINE,
                        lambda: packages or PACKAGES)
        return inputs.manifest(programs=[program], places=["data/"], packages=("some",), image=True,
                               values={"a value": "v"})

    def changes(self, old, new):
        return sorted(name for name in {*old, *new} if old.get(name) != new.get(name))

    def edit(self, name, text):
        path, old = self.root / name, (self.root / name).read_text()
        path.write_text(text)
        self.build()
        self.addCleanup(self.build)
        self.addCleanup(path.write_text, old)

    def test_nothing_changes(self):
        self.assertEqual(self.manifest(), self.manifest())

    def test_a_source_that_it_is_linked_from(self):
        old = self.manifest()
        self.edit("near.c", TREE["near.c"].replace("1", "3"))
        self.assertEqual(self.changes(old, self.manifest()), ["near.c"])

    def test_a_header_that_it_includes(self):
        old = self.manifest()
        self.edit("near.h", "int near(void); /* new */\n")
        self.assertEqual(self.changes(old, self.manifest()), ["near.h"])

    def test_a_source_that_it_never_calls(self):
        one, two = self.manifest("one"), self.manifest("two")
        self.edit("far.c", TREE["far.c"].replace("2", "4"))
        self.assertEqual(one, self.manifest("one"), "it is in the program, and cannot be reached")
        self.assertEqual(self.changes(two, self.manifest("two")), ["far.c"])

    def test_a_source_that_is_newly_called(self):
        old = self.manifest()
        self.edit("near.c", 'int far(void);\n#include "near.h"\nint near(void)\n{\n    return far();\n}\n')
        self.assertIn("far.c", self.changes(old, self.manifest()))

    def test_an_option_of_the_compiler(self):
        old = self.manifest()
        self.edit("meson.build", TREE["meson.build"].replace("one.c'", "one.c', c_args: '-DNEW'"))
        changes = self.changes(old, self.manifest())
        self.assertEqual(changes, ["compiling one.p/one.c.o"])

    def test_an_option_of_the_linker(self):
        old = self.manifest()
        self.edit("meson.build", TREE["meson.build"].replace("one.c'", "one.c', link_args: '-Wl,-z,now'"))
        self.assertEqual(self.changes(old, self.manifest()), ["linking one"])

    def test_data(self):
        old = self.manifest()
        self.edit("data/cases.txt", "another case\n")
        self.assertEqual(self.changes(old, self.manifest()), ["data/cases.txt"])
        (self.root / "data/more.txt").write_text("not even added\n")
        self.addCleanup((self.root / "data/more.txt").unlink)
        self.assertEqual(self.changes(old, self.manifest()), ["data/cases.txt", "data/more.txt"])

    def test_the_runner_itself(self):
        old = self.manifest()
        self.edit("tests/runner/inputs.py", "# other rules\n")
        self.assertEqual(self.changes(old, self.manifest()), ["tests/runner/inputs.py"])

    def test_the_image(self):
        old = self.manifest()
        (self.root / "build/python.image").write_text("another image")
        self.addCleanup((self.root / "build/python.image").write_text, "an image")
        self.assertEqual(self.changes(old, self.manifest()), ["the Python image"])

    def test_the_machine(self):
        for what in MACHINE:
            changed = self.manifest(about=MACHINE | {what: "another"})
            self.assertEqual(self.changes(self.manifest(), changed), [f"machine's {what}"])

    def test_the_version_of_a_tool_or_of_what_it_needs(self):
        for name in ("tool", "library"):
            changed = self.manifest(packages=PACKAGES | {name: ("9", PACKAGES[name][1])})
            self.assertEqual(self.changes(self.manifest(), changed), ["packages for some"], name)
        self.assertEqual(self.manifest(), self.manifest(packages=PACKAGES | {"other": ("9", set())}))

    def test_a_variable_that_tests_look_at(self):
        changed = self.manifest(environment={"CLOCHE_TEST_SHARE": "50", "HOME": "/x", "CLOCHE_CACHE": "/y"})
        self.assertEqual(self.changes(self.manifest(), changed), ["$CLOCHE_TEST_SHARE"])

    def test_what_is_in_doubt(self):
        inputs = Inputs(self.root / "build", self.root, {}, lambda: MACHINE, lambda: PACKAGES)
        for part in ({"programs": ["three"]}, {"places": ["nowhere/"]}, {"sources": ["none.c"]}):
            with self.subTest(part), self.assertRaises(Doubt):
                inputs.manifest(packages=(), **part)
        stale = self.root / "one.c"
        stale.write_text(TREE["one.c"] + "/* not built */\n")
        self.addCleanup(self.build)
        self.addCleanup(stale.write_text, TREE["one.c"])
        with self.assertRaisesRegex(Doubt, "older than its sources"):
            self.manifest()


class Kept(unittest.TestCase):
    """How passes are kept."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.time = 1e9
        self.passes = Passes(folder.name, lambda: self.time)

    def add(self, part="suite: part", **manifest):
        self.passes.add(part, Pass(3, [["a case", "no kernel for it"]], self.time, 1.5, manifest))

    def test_found_by_part_and_inputs(self):
        self.add(x="1")
        found = self.passes.find("suite: part", {"x": "1"})
        self.assertEqual((found.passed, found.skipped), (3, [["a case", "no kernel for it"]]))
        self.assertIsNone(self.passes.find("suite: part", {"x": "2"}))
        self.assertIsNone(self.passes.find("suite: part", {"x": "1", "y": "1"}))
        self.assertIsNone(self.passes.find("suite: other", {"x": "1"}))

    def test_lives_two_weeks(self):
        self.add(x="1")
        self.time += LIFETIME - 1
        self.assertIsNotNone(self.passes.find("suite: part", {"x": "1"}))
        self.time += 2
        self.assertIsNone(self.passes.find("suite: part", {"x": "1"}))

    def test_none_from_the_future(self):
        self.add(x="1")
        self.time -= 3600
        self.assertIsNone(self.passes.find("suite: part", {"x": "1"}))

    def test_damaged(self):
        self.add(x="1")
        [file] = self.passes.folder.glob("*/*.json")
        good = file.read_text()
        other = json.loads(good) | {"manifest": {"x": "2"}}
        nothing = json.loads(good) | {"passed": 0, "skipped": []}
        for bad in ("", "[]", good[:-9], json.dumps(other), json.dumps(nothing), '{"passed": 3}'):
            file.write_text(bad)
            self.assertIsNone(self.passes.find("suite: part", {"x": "1"}), bad)
        file.write_text(good)
        self.assertIsNotNone(self.passes.find("suite: part", {"x": "1"}))

    def test_says_what_changed(self):
        self.assertIsNone(self.passes.changes("suite: part", {"x": "1"}))
        self.add(x="0", y="1")
        self.time += 1
        self.add(x="1", y="1")
        self.assertEqual(self.passes.changes("suite: part", {"x": "2", "y": "1", "z": "1"}), ["x", "z"])

    def test_keeps_a_few(self):
        for number in range(KEPT + 3):
            self.add(x=str(number))
        self.assertEqual(len(list(self.passes.folder.glob("*/*.json"))), KEPT)

    def test_this_machine_has_a_name(self):
        self.assertEqual(machine(), machine())
        self.assertTrue(machine()["kernel"] and machine()["KVM"])
        self.assertRegex(package_versions(["gcc"], installed()), r"(?m)^gcc .*\n(.*\n)*libc6 ")
        self.assertEqual(key({"a": "1", "b": "2"}), key({"b": "2", "a": "1"}))
        self.assertNotEqual(key({"a": "1"}), key({"a": "2"}))


class Order(unittest.TestCase):
    """What is played when."""

    def play(self, *parts):
        ended = []
        Schedule(parts, lambda part: part.inputs["expected"], lambda part: None,
                 lambda part, rows, seconds: ended.append((part.name, [row[1] for row in rows]))).run()
        return ended

    def part(self, name, rows=(("a case", "passed", ""),), **more):
        def play():
            if isinstance(rows, Exception):
                raise rows
            return rows
        return Part("suite", name, play, {"expected": more.pop("expected", 1)}, **more)

    def test_the_longest_first_one_at_a_time(self):
        names = [self.part(name, expected=seconds, slots=ALL) for name, seconds in (("a", 1), ("c", 3), ("b", 2))]
        self.assertEqual([name for name, _ in self.play(*names)], ["c", "b", "a"])

    def test_what_stands_on_a_failure_is_not_played(self):
        build = self.part("build", [("build", "failed", "")])
        ended = self.play(self.part("test", after=build, expected=9), build)
        self.assertEqual(ended, [("build", ["failed"]), ("test", [])])

    def test_what_stands_on_a_pass_is_played_after_it(self):
        build = self.part("build")
        ended = self.play(self.part("test", after=build, expected=9), build)
        self.assertEqual([name for name, _ in ended], ["build", "test"])

    def test_a_fault_of_the_runner_is_a_failure(self):
        self.assertCountEqual(self.play(self.part("a", ValueError("x")), self.part("b", ())),
                              [("a", ["failed"]), ("b", ["failed"])])


class Reach(unittest.TestCase):
    """Which parts of the project's own suites a change to one of its files makes run."""

    @classmethod
    def setUpClass(cls):
        suites, inputs = Suites(BUILD, "60"), Inputs(BUILD)
        cls.parts = {part.title: part for name in Suites.ALL for part in getattr(suites, name)()}
        cls.manifests = {title: inputs.manifest(**part.inputs) for title, part in cls.parts.items()
                         if part.inputs is not None}

    def reached(self, name):
        return {title for title, manifest in self.manifests.items() if name in manifest}

    def suites(self, name):
        return {title.partition(":")[0] for title in self.reached(name)}

    def test_only_fuzzing_and_faults_are_never_cached(self):
        self.assertEqual({title.partition(":")[0] for title in {*self.parts} - {*self.manifests}}, {"fuzz", "faults"})

    def test_a_file_of_serve(self):
        self.assertEqual(self.suites("src/serve/router.c") - {"harness"},
                         {"unit and vm", "cli", "end to end", "peer", "models", "analyses", "clean", "process", "container", "dist",
                          "sanitizers", "clang", "lint"})
        reached = self.reached("src/serve/store/store.c")
        self.assertIn("unit and vm: store", reached)
        self.assertIn("sanitizers: history", reached)
        self.assertFalse(reached & {"unit and vm: schema", "unit and vm: sandbox", "sanitizers: restore",
                                    "lint: src/serve/router.c", "cli: scripts"})

    def test_a_document(self):
        self.assertEqual(self.reached("docs/security.md"), {"lint: docs"})

    def test_the_micro_vm(self):
        self.assertLessEqual({"unit and vm", "cli", "end to end", "hostile", "clean", "process", "cpython", "wasm",
                              "hw", "sanitizers", "undefined", "clang", "lint"}, self.suites("src/vm/restore.c"))
        self.assertFalse({"unit and vm: request", "unit and vm: yaml"} & self.reached("src/vm/restore.c"))

    def test_what_runs_in_the_guest(self):
        self.assertIn("reproducible", {title.partition(":")[0] for title, manifest in self.manifests.items()
                                       if "the image's inputs" in manifest})

    def test_data_and_scripts_of_tests(self):
        self.assertEqual(self.suites("tests/cpython/expected.txt"), {"cpython", "process"})
        self.assertEqual(self.suites("tests/hostile/files_symlinks.py") - {"lint"},
                         {"hostile", "hw", "clean", "process", "unit and vm", "sanitizers", "clang"})
        self.assertEqual(self.reached("tests/run.py"), {*self.manifests})

    def test_worker_processes_are_part_of_what_runs_them(self):
        self.assertIn("src/sandbox/worker/jail_filter.c", self.manifests["hostile: hostile Alone 1/6"])
        self.assertIn("src/sandbox/worker/zygote_main.c", Graph(BUILD, ROOT).files(
            Graph(BUILD, ROOT).command("run"))[0])


if __name__ == "__main__":
    unittest.main()
