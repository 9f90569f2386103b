#!/usr/bin/env python3
"""Check that programs and libraries start with an old C library: `symbols.py NEWEST PLACE...`

Reports each symbol whose version is of a glibc newer than NEWEST (as 2.34), with its file, in all ELF files
below the places; then ends with 1. Nothing is run: what a file asks of the C library stands in it.
"""

import re
import subprocess
import sys
from pathlib import Path


def elf_files(places):
    for place in map(Path, places):
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.is_file() and not path.is_symlink():
                with path.open("rb") as file:
                    if file.read(4) == b"\x7fELF":
                        yield path


def readelf(path, *options):
    done = subprocess.run(["readelf", "-W", *options, path], capture_output=True, text=True, check=True)
    if "Error:" in done.stderr:
        sys.exit(f"symbols.py: {path} cannot be read: {done.stderr.strip()}")
    return done.stdout


def newer(version, newest):
    """Of a version's name. One without a number is of what came later (GLIBC_ABI_DT_RELR: 2.36), or for
    glibc itself (GLIBC_PRIVATE)."""
    number = re.fullmatch(r"GLIBC_(\d+(?:\.\d+)+)", version)
    return not number or tuple(map(int, number[1].split("."))) > newest


def wrong(path, newest):
    """{version that is too new: the symbols that are wanted of it}."""
    needed = set()  # the section on needs comes after the one on what the file itself defines
    for part in re.split(r"^Version needs section", readelf(path, "-V"), flags=re.M)[1:]:
        needed |= set(re.findall(r"Name: (GLIBC_\S+)", part))
    bad = {version: [] for version in sorted(needed) if newer(version, newest)}
    for symbol, version in re.findall(r" UND (\S+?)@+(GLIBC_[\w.]+)", readelf(path, "--dyn-syms")):
        if version in bad:
            bad[version].append(symbol)
    return bad


def main():
    newest, places = sys.argv[1], sys.argv[2:]
    number = tuple(map(int, newest.split(".")))
    count, failed = 0, False
    for path in elf_files(places):
        count += 1
        for version, symbols in wrong(path, number).items():
            failed = True
            print(f"{path} needs {version}: {', '.join(symbols) or 'by its format'}; glibc {newest} has none of it",
                  file=sys.stderr)
    if not count:
        sys.exit(f"symbols.py: there is no program and no library in {', '.join(places)}")
    if failed:
        sys.exit("  Call what glibc " + newest + " has (a system call of our own, an older function), or take another "
                 "build of that library")
    print(f"{count} programs and libraries need glibc {newest} at most")


main()
