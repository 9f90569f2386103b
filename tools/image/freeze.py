"""Compile Python modules and lay them out as the C table of frozen modules.

  freeze.py OUT SKIPLIST TREE...    each TREE is a folder with modules, or one .py file

Writes OUT/frozen.bin (all marshalled code, 16-byte aligned) and OUT/frozen.c with the table
clo_frozen_modules. Later trees win over earlier ones and are not subject to SKIPLIST. Run by the
Python whose bytecode it is, with PYTHONHASHSEED=0: the same sources then give the same bytes.
"""

import marshal
import os
import sys

ALIGN = 16


def read_skiplist(path):
    with open(path, encoding="utf-8") as lines:
        names = (line.partition("#")[0].strip() for line in lines)
        return {name for name in names if name}


def skipped(name, skiplist):
    parts = name.split(".")
    return any(".".join(parts[:n]) in skiplist for n in range(1, len(parts) + 1))


def sources(tree):
    """Yield (module name, is package, path) of a tree in a fixed order."""
    if tree.endswith(".py"):
        yield os.path.basename(tree)[:-3], False, tree
        return
    for folder, subfolders, files in os.walk(tree):
        subfolders[:] = sorted(
            name for name in subfolders if name.isidentifier() and name != "__pycache__"
        )
        below = os.path.relpath(folder, tree)
        prefix = [] if below == "." else below.split(os.sep)
        for file in sorted(files):
            if not file.endswith(".py") or not file[:-3].isidentifier() and "-" not in file:
                continue
            name = file[:-3]
            package = name == "__init__"
            parts = prefix if package else prefix + [name]
            if parts:
                yield ".".join(parts), package, os.path.join(folder, file)


def main():
    out, skipfile, *trees = sys.argv[1:]
    skiplist = read_skiplist(skipfile)
    modules = {}
    for number, tree in enumerate(trees):
        for name, package, path in sources(tree):
            if number == 0 and skipped(name, skiplist):
                continue
            with open(path, "rb") as file:
                source = file.read()
            code = compile(source, f"<frozen {name}>", "exec", dont_inherit=True, optimize=0)
            modules[name] = (marshal.dumps(code), package)

    offset = 0
    rows = []
    with open(os.path.join(out, "frozen.bin"), "wb") as blob:
        for name in sorted(modules):
            data, package = modules[name]
            rows.append(f'    {{"{name}", code + {offset}, {len(data)}, {int(package)}}},\n')
            padding = -len(data) % ALIGN
            blob.write(data + bytes(padding))
            offset += len(data) + padding
    with open(os.path.join(out, "frozen.c"), "w", encoding="utf-8") as table:
        table.write("/* Written by tools/image/freeze.py: the frozen modules. */\n")
        table.write("#include <Python.h>\n\nextern const struct _frozen clo_frozen_modules[];\n")
        table.write(f"static const unsigned char code[] __attribute__((aligned({ALIGN}))) = {{\n")
        table.write('#embed "frozen.bin"\n};\n\n')
        table.write("const struct _frozen clo_frozen_modules[] = {\n")
        table.writelines(rows)
        table.write("    {0, 0, 0, 0},\n};\n")
    print(f"image-note: {len(rows)} modules, {offset // 1024} KiB")


main()
