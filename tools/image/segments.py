"""What is done to a Wasm module and to the C that wasm2c made of it.

  segments.py memory MODULE.wasm        print the initial size of its memory in bytes
  segments.py embed MODULE.wasm DIR     in DIR/guest_*.c replace the arrays that hold the data
                                        segments by .incbin of DIR/segment-N.bin
  segments.py spread DIR [MAP]          deal the functions out to DIR/guest_1.c, guest_2.c ... anew,
                                        in the module's order (what belongs together stays
                                        together) or as MAP says; write DIR/functions.txt, which
                                        can be a MAP
  segments.py base DIR                  in DIR/guest-impl.h put linear memory at the constant
                                        address MEMBASE: no base register, no bounds check

Sections and their numbers: WebAssembly core specification 2.0, section 5.5.
"""

import os
import re
import sys

MEMORY_SECTION = 5
DATA_SECTION = 11
I32_CONST = 0x41
END = 0x0B
WASM_PAGE = 65536
LINES_PER_FILE = 140000


class Module:
    """Just enough of a reader: walks the sections of a module."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = file.read()
        if self.data[:8] != b"\0asm\1\0\0\0":
            sys.exit(f"segments.py: {path} is not a WebAssembly module of version 1")

    def leb(self, at):
        value = shift = 0
        while True:
            byte = self.data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value, at

    def section(self, wanted):
        at = 8
        while at < len(self.data):
            kind = self.data[at]
            size, at = self.leb(at + 1)
            if kind == wanted:
                return at
            at += size
        sys.exit(f"segments.py: the module has no section {wanted}")

    def memory_bytes(self):
        count, at = self.leb(self.section(MEMORY_SECTION))
        if count != 1:
            sys.exit(f"segments.py: the module has {count} memories, one is expected")
        _, at = self.leb(at)
        pages, at = self.leb(at)
        return pages * WASM_PAGE

    def data_segments(self):
        count, at = self.leb(self.section(DATA_SECTION))
        for _ in range(count):
            kind, at = self.leb(at)
            if kind == 0:
                if self.data[at] != I32_CONST:
                    sys.exit("segments.py: a data segment's offset is not an i32 constant")
                _, at = self.leb(at + 1)
                if self.data[at] != END:
                    sys.exit("segments.py: a data segment's offset is not one constant")
                at += 1
            elif kind != 1:
                sys.exit(f"segments.py: data segment of unknown kind {kind}")
            size, at = self.leb(at)
            yield self.data[at:at + size]
            at += size


ARRAY = re.compile(r"^(?:static )?const u8 (data_segment_data_\w+)\[\] = \{[^}]*\};", re.MULTILINE)
INCLUDED = """__asm__(".pushsection .rodata.initial,\\"a\\",@progbits\\n.balign 4096\\n"
        ".globl {name}\\n{name}: .incbin \\"{file}\\"\\n.popsection");
extern const u8 {name}[];"""


def embed(module, folder):
    segments = list(Module(module).data_segments())
    done = 0
    for name in sorted(os.listdir(folder)):
        if not re.fullmatch(r"guest_\d+\.c", name):
            continue
        path = os.path.join(folder, name)
        with open(path, encoding="ascii") as file:
            text = file.read()

        def replace(match):
            nonlocal done
            file = f"segment-{done}.bin"
            with open(os.path.join(folder, file), "wb") as out:
                out.write(segments[done])
            done += 1
            return INCLUDED.format(name=match.group(1), file=file)

        changed = ARRAY.sub(replace, text)
        if changed != text:
            with open(path, "w", encoding="ascii") as file:
                file.write(changed)
    if done != len(segments):
        sys.exit(f"segments.py: {len(segments)} data segments in the module, {done} in the C")
    print(f"image-note: {done} data segments, {sum(map(len, segments)) >> 10} KiB")


DECLARED = re.compile(r"^\w+ (w2c_guest_\w+)\(w2c_guest\*", re.MULTILINE)
DEFINED = re.compile(r"^\w+ (w2c_guest_\w+)\(w2c_guest\* instance[^;{]*\{\n.*?^\}\n\n?",
                     re.MULTILINE | re.DOTALL)


def take_functions(folder, names):
    """Take the definitions of the named functions out of all files; keep what is left of file 0."""
    bodies = {}
    for file in sorted(os.listdir(folder)):
        if not re.fullmatch(r"guest_\d+\.c", file):
            continue
        path = os.path.join(folder, file)
        with open(path, encoding="ascii") as source:
            text = source.read()
        rest, end = [], 0
        for match in DEFINED.finditer(text):
            if match.group(1) in names:
                bodies[match.group(1)] = match.group().rstrip("\n") + "\n\n"
                rest.append(text[end:match.start()])
                end = match.end()
        rest.append(text[end:])
        if file == "guest_0.c":
            with open(path, "w", encoding="ascii") as source:
                source.writelines(rest)
        else:
            left = "".join(rest).split('#include "guest-impl.h"\n')[-1].strip()
            if left:
                sys.exit(f"segments.py: {file} holds more than functions: {left[:200]!r}")
            os.remove(path)
    return bodies


def spread(folder, map_path=None):
    with open(os.path.join(folder, "guest-impl.h"), encoding="ascii") as header:
        names = list(dict.fromkeys(DECLARED.findall(header.read())))
    bodies = take_functions(folder, set(names))
    names = [name for name in names if name in bodies]
    place, new = {}, 1
    if map_path:
        with open(map_path, encoding="ascii") as rows:
            place = {name: int(number) for number, name in map(str.split, rows)}
        new = max(place.values()) + 1
    files, lines = {}, 0
    for name in names:
        if not map_path and lines > LINES_PER_FILE:
            new, lines = new + 1, 0
        lines += bodies[name].count("\n")
        files.setdefault(place.get(name, new), []).append(name)
    with open(os.path.join(folder, "functions.txt"), "w", encoding="ascii") as table:
        for number in sorted(files):
            table.writelines(f"{number} {name}\n" for name in files[number])
            path = os.path.join(folder, f"guest_{number}.c")
            with open(path, "w", encoding="ascii") as source:
                source.write('#include "guest-impl.h"\n\n')
                source.writelines(bodies[name] for name in files[number])
    known = sum(name in place for name in names)
    print(f"image-note: {len(names)} functions in {len(files)} files, {known} as in the map")


def base(folder):
    path = os.path.join(folder, "guest-impl.h")
    with open(path, encoding="ascii") as file:
        text = file.read()
    old = "#define MEM_ADDR(mem, addr, n) &(mem)->data[addr]"
    new = "#define MEM_ADDR(mem, addr, n) ((u8*)(uintptr_t)(MEMBASE) + (u64)(addr))"
    if text.count(old) != 1:
        sys.exit("segments.py: wasm2c's header defines MEM_ADDR in a way this does not know")
    with open(path, "w", encoding="ascii") as file:
        file.write(text.replace(old, new))


def main():
    match sys.argv[1:]:
        case ["memory", module]:
            print(Module(module).memory_bytes())
        case ["embed", module, folder]:
            embed(module, folder)
        case ["spread", folder, *map_path]:
            spread(folder, *map_path)
        case ["base", folder]:
            base(folder)
        case _:
            sys.exit(__doc__)


main()
