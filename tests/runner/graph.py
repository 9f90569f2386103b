"""What the programs of a build are made of, as the linker sees it.

Every program here links the whole library, but what it can run is what its own objects refer to, and
what those refer to in turn. Graph finds these objects from their symbols, and the sources and headers
of each from what the compiler told Ninja. So a change in src/serve changes nothing for a program that
never calls it.
"""

import json
import os
import re
import subprocess
from functools import cached_property
from pathlib import Path

COMMANDS = "libcloche_cli.a.p/src_cli_"
# The program of worker processes is embedded in the library as bytes, which have no symbols.
EMBEDDED = {"embedded_zygote.S.o": "cloche-zygote.p/"}
# What the build writes, and by what.
WRITTEN = {"embedded_zygote.S": "tools/embed.sh", "lazy_stubs.S": "tools/lazy.py"}


class Doubt(Exception):
    """It cannot be told what something depends on; whoever asked has to run it."""


class Graph:
    def __init__(self, build, root):
        self.build, self.root = Path(build).resolve(), Path(root).resolve()

    def _output(self, *words):
        done = subprocess.run(words, cwd=self.build, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Doubt(f"{words[0]} in {self.build} ends with {done.returncode}: {done.stderr[-300:]}")
        return done.stdout

    @cached_property
    def compiles(self):
        """{object: (source, command)}"""
        if "no work to do" not in self._output("ninja", "-n"):
            raise Doubt(f"{self.build} is older than its sources; make builds it")
        try:
            rows = json.loads((self.build / "compile_commands.json").read_text())
        except (OSError, ValueError) as error:
            raise Doubt(f"{self.build} has no list of its compile commands: {error}") from error
        return {row["output"]: (row["file"], row["command"].replace(str(self.root), ".")) for row in rows}

    @cached_property
    def _symbols(self):
        """({symbol: objects that define it}, {object: symbols that it refers to})"""
        defined, wanted = {}, {}
        built = [name for name in self.compiles if (self.build / name).exists()]
        for line in self._output("nm", "-A", "-P", *built).splitlines():
            name, _, rest = line.partition(": ")
            symbol, kind = rest.split()[:2]
            if kind in "Uvw":
                wanted.setdefault(name, set()).add(symbol)
            if kind.isupper() and kind != "U" or kind in "uVW":
                defined.setdefault(symbol, set()).add(name)
        return defined, wanted

    @cached_property
    def _headers(self):
        """{object: files that its compiler read}"""
        files, name = {}, None
        for line in self._output("ninja", "-t", "deps").splitlines():
            if match := re.match(r"(\S.*): #deps \d+, deps mtime \d+ \((\w+)\)", line):
                name = match[1] if match[2] == "VALID" else None
                files.setdefault(name, [])
            elif line.strip():
                files[name].append(line.strip())
        return files

    def objects(self, target):
        """The objects that are compiled for one target, such as tests/vm_run_test."""
        found = [name for name in self.compiles if name.startswith(target + ".p/")]
        if not found:
            raise Doubt(f"{self.build} has no target {target}")
        return found

    def of_source(self, name):
        """The objects that are compiled from a file of the tree."""
        found = [made for made, (source, _) in self.compiles.items()
                 if os.path.normpath(self.build / source) == str(self.root / name)]
        if not found:
            raise Doubt(f"{self.build} compiles nothing from {name}")
        return found

    def reach(self, start, without=()):
        """All objects whose code can run where that of `start` does."""
        defined, wanted = self._symbols
        seen, todo = set(start), list(start)
        while todo:
            name = todo.pop()
            if not (self.build / name).exists():
                raise Doubt(f"{name} is not built")
            target = name.partition(".p/")[0]  # of other targets only libraries are linked to this one
            nearby = [other for symbol in wanted.get(name, ()) for other in defined.get(symbol, ())
                      if ".a.p/" in other or other.startswith(target + ".p/")]
            for end, program in EMBEDDED.items():
                if name.endswith(end):
                    nearby += [other for other in self.compiles if other.startswith(program)]
            fresh = set(nearby) - seen - set(without)
            seen |= fresh
            todo += fresh
        return seen

    def program(self, target):
        return self.reach(self.objects(target))

    def command(self, *names):
        """What `cloche NAME` can run: main.c hands over to one command, the others stay out."""
        defined, wanted = self._symbols
        main = f"{COMMANDS}main.c.o"
        entries = {other for symbol in wanted.get(main, ()) for other in defined.get(symbol, ())
                   if other.startswith(COMMANDS)} - {main}
        named = {f"{COMMANDS}{name}.c.o" for name in names}
        if not named <= entries:
            raise Doubt(f"{self.build}/cloche has no command {', '.join(sorted(names))}")
        return self.reach([main, *named], without=entries - named)

    def files(self, objects):
        """(files of the tree, files of the system, compile commands) of objects; the first as paths below
        the tree's root. What the build made is left out: what it is made from is there as well."""
        read, commands = set(), {}
        for name in objects:
            source, commands[name] = self.compiles[name]
            read.update([source, *self._headers.get(name, ())])
            if source in WRITTEN:
                read.add(os.path.join(self.root, WRITTEN[source]))
            if name not in self._headers and not source.endswith((".S", ".s")):
                raise Doubt(f"{self.build}: Ninja has not noted what {name} is made from")
        paths = {os.path.normpath(self.build / file) for file in read}
        root, made = f"{self.root}/", f"{self.build}/"
        own = {path[len(root):] for path in paths if path.startswith(root) and not path.startswith(made)}
        return own, {path for path in paths if not path.startswith((root, made))}, commands

    def link(self, target):
        """The options that a target is linked with."""
        text = (self.build / "build.ninja").read_text()
        rule = re.search(rf"^build {re.escape(target)}:.*\n(?: .*\n)*? LINK_ARGS = (.*)$", text, re.M)
        return rule[1].replace(str(self.root), ".") if rule else ""
