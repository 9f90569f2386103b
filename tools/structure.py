#!/usr/bin/env python3
"""Check how the folders of src/ lean on each other: `structure.py [ROOT]`.

What it reports, a line each, and then ends with 1:
- an #include "…" against the direction of USES below, which is that of docs/architecture.md;
- a circle of files that include each other, a header and its .c counted as one file;
- a folder of src/ with more than FOLDER_MAX files;
- a source of the jailed side (jail_sources in the meson.build files) that reaches, through headers
  too, the header of a source of the host (host_sources).
"""

import os
import re
import sys
from pathlib import Path

FOLDER_MAX = 25

# What each part may include besides itself and the folders in it. The longest name that fits a file
# counts; a folder stands for all that is in it. include/cloche is named without its "include/".
COMMON = "cloche base"  # of every part but the first four
USES = {
    "cloche": "",
    "abi": "",
    "guest": "abi",
    "base": "cloche",
    "vm": "abi",
    "sandbox": "vm abi",
    "sandbox/value": "abi",
    "sandbox/run": "sandbox/value vm abi",
    "sandbox/worker": "sandbox/run sandbox/value vm abi",
    "sandbox/tool": "sandbox/value",
    "sandbox/artifacts": "sandbox/run/limits.h abi",
    "sandbox/files": "sandbox/artifacts abi",
    "sandbox/pool": "sandbox vm abi",
    "sandbox/call": "sandbox/artifacts sandbox/files sandbox/run sandbox/tool sandbox/value abi",
    "sandbox/snapshot": "sandbox/artifacts sandbox/run sandbox/worker sandbox/worker_client.h"
                        " sandbox/worker_client_state.h sandbox/reservation.h vm abi",
    "sandbox/suspend": "sandbox/artifacts sandbox/call sandbox/files sandbox/run sandbox/tool sandbox/value abi",
    "image": "sandbox/run sandbox/value sandbox/worker vm abi",
    "image/add": "image sandbox vm abi",
    "model": "",
    "model/http": "model/model.h model/error_code.h model/redact.h model/credential/credential.h",
    "model/credential": "model/http/ca_bundle.h model/http/curl_start.h model/redact.h",
    "model/protocol": "model/http model/model.h model/client.h model/error_code.h model/hosted_tool.h",
    "model/script": "model/model.h model/client.h model/run_report.h",
    "model/record": "model/script/script.h model/redact.h",
    "codeact": "model/run_report.h sandbox",
    "agent": "codeact model sandbox",
    "agent/hosted": "",
    "serve": "agent codeact model sandbox/value",
    "serve/serve.h": "serve/protocol",
    "serve/log.h": "",
    "serve/protocol": "agent model sandbox/value",
    "serve/store": "serve/protocol serve/log.h model/hosted_tool.h agent codeact",
    "serve/http": "serve/protocol serve/serve.h serve/log.h",
    "serve/hosted": "serve/http serve/protocol serve/store serve/serve.h serve/log.h",
    "serve/files": "serve/protocol serve/store serve/http serve/serve.h serve/log.h agent",
    "serve/sessions": "serve/store serve/log.h agent",
    "serve/job": "serve/sessions serve/files serve/protocol serve/store serve/http serve/serve.h serve/log.h agent",
    "cli": "serve agent codeact model image sandbox vm",
}
ALONE = ("cloche", "abi", "guest", "base")

# Written while the image is built, beside no source: guests/python makes it.
GENERATED = {"guest.h"}


def within(name, folder):
    return name == folder or name.startswith(folder + "/")


def part_of(name, uses):
    """The longest key of `uses` that the file is in."""
    return max((part for part in uses if within(name, part)), key=len, default=None)


class Tree:
    def __init__(self, root):
        self.root, self.places = root, {}  # the file's name in an #include: where it is
        for base in ("include", "src"):
            for path in sorted((root / base).rglob("*")):
                if path.suffix in (".c", ".h", ".S"):
                    self.places[str(path.relative_to(root / base))] = path
        self.includes, self.missing = {}, []  # name: [(line, name)]
        for name, path in self.places.items():
            self.includes[name] = list(self._includes_of(name, path))

    def _includes_of(self, name, path):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            found = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            if not found:
                continue
            beside = os.path.normpath(Path(name).parent / found[1])
            target = next((one for one in (beside, found[1]) if one in self.places), None)
            if target:
                yield number, target
            elif found[1] not in GENERATED:
                self.missing.append(f"{self.at(name, number)} includes {found[1]}, which is in neither "
                                    "src/ nor include/")

    def at(self, name, line):
        return f"{self.places[name].relative_to(self.root)}:{line}"


def directions(tree, uses=None):
    uses = USES if uses is None else uses
    for name, includes in tree.includes.items():
        part = part_of(name, uses)
        if part is None:
            yield f"{tree.places[name].relative_to(tree.root)} is in no part that tools/structure.py names"
            continue
        allowed = [part, *uses[part].split(), *([] if part in ALONE else COMMON.split())]
        for line, target in includes:
            if not any(within(target, one) for one in allowed):
                yield (f"{tree.at(name, line)} includes {target}: {part} may use only "
                       f"{', '.join(allowed[1:]) or 'itself'}")


def unit(name):
    """The header and its .c are one; but the header that is called after its folder is the folder's
    face, on which its parts stand, and the .c beside it stands on the parts: these are two."""
    path = Path(name)
    face = path.suffix == ".h" and path.stem == path.parent.name
    return name if face else str(path.with_suffix(""))


def circles(tree):
    """Strongly connected sets of files, by Tarjan's algorithm."""
    edges = {}
    for name, includes in tree.includes.items():
        edges.setdefault(unit(name), set()).update(unit(target) for _, target in includes)
    index, low, stack = {}, {}, []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for target in sorted(edges.get(node, ())):
            if target not in index:
                yield from visit(target)
            if target in stack:
                low[node] = min(low[node], low[target])
        if low[node] == index[node]:
            at = stack.index(node)
            members = sorted(stack[at:])
            del stack[at:]
            if len(members) > 1:
                yield f"src: a circle of includes: {', '.join(members)}"

    for node in sorted(edges):
        if node not in index:
            yield from visit(node)


def sizes(tree):
    for folder in sorted([tree.root / "src", *(one for one in (tree.root / "src").rglob("*") if one.is_dir())]):
        count = sum(one.is_file() for one in folder.iterdir())
        if count > FOLDER_MAX:
            yield (f"{folder.relative_to(tree.root)}: {count} files, at most {FOLDER_MAX}: "
                   "make a folder for what belongs together")


def sources(tree, variable):
    """The names of the files that meson.build files add to a list."""
    for path in sorted((tree.root / "src").rglob("meson.build")):
        for files in re.findall(rf"^{variable} \+= files\((.*?)\)", path.read_text(), re.M | re.S):
            for name in re.findall(r"'([^']+)'", files):
                yield str(path.parent.relative_to(tree.root / "src") / name)


def jail(tree):
    hosted = {str(Path(name).with_suffix(".h")) for name in sources(tree, "host_sources")}
    for source in sorted(sources(tree, "jail_sources")):
        if source not in tree.includes:
            yield f"src/{source} is in jail_sources and not there"
            continue
        seen, todo = {source}, [(source, None)]
        while todo:
            name, way = todo.pop()
            for line, target in tree.includes[name]:
                if target in hosted:
                    through = f" through {way}" if way else ""
                    yield (f"{tree.at(name, line)} brings {target} of the host to {source}{through}: "
                           "the jailed side includes nothing of it")
                elif target not in seen:
                    seen.add(target)
                    todo.append((target, target))


def problems(root):
    tree = Tree(Path(root))
    yield from tree.missing
    for check in (directions, circles, sizes, jail):
        yield from check(tree)


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent
    found = list(problems(root))
    for one in found:
        print(one)
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
