"""What a part of the suite depends on, as a manifest: {name of an input: hash of it}.

Everything that can change the answer has a row: the files of the tree and the system's headers that its
programs are compiled from, how they are compiled, the packages of its tools, the image, the variables
that tests look at, and the machine. Two runs with equal manifests have nothing to tell them apart.
"""

import hashlib
import os
import platform
import re
import subprocess
from copy import copy
from functools import cache, cached_property
from pathlib import Path

import hypervisor

from .graph import Doubt, Graph

TESTS = Path(__file__).resolve().parent.parent
ROOT = TESTS.parent
RUNNER = ["tests/run.py", "tests/runner/", "tests/hypervisor.py"]
# Variables that say where to work, not what to do.
NO_INPUT = {"CLOCHE_BUILD", "CLOCHE_CACHE", "CLOCHE_IMAGE"}


def digest(data):
    return hashlib.sha256(data).hexdigest()


def output(*words, root=ROOT):
    try:
        return subprocess.run(words, cwd=root, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise Doubt(str(error)) from error


def first(path, pattern):
    """What a pattern finds in a file of /proc or /sys; "" where there is none."""
    try:
        found = re.search(pattern, Path(path).read_text(), re.M)
    except OSError:
        return ""
    return found[1] if found else ""


def kvm_flavour():
    """The modules that serve /dev/kvm and how they are set, or that there is none."""
    if not hypervisor.present():
        return "none"
    settings = sorted(Path("/sys/module").glob("kvm*/parameters/*"))
    modules = sorted(path.name for path in Path("/sys/module").glob("kvm*"))
    return " ".join(modules + [f"{path.parts[3]}.{path.name}={first(path, '(.*)')}" for path in settings])


def machine():
    return {
        "kernel": platform.release(),
        "processor": f"{os.cpu_count()} x {first('/proc/cpuinfo', r'^model name.*: (.*)$')}",
        "processor's features": first("/proc/cpuinfo", r"^flags.*: (.*)$"),
        "KVM": kvm_flavour(),
        "user": str(os.getuid()),
    }


@cache
def installed():
    """{package: (version, the packages that it needs)} of what dpkg has."""
    packages = {}
    form = "${db:Status-Status}\t${Package}\t${Version}\t${Pre-Depends}, ${Depends}\n"
    for line in output("dpkg-query", "-W", "-f", form).splitlines():
        status, name, version, needs = line.split("\t")
        if status == "installed":
            packages[name] = (version, set(re.findall(r"(?:^|[,|])\s*([a-z0-9][a-z0-9.+-]+)", needs)))
    return packages


def package_versions(names, packages):
    """These packages and all that they need, with their versions."""
    seen, todo = set(), list(names)
    while todo:
        name = todo.pop()
        if name in packages and name not in seen:
            seen.add(name)
            todo += packages[name][1]
    return "\n".join(f"{name} {packages[name][0]}" for name in sorted(seen))


class Inputs:
    """Makes manifests, for one build folder. What it has read once it does not read again."""

    def __init__(self, build, root=ROOT, environment=os.environ, about=machine, packages=installed):
        self.build, self.root = Path(build), Path(root)
        self.graph = Graph(build, root)
        self.machine, self.packages = about(), packages()
        self.digests = {}
        self.environment = {f"${name}": digest(value.encode()) for name, value in environment.items()
                            if name.startswith("CLOCHE_") and name not in NO_INPUT}

    def again(self):
        """The same for the files as they are now."""
        new = copy(self)
        new.digests = {}
        for name in ("listed", "image"):
            vars(new).pop(name, None)
        return new

    def file(self, path):
        """The hash of a file, by its path below the tree's root or from /."""
        if path not in self.digests:
            try:
                self.digests[path] = digest((self.root / path).read_bytes())
            except OSError as error:
                raise Doubt(f"{path} cannot be read: {error.strerror}") from error
        return self.digests[path]

    @cached_property
    def listed(self):
        """The files of the tree, those not yet added among them."""
        names = output("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", root=self.root)
        return sorted(name for name in set(names.split("\0")) if name and (self.root / name).is_file())

    @cache
    def group(self, name):
        """The hash of the packages of tools/packages/NAME.txt and of all that they need."""
        lines = (self.root / f"tools/packages/{name}.txt").read_text().splitlines()
        versions = package_versions([line.split()[0] for line in lines if line], self.packages)
        return digest(versions.encode())

    def below(self, *places):
        """The files of some places: a file, a folder with a "/" behind it (what is written about it does not
        count), or an ending like "*.c"."""
        for place in places:
            found = [name for name in self.listed if name == place
                     or place.endswith("/") and name.startswith(place) and not name.endswith(".md")
                     or place.startswith("*") and name.endswith(place[1:])]
            if not found:
                raise Doubt(f"the tree has no {place}")
            yield from found

    @cached_property
    def image(self):
        path = self.build / "python.image"
        return self.file(str(path.resolve())) if path.exists() else "none"

    def _reached(self, programs, commands, archives, sources, everything):
        graph = self.graph
        if everything:
            return set(graph.compiles)
        reached = set().union(*(graph.program(target) for target in programs),
                              *(graph.objects(name) for name in archives),
                              *(graph.of_source(name) for name in sources))
        return reached | graph.command(*commands) if commands else reached

    def manifest(self, places=(), programs=(), commands=(), archives=(), sources=(), everything=False,
                 packages=("build",), values=None, image=False):
        """What a part depends on that reads these places, runs these programs and `cloche COMMAND`s, looks into
        these archives or at what these sources include (or at everything that is compiled), needs these
        groups of packages, the image, and whatever else `values` names (texts, or calls that give one)."""
        rows = {f"machine's {name}": digest(text.encode()) for name, text in self.machine.items()}
        rows |= self.environment
        rows |= {f"packages for {group}": self.group(group) for group in packages}
        rows |= {name: digest(str(text() if callable(text) else text).encode())
                 for name, text in (values or {}).items()}
        rows |= {name: self.file(name) for name in self.below(*RUNNER, *places)}
        own, system, compiles = self.graph.files(
            self._reached(programs, commands, archives, sources, everything))
        rows |= {name: self.file(name) for name in own}
        rows |= {f"compiling {name}": digest(text.encode()) for name, text in compiles.items()}
        rows |= {f"linking {target}": digest(self.graph.link(target).encode())
                 for target in (*programs, *(["cloche"] if commands else []))}
        if system:
            rows["the system's headers"] = digest("".join(self.file(name) for name in sorted(system)).encode())
        if image:
            rows["the Python image"] = self.image
        return rows


def key(manifest):
    return digest("".join(f"{name}\0{value}\n" for name, value in sorted(manifest.items())).encode())
