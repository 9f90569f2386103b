#!/usr/bin/python3
"""Pack an initramfs: busybox, the kvm modules, BUILD's programs with their libraries, the image.

Files keep their absolute paths, so that a test's command and environment, which Meson names by
absolute path, hold inside as well. What init is to run is one script for each program in /hw/tests;
their names go to the list file too, for the report.
"""

import argparse
import json
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
TESTS = HERE.parent
MODULE = "kvm-amd"
# what guest/command.sh uses
PROGRAMS = ("cloche", "examples/example_tools.so", "tests/hostile_driver",
            "tests/hostile_tools.so")
# Besides "process", which has no other wall. Not "fault": QEMU reads the stack of an IRET at CPL3 as a supervisor
# would, which SMAP forbids, and the emulated machine's kernel takes that for a fault of its own.
BY_PROCESS = ("run",)


class Tree:
    def __init__(self, root):
        self.root = Path(root)

    def path(self, name):
        return self.root / str(name).lstrip("/")

    def carry(self, source, to=None):
        """Copy a file to its own path, or to another."""
        target = self.path(to or source)
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            shutil.copy(source, target)
        return target

    def carry_program(self, source, strip=True):
        """Copy a program with its libraries, by default without what only a debugger needs."""
        target = self.carry(source)
        if strip:
            subprocess.run(["strip", "--strip-debug", target], check=True)
        # a static program has no list: ldd fails, and there is nothing to carry
        needs = subprocess.run(["ldd", source], capture_output=True, text=True, check=False).stdout
        if missing := re.findall(r"(\S+) => not found", needs):
            raise SystemExit(f"{source} needs {missing[0]}, which is not on this machine")
        for library in re.findall(r"(/\S+) \(0x", needs):
            self.carry(library)

    def carry_loaded(self, build):
        """The libraries that programs load when they first use them (src/base/lazy.h), as the stubs name them."""
        stubs = build / "lazy_stubs.S"
        names = re.findall(r'\.asciz "(lib[^"]*\.so[^"]*)"', stubs.read_text() if stubs.exists() else "")
        known = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
        for name in names:
            found = re.search(rf"^\s*{re.escape(name)} \(libc6,x86-64\b.*=> (\S+)$", known, re.M)
            if not found:
                raise SystemExit(f"{name}, which the programs load, is not on this machine")
            self.carry_program(found[1])

    def write(self, name, text):
        target = self.path(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(0o755)


def add_modules(tree, folder):
    """kvm-amd with what it depends on, in the order in which insmod wants them."""
    depends = {}
    for line in (folder / "modules.dep").read_text().splitlines():
        module, _, needs = line.partition(":")
        depends[module] = needs.split()
    wanted = next((m for m in depends if Path(m).name.split(".")[0] == MODULE), None)
    if not wanted:
        raise SystemExit(f"{folder} has no module {MODULE}")
    # modules.dep names the dependencies nearest first: the last has to be loaded first.
    for number, module in enumerate([*reversed(depends[wanted]), wanted]):
        target = f"/hw/modules/{number}-{Path(module).name.removesuffix('.xz')}"
        if module.endswith(".xz"):
            tree.path(target).parent.mkdir(parents=True, exist_ok=True)
            with open(tree.path(target), "wb") as file:
                subprocess.run(["xz", "-dc", folder / module], stdout=file, check=True)
        else:
            tree.carry(folder / module, target)


def vm_tests(build):
    """What Meson knows of the tests that run guests. Of those by process isolation a few are enough: the hypervisor is
    nothing to them, but the processor and the kernel are others than this machine's."""
    listing = subprocess.run(["meson", "introspect", "--tests", build], capture_output=True,
                             check=True)
    for test in json.loads(listing.stdout):
        name, _, wall = test["name"].partition(", ")
        if any(suite.endswith(":vm") for suite in test["suite"]) and (not wall or name in BY_PROCESS):
            yield {**test, "name": "-".join(filter(None, (name, wall)))}


def left_out():
    """Programs that timing.txt leaves out; report.py lists them as skipped."""
    lines = (line.split(None, 2) for line in (HERE / "timing.txt").read_text().splitlines())
    return [words[0] for words in lines if words and words[0] != "#" and words[1] == "*"]


def add_test(tree, build, test):
    """A test program, with the files and the tests' folders that its command and environment name."""
    words, environment = test["cmd"], test["env"]
    folder = Path(test["workdir"] or build)
    tree.carry_program(words[0])
    for value in [*words[1:], *environment.values()]:
        if (folder / value).is_file():
            tree.carry_program(folder / value, strip=False)
        elif (folder / value).is_relative_to(TESTS):  # a folder, with what it holds
            for file in filter(Path.is_file, (folder / value).rglob("*")):
                tree.carry(file)
    lines = [f"export {key}={shlex.quote(value)}\n" for key, value in environment.items()]
    add_script(tree, test["name"],
               f"cd {shlex.quote(str(folder))}\n{''.join(lines)}exec {shlex.join(words)}\n")


def add_script(tree, name, text):
    if not re.fullmatch(r"[\w.+-]+", name):
        raise SystemExit(f"a test's name must do as a file name: \"{name}\"")
    number = len(list(tree.path("/hw/tests").glob("*"))) if tree.path("/hw/tests").exists() else 0
    tree.write(f"/hw/tests/{number:02d}-{name}", text)


def fill(tree, build, modules, only):
    tree.carry("/bin/busybox")
    for guest in (HERE / "guest").iterdir():
        tree.write("/init" if guest.name == "init" else f"/hw/{guest.name}", guest.read_text())
    for folder in ("/proc", "/sys", "/dev", "/tmp"):
        tree.path(folder).mkdir(parents=True, exist_ok=True)
    add_modules(tree, modules)
    tree.carry_loaded(build)

    add_script(tree, "machine", ". /hw/machine.sh\n")
    tree.carry(build / "python.image")
    if not only or "command" in only:
        for program in PROGRAMS:
            tree.carry_program(build / program)
        add_script(tree, "command", f"BUILD={shlex.quote(str(build))}\n. /hw/command.sh\n")
    for test in vm_tests(build):
        if test["name"] in (only or [test["name"]]) and test["name"] not in left_out():
            add_test(tree, build, test)


def pack(tree, output):
    # Not compressed: unpacking would cost the emulated processor more than reading costs.
    names = subprocess.run(["find", ".", "-print0"], cwd=tree.root, capture_output=True, check=True)
    with open(output, "wb") as file:
        subprocess.run(["cpio", "--quiet", "--null", "-o", "-H", "newc", "-R", "0:0"],
                       cwd=tree.root, input=names.stdout, stdout=file, check=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--modules", type=Path, required=True, help="lib/modules/RELEASE")
    parser.add_argument("--output", required=True)
    parser.add_argument("--list", type=Path, required=True)
    parser.add_argument("only", nargs="*", help="pack these programs, not all")
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    for needed in (*PROGRAMS, "python.image"):
        if not (build / needed).exists():
            raise SystemExit(f"{build / needed} is not built: run make")
    with tempfile.TemporaryDirectory(prefix="cloche-hw-") as folder:
        tree = Tree(folder)
        fill(tree, build, arguments.modules, arguments.only)
        pack(tree, arguments.output)
        names = sorted(test.name for test in tree.path("/hw/tests").iterdir())
    arguments.list.write_text("".join(f"{name}\n" for name in names))


if __name__ == "__main__":
    sys.exit(main())
