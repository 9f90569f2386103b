"""The suites and their parts: what each plays, what it depends on, how many slots it takes."""

import os
import re
import subprocess
from functools import cache
from pathlib import Path

from . import play
from .inputs import ROOT, TESTS, output
from .schedule import ALL, PROCESSOR, Part

SANITIZE = ["-Db_sanitize=address,undefined", "-Db_lundef=false"]
SANITIZERS = {"ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0", "UBSAN_OPTIONS": "halt_on_error=1"}
PROCESS = {"CLOCHE_ISOLATION": "process"}  # in place of a micro-VM
MANY = {"CLOCHE_TEST_SHARE": "1000"}  # per cent of the rounds that some tests repeat
# Programs that a test opens or starts, besides those that its command line names.
OPENS = {"plugin": [f"tests/plugin_{name}.so" for name in
                    ("good", "version", "symbol", "name", "schema", "approval")]}
# Programs that take more than they wait.
SLOTS = {"starved": ALL,  # it takes its processor away from itself, and has three seconds left
         "bombs": PROCESSOR, "rounds": PROCESSOR, "clean": PROCESSOR, "number": PROCESSOR, "kick": PROCESSOR,
         "native": PROCESSOR, "churn": PROCESSOR, "bombs, process": PROCESSOR, "churn, process": PROCESSOR, "rounds, process": PROCESSOR,
         "kick, process": PROCESSOR}
E2E = ["tests/e2e/", "tests/environments.py", "examples/"]


def by_process(test):
    return test["env"].get("CLOCHE_TEST_ISOLATION") == "process"


class Suites:
    def __init__(self, build, fuzz_seconds, faults_seconds=None):
        self.build = Path(build).resolve()
        self.fuzz_seconds, self.faults_seconds = fuzz_seconds, faults_seconds

    @cache
    def tests(self):
        return play.meson_tests(self.build)

    def needs(self, test):
        """What a test program of Meson's depends on, by its command line."""
        places, programs, archives, image = [], [], [], False
        for word in test["cmd"]:
            path = Path(os.path.normpath(self.build / word))
            if path.name == "python.image":
                image = True
            elif path.suffix == ".a":
                archives.append(path.name)
            elif not path.exists():  # an option
                continue
            elif path.is_relative_to(self.build):
                programs.append(str(path.relative_to(self.build)))
            elif path.is_relative_to(ROOT):
                name = str(path.relative_to(ROOT))
                places.append(name + "/" if path.is_dir() else name)
        return {"places": places, "programs": programs + OPENS.get(test["name"], []), "image": image,
                "archives": archives, "packages": ("build", "test")}

    # ---- the quick ones ----

    def unit_and_vm(self):
        for test in self.tests():
            yield Part("unit and vm", test["name"], lambda test=test: play.cmocka(test, self.build),
                       self.needs(test), slots=SLOTS.get(test["name"], 1))

    def _cases(self, suite, module, names, inputs, folder="cli", slots=1, env=None):
        for name in names:
            share = re.search(r" (\d+/\d+)$", name)
            call = (name.partition(" ")[0], share[1] if share else "1/1")
            yield Part(suite, f"{module.removesuffix('_test')} {name}".rstrip(),
                       lambda call=call: play.cases(self.build, folder, module, *call, env=env),
                       {**inputs, "places": [f"tests/{folder}/{module}.py", *inputs.get("places", ())]}, slots=slots)

    def _shares(self, name, of):
        return [f"{name} {number + 1}/{of}" for number in range(of)]

    RUN = {"commands": ["run", "serve", "image", "doctor"], "programs": ["examples/example_tools.so"], "image": True}
    REPAIR = {**RUN, "places": ["docs/models.md", "guests/python/prelude/cloche/repair.py", "tests/cli/run_test.py",
                                "tests/scripts/"]}
    REPAIR_NAMES = ["Repairs", "Untouched", "Same", "Missing", "Notebook", "Documented"]
    OUTPUT = {"commands": ["run"], "image": True, "places": ["tests/sandbox/artifacts/programs/"]}
    OUTPUT_NAMES = ["Same", "Artifacts"]
    STATE = {"commands": ["run"], "image": True}
    SCRIPTS = {"commands": ["run"], "image": True, "places": ["tests/scripts/"]}
    SERVE = {"commands": ["serve", "run", "doctor"], "programs": ["examples/example_tools.so", "examples/embed"], "image": True,
             "places": ["examples/"]}

    RUNS = {**SERVE, "places": ["examples/", "tests/cli/serve_test.py"]}
    RUNS_NAMES = ["Runs", "RunsOfServers", "Again"]
    SESSIONS = {**RUNS, "commands": ["serve"]}
    SESSIONS_NAMES = ["Runs", "Deleted", "Turns", "Kept", "Many"]

    HOSTED = {"commands": ["serve", "check"], "programs": ["examples/example_tools.so"], "image": True,
              "places": ["deploy/foundry/", "examples/", "tests/cli/serve_test.py"]}
    HOSTED_NAMES = ["Hosted", "Invocations", "Snapshots", "Files"]

    RECORD = {"commands": ["serve", "check"], "image": True, "places": ["tests/cli/serve_test.py"]}

    INSTALLED = ["include/", "docs/man/", "LICENSE", "meson.build", "meson_options.txt", "tools/install_image.sh",
                 "tools/dist/", "tools/image/fetch.txt"]
    FORBID = {**SERVE, "commands": ["serve", "run", "doctor"], "places": ["examples/", "tests/forbid.py"]}
    IMAGE = {"commands": ["run", "serve", "image", "doctor"], "programs": ["examples/example_tools.so"], "image": True,
             "places": ["examples/", "tools/hypervisor.sh", "tools/isolation.sh", "tools/demo.sh",
                        "tests/cli/serve_test.py"]}

    PACKAGES = {"commands": ["image", "run", "serve", "check", "doctor"], "image": True, "packages": ("build", "test"),
                "places": ["src/image/add/", "tests/cli/packages/", "tests/cli/serve_test.py", "tests/environments.py"]}

    def cli(self):
        tools = ["examples/example_tools.so"]
        yield from self._cases("cli", "run_test", [*self._shares("Run", 3), "Usage"], self.RUN)
        yield from self._cases("cli", "artifacts_test", self.OUTPUT_NAMES, self.OUTPUT)
        yield from self._cases("cli", "state_test", ["State"], self.STATE)
        yield from self._cases("cli", "repair_test", self.REPAIR_NAMES, self.REPAIR)
        yield from self._cases("cli", "image_test", ["Image", "Doctor", "NoHypervisor"],
                               self.IMAGE)
        yield from self._cases("cli", "packages_test", [*self._shares("Adds", 2), *self._shares("Refusals", 2)], self.PACKAGES)
        yield from self._cases("cli", "scripts_test", [""], self.SCRIPTS, slots=PROCESSOR)
        yield from self._cases("cli", "forbid_test", ["Platform", "PlatformServe"], self.FORBID)
        yield from self._cases("cli", "serve_test", self._shares("Serve", 4), self.SERVE)
        yield from self._cases("cli", "runs_test", self.RUNS_NAMES, self.RUNS)
        yield from self._cases("cli", "sessions_test", self.SESSIONS_NAMES, self.SESSIONS)
        yield from self._cases("cli", "hosted_test", self.HOSTED_NAMES, self.HOSTED)
        yield from self._cases("cli", "record_test", ["Record"], self.RECORD)
        yield from self._cases("cli", "check_test", ["Check", "Schema"], {
            "commands": ["check", "serve"], "programs": tools, "places": [
                "docs/agent-yaml.md", "docs/agent.schema.json", "examples/", "tests/e2e/agents/", "include/"]})
        yield from self._cases("cli", "init_test", ["Runs", "Writes"], {
            "commands": ["init", "check", "serve"], "programs": tools, "image": True, "places": [
                "docs/agent.schema.json", "examples/", "include/", "tools/embed_files.sh", "tests/cli/serve_test.py"]})
        yield from self._cases("cli", "health_test", ["Health", "Reached", "User", "First"],
                               {"commands": ["health", "serve", "run"], "image": True, "programs": tools,
                                "places": ["examples/", "tests/cli/serve_test.py"]})
        yield from self._cases("cli", "install_test", [""],
                               {"commands": ["run", "serve", "image", "doctor"], "image": True, "programs": tools,
                                "places": ["examples/", *self.INSTALLED, "tests/cli/serve_test.py"]})
        yield from self._cases("cli", "tls_test", [""], {"commands": ["serve"], "image": True, "packages": ("build", "test"),
                                                         "places": ["tests/cli/serve_test.py"]})

    def harness(self):
        """What looks after the tests is tested, too."""
        yield from self._cases("harness", "runner_test", ["Small", "Kept", "Order"], {}, folder="runner")
        yield from self._cases("harness", "runner_test", ["Reach"], {"everything": True}, folder="runner")
        yield from self._cases("harness", "visited_test", [""], {"places": ["tests/faults/"]}, folder="faults")
        yield from self._cases("harness", "targets_test", [""], {"places": ["fuzz/"]}, folder="fuzz")
        for module in ("counts_test", "steps_test"):
            yield from self._cases("harness", module, [""], {
                "places": ["tools/image/", "tools/image.sh", "guests/python/"], "packages": ("build", "image")},
                folder="image")

    def end_to_end(self):
        yield Part("end to end", "node", lambda: play.counted("e2e", ["tests/e2e/run.sh", self.build]),
                   {"places": E2E, "commands": ["serve", "run"], "programs": ["examples/example_tools.so"],
                    "image": True, "packages": ("build", "test")}, slots=PROCESSOR)
        yield Part("end to end", "python", lambda: play.counted(
            "clients", ["tests/e2e/python/run.py", "--build", self.build]),
                   {"places": E2E, "commands": ["serve", "run"], "programs": ["examples/example_tools.so"],
                    "image": True, "packages": ("build", "test")}, slots=PROCESSOR)

    def models(self):
        """The makers' models over TLS, with tokens of Entra ID, against the makers' types."""
        yield Part("models", "all", lambda: play.counted("models", ["tests/models/run.py", "--build", self.build]),
                   {"places": ["tests/models/", "tests/environments.py", "tests/cli/serve_test.py", "tests/cli/tls_test.py"],
                    "commands": ["serve", "check", "doctor"], "image": True, "packages": ("build", "test")}, slots=PROCESSOR)

    def peer(self):
        """Agent Framework's own host and ours before one model, asked the same."""
        yield Part("peer", "all", lambda: play.counted(
            "clients", ["tests/e2e/python/run.py", "--folder", "tests/peer", "--build", self.build], timeout=1800),
                   {"places": ["tests/peer/", "docs/agent-framework.md", *E2E], "commands": ["serve"], "image": True,
                    "programs": ["examples/example_tools.so"], "packages": ("build", "test")}, slots=PROCESSOR)

    def analyses(self):
        """Files in and files out, of the sizes that people have."""
        yield Part("analyses", "all", lambda: play.counted("analyses", ["tests/analyses/run.py", "--build", self.build]),
                   {"places": ["tests/analyses/", "tests/environments.py", "tests/e2e/python/openai-3/"], "commands": ["serve"],
                    "image": True, "packages": ("build", "test")}, slots=PROCESSOR)
        yield from self._cases("analyses", "gigabyte_test", [""], {"commands": ["run"], "image": True}, slots=PROCESSOR)

    HOSTILE = {"commands": ["run"], "programs": ["tests/hostile_driver", "tests/hostile_tools.so"], "image": True,
               "places": ["tests/hostile/"]}

    def hostile(self):
        names = [*self._shares("Alone", 6), "Corpus", "Source", *self._shares("Together", 2)]
        yield from self._cases("hostile", "hostile_test", names, self.HOSTILE)

    # ---- the long ones ----

    def clean(self):
        """Ten times what the quick suite plays, which is a thousand runs of hostile Python each way; and
        with the fallback forced."""
        tests = {test["name"]: test for test in self.tests()}
        for name in ("churn", "clean", "rounds", "contract_machine", "contract_race"):
            yield Part("clean", name, lambda name=name: play.cmocka(
                tests[name], self.build, MANY), self.needs(tests[name]), slots=PROCESSOR)
        yield from self._cases("clean", "hostile_test", self._shares("Together", 2), self.HOSTILE, slots=PROCESSOR, env=MANY)
        yield from self._cases("clean", "sessions_test", ["Many"], self.SESSIONS, slots=PROCESSOR, env=MANY)

        def fallback(name):
            for row in play.cmocka(tests[name], self.build, {"CLOCHE_SCAN_FALLBACK": "1"}):
                yield f"{row[0]} (CLOCHE_SCAN_FALLBACK)", *row[1:]
        for name in ("rounds", "restore", "sandbox", "jail"):
            yield Part("clean", f"{name}, by the fallback", lambda name=name: fallback(name), self.needs(tests[name]))

    def process(self):
        """By process isolation what the other suites play in micro-VMs, and clean state with more rounds."""
        names = [*self._shares("Alone", 6), "Source"]
        yield from self._cases("process", "hostile_test", names, self.HOSTILE, env=PROCESS)
        yield from self._cases("process", "hostile_test", self._shares("Together", 2), self.HOSTILE, slots=PROCESSOR,
                               env={**PROCESS, **MANY})
        yield from self._cases("process", "run_test", self._shares("Run", 3), self.RUN, env=PROCESS)
        yield from self._cases("process", "artifacts_test", self.OUTPUT_NAMES, self.OUTPUT, env=PROCESS)
        yield from self._cases("process", "state_test", ["State"], self.STATE, env=PROCESS)
        yield from self._cases("process", "repair_test", self.REPAIR_NAMES, self.REPAIR, env=PROCESS)
        yield from self._cases("process", "scripts_test", [""], self.SCRIPTS, slots=PROCESSOR, env=PROCESS)
        yield from self._cases("process", "serve_test", self._shares("Serve", 4), self.SERVE, env=PROCESS)
        yield from self._cases("process", "runs_test", self.RUNS_NAMES, self.RUNS, env=PROCESS)
        yield from self._cases("process", "sessions_test", self.SESSIONS_NAMES, self.SESSIONS, env=PROCESS)
        yield from self._cases("process", "image_test", ["Image", "Doctor"], self.IMAGE, env=PROCESS)
        for test in self.tests():
            if test["name"] in ("agent", "hooks"):
                yield Part("process", test["name"], lambda test=test: play.cmocka(test, self.build, PROCESS), self.needs(test))
            if test["name"] in ("rounds, process", "kick, process"):
                yield Part("process", test["name"], lambda test=test: play.cmocka(test, self.build, MANY),
                           self.needs(test), slots=PROCESSOR)
            for way in ("1", "drop"):
                if test["name"] in ("rounds, process", "restore, process", "sandbox, process"):
                    yield Part("process", f"{test['name']}, fallback {way}", lambda test=test, way=way: play.cmocka(
                        test, self.build, {"CLOCHE_SCAN_FALLBACK": way}), self.needs(test), slots=PROCESSOR)
        yield Part("process", "cpython", lambda: play.counted(
            "cpython", ["tests/cpython/run.py", "--build", self.build], env=PROCESS), self.CPYTHON, slots=ALL)

    CPYTHON = {"places": ["tests/cpython/"], "commands": ["run"], "programs": ["tests/cpython_files.so"], "image": True}

    def cpython(self):
        yield Part("cpython", "all", lambda: play.counted("cpython", ["tests/cpython/run.py", "--build", self.build]),
                   self.CPYTHON, slots=ALL)

    def wasm(self):
        yield Part("wasm", "all", lambda: play.counted("wasm", ["tests/wasm/run.py", "--build", self.build]),
                   {"places": ["tests/wasm/", "tools/image/", "src/guest/", "src/abi/", "guests/python/"],
                    "commands": ["image"], "programs": ["tests/wasm_driver"], "image": True,
                    "packages": ("build", "image")}, slots=PROCESSOR)

    def hw(self):
        left_out = {line.split()[0] for line in (TESTS / "hw/timing.txt").read_text().splitlines()
                    if line.split()[1:2] == ["*"]}
        needs = [self.needs(test) for test in self.tests()
                 if "cloche:vm" in test["suite"] and test["name"] not in left_out]
        programs = {program for need in needs for program in need["programs"]}
        yield Part("hw", "all", lambda: play.counted("hw", ["tests/hw/run.sh", self.build], timeout=2400),
                   {"places": ["tests/hw/", "tests/hostile/"], "commands": ["run", "doctor", "image"], "image": True,
                    "programs": [*programs, "tests/hostile_driver", "tests/hostile_tools.so",
                                 "examples/example_tools.so"],
                    "packages": ("build", "hw"), "values": {"the kernel that is booted": lambda: output("tests/hw/kernel.sh", "--name")}}, slots=PROCESSOR)

    def container(self):
        """The container image under a Docker engine, and docs/deploy/."""
        needs = {"commands": ["run", "serve", "doctor", "health"], "programs": ["examples/example_tools.so"], "image": True,
                 "places": [*self.INSTALLED, "tests/container/", "deploy/", "examples/", "tools/container.sh", "tools/lazy.py",
                            "tools/embed.sh", "Makefile"],
                 "packages": ("build", "dist", "container", "container-test")}
        documents = {**needs, "places": [*needs["places"], "docs/deploy/", "docs/deploy/docker.md", "docs/deploy/systemd.md"]}
        yield from self._cases("container", "container_test", [""], needs, folder="container", slots=PROCESSOR)
        yield from self._cases("container", "documents_test", ["Commands", "Systemd"], documents, folder="container",
                               slots=PROCESSOR)
        yield from self._cases("container", "documents_test", ["Manifests"], {
            "places": ["tests/container/", "tests/environments.py", "deploy/", "tools/seccomp.py", "README.md",
                       "docs/deploy/", *(f"docs/deploy/{name}.md" for name in ("README", "docker", "systemd", "kubernetes"))],
            "commands": ["doctor"], "packages": ("container", "container-test")}, folder="container")

    def reproducible(self):
        yield Part("reproducible", "all", lambda: play.counted(
            "reproducible", ["tests/image/reproducible.sh", self.build], timeout=5400),
                   {"places": ["tests/image/reproducible.sh", "tools/hypervisor.sh", "tools/isolation.sh", "tools/image/", "guests/python/",
                               "src/guest/", "src/abi/"], "commands": ["image"],
                    "values": {"the image's inputs": lambda: output("tools/image/inputs.sh")}, "image": True,
                    "packages": ("build", "image")}, slots=PROCESSOR)

    def dist(self):
        """The archive of `make dist`, on the systems that can be had."""
        yield from self._cases("dist", "dist_test", [""], {
            "commands": ["run", "serve", "image", "doctor"], "programs": ["examples/example_tools.so"], "image": True,
            "places": [*self.INSTALLED, "examples/", "tests/dist/", "tools/dist/README.md", "tools/lazy.py", "tools/embed.sh",
                       "tests/environments.py", "tests/forbid.py", "tests/cli/serve_test.py", "tests/cli/tls_test.py", "README.md",
                       "docs/deploy/"],
            "packages": ("build", "test", "dist", "roots")}, folder="dist", slots=PROCESSOR)

    def _other(self, suite, options, group, setup=None, env=None, wanted=lambda test: True):
        """The C tests of a build in a folder of its own, of which only what is needed is made."""
        folder = Path(f"{self.build}-{suite}")
        chosen = [test for test in self.tests() if wanted(test)]
        targets = [] if len(chosen) == len(self.tests()) else sorted(
            {program for test in chosen for program in self.needs(test)["programs"]})
        image = str((self.build / "python.image").resolve())
        environment = {**(env or {}), "CLOCHE_IMAGE": image}

        def build():
            if not (folder / "build.ninja").exists():
                yield from play.check("meson setup", ["meson", "setup", folder, *options], env=setup)
            yield from play.check("build without warnings", ["ninja", "-C", folder, *targets], env=env)

        @cache
        def tests():
            return {test["name"]: test for test in play.meson_tests(folder)}
        made = Part(suite, "build", build, {**({"programs": targets} if targets else {"everything": True}),
                                            "packages": ("build", "test", group)}, slots=ALL)
        yield made
        for test in chosen:
            yield Part(suite, test["name"],
                       lambda name=test["name"]: play.cmocka(tests()[name], folder, environment),
                       {**self.needs(test), "packages": ("build", "test", group)}, after=made,
                       slots=SLOTS.get(test["name"], 1))

    def sanitizers(self):
        yield from self._other("sanitizers", SANITIZE, "build", env=SANITIZERS, wanted=lambda test: not by_process(test))

    def undefined(self):
        """Guests by process isolation, with UBSan alone: AddressSanitizer's own memory lies where theirs has to be."""
        yield from self._other("undefined", ["-Db_sanitize=undefined", "-Db_lundef=false"], "build", env=SANITIZERS,
                               wanted=by_process)

    def clang(self):
        yield from self._other("clang", [], "lint", setup={"CC": "clang"})

    # ---- what reads the tree ----

    def tree(self):
        """Documents and the structure of the sources; needs no build."""
        yield Part("lint", "structure", lambda: play.check("structure", ["tools/structure.py"]),
                   {"places": ["src/", "include/", "tools/structure.py"], "packages": ()})
        yield from self._cases("lint", "structure_test", [""], {"places": ["tools/structure.py", "src/", "include/"], "packages": ()})
        yield from self._cases("lint", "clients_table_test", [""], {
            "places": ["docs/http-api.md", "tests/e2e/"], "packages": ()})
        named = re.findall(r"`(tests/\w+/)", (ROOT / "docs/parity.md").read_text(encoding="utf-8"))
        yield from self._cases("lint", "parity_test", [""], {"places": ["docs/parity.md", *sorted({*named})], "packages": ()})
        yield from self._cases("lint", "docs_test", [""], {
            "places": ["docs/", "*.md", "*.c", "*.h", "*.S", "*.py"], "packages": (), "values": {"names": lambda: output(
                "git", "ls-files", "--cached", "--others", "--exclude-standard")}})

    def lint(self):
        yield from self.tree()
        yield Part("lint", "format", lambda: play.check("format", ["tools/lint.sh", self.build, "format"]),
                   {"places": ["*.c", "*.h", ".clang-format", "tools/lint.sh"], "packages": ("lint",)}, slots=PROCESSOR)
        listed = subprocess.run(["tools/lint.sh", self.build, "list"], cwd=ROOT, capture_output=True, text=True,
                                check=True).stdout
        for name in listed.split():
            yield Part("lint", name, lambda name=name: play.check(name, ["tools/lint.sh", self.build, "file", name]),
                       {"places": [name, ".clang-tidy", "tools/lint.sh"], "sources": [name],
                        "packages": ("build", "lint")}, slots=PROCESSOR)

    # ---- never cached: they go on where they were ----

    def fuzz(self):
        yield Part("fuzz", "all", lambda: play.counted("fuzz", ["fuzz/run.sh", self.build, self.fuzz_seconds, "1"]),
                   None, slots=PROCESSOR)

    def faults(self):
        words = ["tests/faults/run.py", "--build", self.build]
        if self.faults_seconds:
            words += ["--seconds", str(self.faults_seconds)]
        yield Part("faults", "all", lambda: play.counted("faults", words, timeout=7200), None, slots=ALL)

    QUICK = ("unit_and_vm", "cli", "end_to_end", "hostile", "harness", "tree")
    ALL = ("unit_and_vm", "cli", "end_to_end", "peer", "hostile", "harness", "models", "analyses", "clean", "process", "cpython", "wasm",
           "hw", "reproducible", "dist", "container", "sanitizers", "undefined", "clang", "lint", "fuzz", "faults")
