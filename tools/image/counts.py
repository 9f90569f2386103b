"""gcc's counts of a training as data: the file guests/python/profile.xz, and how well it fits.

  counts.py pack FILE DIR [KEY=VALUE...]  write FILE from DIR/guest_*.gcda and DIR/functions.txt; the
                                          keys and values say what was trained with
  counts.py unpack FILE DIR               the way back: DIR/guest_*.gcda and DIR/functions.txt
  counts.py compare OLD NEW               do two files hold the same? exit status 1 if not, and what
                                          differs. If they were made with other packages, the counts
                                          need only be alike
  counts.py said MESSAGES                 print the functions for which gcc, with -Wmissing-profile and
                                          -Wcoverage-mismatch, found no counts or those of another
                                          shape, "*" if it could not read the file
  counts.py fit FILE FUNCTIONS DIR        print how much of what was trained the compiler could use;
                                          FUNCTIONS: where the guest's functions are (functions.txt),
                                          DIR/guest_*.misfits: what "said" printed (compile.sh).
                                          Exit status 1 below FIT_WANTED

The file is text, compressed by xz ("xzcat profile.xz | less" shows it):

  key VALUE                               what it was trained with: compiler, packages
  version NUMBER                          of gcc's format
  summary RUNS MAX                        gcc's summary of the program
  file NUMBER                             what follows belongs to guest_NUMBER.c, in its order
  NAME                                    a function that the training did not reach: only its place
  NAME CHECKSUM                           a function that it reached; the checksum is of its shape
   KIND COUNT...                          its counters of one kind; "0*3" stands for three zeros

What the training did not reach keeps no counts: gcc treats it as it treats zeros, as code that nothing
is known of (-fprofile-partial-training).

gcc's format (gcc/gcov-io.h): words of 32 bits; a header of magic, version, stamp and checksum; then
records of tag, length in bytes and data. A function is a record with the number that stands for its
name, the checksum of its lines and that of its shape; its counters follow, a record a kind, each 64
bits. A negative length stands for so many bytes of zeros.
"""

import collections
import glob
import lzma
import os
import re
import struct
import sys

MAGIC = 0x67636461
TAG_FUNCTION = 0x01000000
TAG_COUNTERS = 0x01A10000  # of kind 0; each kind is 0x20000 further
TAG_SUMMARY = 0xA1000000
ARCS = 0  # the kind of counter that counts how often an edge of the graph of blocks was taken
PREFIX = "w2c_guest_"
# From the start 22 functions have another shape in the image than in the training, whose memory lies at
# another address: 2.58 %. One changed function costs at most 3 % but for the interpreter's loop (30 %);
# a change of flags or compiler costs most of it.
FIT_WANTED = 0.96
ALIKE_WANTED = 0.99

Function = collections.namedtuple("Function", "name checksum counters")  # counters: kind -> values


class Bad(Exception):
    """A file that is not what it should be; the text names it."""


class Profile:
    """files: number -> list of Function; a function without counters has checksum None."""

    def __init__(self):
        self.keys, self.version, self.summary, self.files = {}, None, None, {}

    def functions(self):
        return (function for number in sorted(self.files) for function in self.files[number])

    def places(self):
        return {function.name: number for number in self.files for function in self.files[number]}


def weight(function):
    """How often its edges were taken: the function's share in what was trained."""
    return sum(function.counters.get(ARCS, ()))


def crc_table():
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = value << 1 ^ (0x04C11DB7 if value & 0x80000000 else 0)
        yield value & 0xFFFFFFFF


CRC = list(crc_table())


def ident(name):
    """The number that stands for a function in gcc's files: coverage_compute_profile_id."""
    value = 0
    for byte in name.encode("ascii") + b"\0":
        value = value << 8 & 0xFFFFFFFF ^ CRC[value >> 24 ^ byte]
    value &= 0x7FFFFFFF
    return value or 1


def read_gcda(path):
    """(version, summary, {ident: (checksum of the shape, {kind: values})}) of a file of gcc's."""
    with open(path, "rb") as file:
        data = file.read()
    if len(data) < 16 or struct.unpack_from("<I", data)[0] != MAGIC:
        raise Bad(f"{path} is not a file of gcc's counts")
    version, at, summary, functions, current = struct.unpack_from("<I", data, 4)[0], 16, None, {}, None
    while at + 8 <= len(data):
        tag, length = struct.unpack_from("<Ii", data, at)
        at += 8
        size = max(length, 0)
        if at + size > len(data):
            raise Bad(f"{path} is cut short")
        if tag == TAG_SUMMARY:
            summary = struct.unpack_from("<II", data, at)
        elif tag == TAG_FUNCTION:
            current = None
            if size:
                number, _, shape = struct.unpack_from("<III", data, at)
                current = functions.setdefault(number, (shape, {}))[1]
        elif current is not None and tag >= TAG_COUNTERS and (tag - TAG_COUNTERS) % 0x20000 == 0:
            values = struct.unpack_from(f"<{size // 8}q", data, at) if length > 0 else (0,) * (-length // 8)
            current[(tag - TAG_COUNTERS) // 0x20000] = values
        elif tag:
            raise Bad(f"{path} has a record of unknown kind {tag:#x}")
        at += size
    return version, summary, functions


def write_gcda(path, version, summary, functions):
    parts = [struct.pack("<IIII", MAGIC, version, 0, 0), struct.pack("<IIII", TAG_SUMMARY, 8, *summary)]
    for function in functions:
        if function.checksum is None:
            continue
        parts.append(struct.pack("<IIIII", TAG_FUNCTION, 12, ident(function.name), 0, function.checksum))
        for kind, values in sorted(function.counters.items()):
            size = len(values) * 8
            parts.append(struct.pack("<Ii", TAG_COUNTERS + kind * 0x20000, size if any(values) else -size))
            if any(values):
                parts.append(struct.pack(f"<{len(values)}q", *values))
    parts.append(bytes(4))
    with open(path, "wb") as file:
        file.write(b"".join(parts))


def collect(folder):
    """A Profile of what a training left in a folder. What is not in functions.txt is left out: gcc names
    the few static functions by the path of the object file, so that it never finds their counts."""
    profile = Profile()
    with open(os.path.join(folder, "functions.txt"), encoding="ascii") as rows:
        for number, name in map(str.split, rows):
            profile.files.setdefault(int(number), []).append(Function(name, None, {}))
    for number, functions in profile.files.items():
        path = os.path.join(folder, f"guest_{number}.gcda")
        if not os.path.exists(path):
            continue
        version, summary, counted = read_gcda(path)
        if profile.version not in (None, version):
            raise Bad(f"{path} was written by another gcc than the others")
        profile.version = version
        if summary:
            profile.summary = max(profile.summary or (0, 0), summary)
        for at, function in enumerate(functions):
            checksum, counters = counted.pop(ident(function.name), (None, {}))
            if any(map(any, counters.values())):
                functions[at] = Function(function.name, checksum, counters)
    if profile.version is None:
        raise Bad(f"{folder} holds no counts")
    if not any(function.counters for function in profile.functions()):
        raise Bad(f"{folder} holds no counts of the functions in its functions.txt")
    return profile


def shorten(values):
    """Numbers as text, each row of zeros as one word."""
    words, zeros = [], 0
    for value in [*values, None]:
        if value == 0:
            zeros += 1
            continue
        if zeros:
            words.append("0" if zeros == 1 else f"0*{zeros}")
            zeros = 0
        if value is not None:
            words.append(str(value))
    return " ".join(words)


def lengthen(words):
    for word in words:
        value, _, times = word.partition("*")
        yield from [int(value)] * int(times or 1)


def to_text(profile):
    lines = [f"{key} {value}" for key, value in sorted(profile.keys.items())]
    lines += [f"version {profile.version}", "summary {} {}".format(*profile.summary)]
    for number in sorted(profile.files):
        lines.append(f"file {number}")
        for function in profile.files[number]:
            name = function.name.removeprefix(PREFIX)
            if function.checksum is None:
                lines.append(name)
                continue
            lines.append(f"{name} {function.checksum:x}")
            lines += [f" {kind} {shorten(values)}" for kind, values in sorted(function.counters.items())]
    return "\n".join(lines) + "\n"


def from_text(text):
    profile, functions, counters = Profile(), None, None
    for line in text.splitlines():
        words = line.split()
        if line.startswith(" "):
            counters[int(words[0])] = tuple(lengthen(words[1:]))
        elif words[0] == "file" and len(words) == 2:
            functions = profile.files[int(words[1])] = []
        elif functions is not None:
            counters = {}
            checksum = int(words[1], 16) if len(words) > 1 else None
            functions.append(Function(PREFIX + words[0], checksum, counters))
        elif words[0] == "version":
            profile.version = int(words[1])
        elif words[0] == "summary":
            profile.summary = int(words[1]), int(words[2])
        else:
            profile.keys[words[0]] = line.partition(" ")[2]
    if profile.version is None or not profile.files:
        raise Bad("not a profile")
    return profile


def load(path):
    try:
        with lzma.open(path, "rt", encoding="ascii") as file:
            return from_text(file.read())
    except (OSError, EOFError, ValueError, IndexError, TypeError, lzma.LZMAError, Bad) as error:
        raise Bad(f"{path} is not a profile: {error}") from error


def save(profile, path):
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME}]
    with open(path, "wb") as file:
        file.write(lzma.compress(to_text(profile).encode("ascii"), check=lzma.CHECK_CRC32, filters=filters))


def unpack(path, folder):
    profile = load(path)
    for number, functions in profile.files.items():
        write_gcda(os.path.join(folder, f"guest_{number}.gcda"), profile.version, profile.summary, functions)
    with open(os.path.join(folder, "functions.txt"), "w", encoding="ascii") as rows:
        for number in sorted(profile.files):
            rows.writelines(f"{number} {function.name}\n" for function in profile.files[number])


SAID = re.compile(r"function '([^']*)'.*\[-W(?:missing-profile|coverage-mismatch)\]$")


def said_by_gcc(text):
    """Names of functions, "*" for the whole file. (That lines have changed is said as well; they always
    have, and the counts are used.)"""
    names = set()
    for line in text.splitlines():
        if match := SAID.search(line):
            if "source location" not in line:
                names.add(match.group(1))
        elif ".gcda" in line:
            names.add("*")
    return sorted(names)


def misfits(profile, places, said):
    """(function, why) of what was trained and the compiler could not use. places: where the guest's
    functions are, said: file number -> names that the compiler found wrong, "*" for the file."""
    for number in sorted(profile.files):
        for function in profile.files[number]:
            if not weight(function):
                continue
            if function.name not in places:
                yield function, "is not in the guest"
            elif places[function.name] != number:
                yield function, f"is in file {places[function.name]}, its counts in {number}"
            elif number not in said or "*" in said[number]:
                yield function, "its file's counts were not read"
            elif function.name in said[number]:
                yield function, "has another shape"


def percent(share):
    """Rounded down: what does not fit whole is never called 100 %."""
    return f"{int(share * 10000 + 1e-6) / 100:.2f} %"  # and no sum of floats for less


def fit(path, functions, folder):
    profile, places, said = load(path), {}, {}
    with open(functions, encoding="ascii") as rows:
        for number, name in map(str.split, rows):
            places[name] = int(number)
    for file in glob.glob(os.path.join(folder, "guest_*.misfits")):
        with open(file, encoding="ascii") as rows:
            said[int(re.search(r"_(\d+)\.misfits$", file).group(1))] = set(rows.read().split())
    wrong = sorted(misfits(profile, places, said), key=lambda row: -weight(row[0]))
    whole = sum(map(weight, profile.functions()))
    share = 1 - sum(weight(function) for function, _ in wrong) / whole
    for function, why in wrong:
        print(f"{percent(weight(function) / whole)} {function.name.removeprefix(PREFIX)} {why}")
    print(f"{len(wrong)} functions do not fit")
    print(f"image-note: the profile fits {percent(share)} of what was trained")
    if share >= FIT_WANTED:
        return 0
    print(f"image-warning: THE PROFILE NO LONGER FITS: the compiler could use {percent(share)} of it,")
    print(f"image-warning: {percent(FIT_WANTED)} are wanted. Python is slower than it could be. Most of it is:")
    for function, why in wrong[:3]:
        print(f"image-warning:   {function.name.removeprefix(PREFIX)} {why}")
    print("image-warning: 'make profile' trains anew (some minutes); then commit guests/python/profile.xz")
    return 1


def alike(old, new):
    """How much two profiles have in common: the overlap of the shares of functions of one shape."""
    shares = []
    for profile in old, new:
        whole = sum(map(weight, profile.functions()))
        shares.append({(function.name, function.checksum): weight(function) / whole
                       for function in profile.functions() if weight(function)})
    return sum(min(share, shares[1].get(key, 0)) for key, share in shares[0].items())


def compare(old_path, new_path):
    old, new = load(old_path), load(new_path)
    if to_text(old) == to_text(new):
        print(f"the same profile: {sum(1 for f in old.functions() if f.counters)} functions with counts")
        return 0
    keys = sorted(key for key in {**old.keys, **new.keys} if old.keys.get(key) != new.keys.get(key))
    for key in keys:
        print(f"{key}: {old.keys.get(key, 'none')} then, {new.keys.get(key, 'none')} now")
    share = alike(old, new)
    if keys and "training" not in keys:
        print(f"{percent(share)} in common, where other packages or sources were used; {percent(ALIKE_WANTED)} are wanted")
        return int(share < ALIKE_WANTED)
    print(f"{percent(share)} in common")
    before = {function.name: function for function in old.functions()}
    for function in new.functions():
        if before.pop(function.name, None) != function:
            print(f"{function.name} differs")
    for name in before:
        print(f"{name} is gone")
    return 1


def main():
    match sys.argv[1:]:
        case ["pack", path, folder, *keys]:
            profile = collect(folder)
            profile.keys = dict(key.split("=", 1) for key in keys)
            save(profile, path)
        case ["unpack", path, folder]:
            unpack(path, folder)
        case ["compare", old, new]:
            return compare(old, new)
        case ["said", path]:
            with open(path, encoding="utf-8", errors="replace") as file:
                print("\n".join(said_by_gcc(file.read())))
        case ["fit", path, functions, folder]:
            return fit(path, functions, folder)
        case _:
            raise Bad(__doc__)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Bad as bad:
        sys.exit(f"counts.py: {bad}")
