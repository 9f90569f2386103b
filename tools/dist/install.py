#!/usr/bin/env python3
"""At `meson install`: the shared libraries, the licences and the list of what all is made of.

  install.py VERSION LIBRARIES_FOLDER DOCUMENTS_FOLDER LIBRARY...

Folders are below the prefix; each LIBRARY (its name as after -l) is copied with all that it needs but the
C library. Without any, the system's libraries are used and nothing is copied. $CC says where they are.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import components
import libraries
import sbom

ROOT = Path(__file__).resolve().parents[2]


def epoch():
    """When this tree was made: the time of its newest commit."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if not given:
        done = subprocess.run(["git", "-C", ROOT, "log", "-1", "--format=%ct"], capture_output=True, text=True, check=False)
        given = done.stdout.strip()
    return int(given or time.time())


def copy(source, target, mode=0o644):
    """Under another name first: a program that runs has its libraries mapped."""
    new = target.with_name(f".{target.name}.new")
    shutil.copyfile(source, new)
    os.chmod(new, mode)
    new.replace(target)


def write(path, text):
    path.write_text(text, encoding="utf-8")
    os.chmod(path, 0o644)


def main():
    version, libraries_folder, documents_folder, *wanted = sys.argv[1:]
    prefix = Path(os.environ["MESON_INSTALL_DESTDIR_PREFIX"])
    folder, documents = (Path(os.path.normpath(prefix / name)) for name in (libraries_folder, documents_folder))
    licences, image = documents / "licences", prefix / "share/cloche/python.image"
    licences.mkdir(parents=True, exist_ok=True)
    parts, files = [], {}
    if wanted:
        folder.mkdir(parents=True, exist_ok=True)
        paths = libraries.closure(libraries.found(name, os.environ.get("CC", "cc")) for name in wanted)
        parts += components.shared(paths)
        for name, path in paths.items():
            copy(path, folder / name)
            files[f"lib/cloche/{name}"] = folder / name
        static = libraries.output(os.environ.get("CC", "cc"), "-print-file-name=libseccomp.a").strip()
        copy(static, folder / "libseccomp.a")
        files["lib/cloche/libseccomp.a"] = folder / "libseccomp.a"
    parts.append(components.installed("libseccomp-dev", "program"))  # its static library is linked
    parts[-1].files += ["libseccomp.a"][:bool(wanted)]
    if image.exists():
        parts += components.image()
        files["share/cloche/python.image"] = image
    for part in parts:
        write(licences / part.name, part.text)
    for name, text in components.common_texts(parts).items():
        write(licences / name, text)
    copy(ROOT / "LICENSE", licences / "cloche")
    write(documents / "sbom.spdx.json", sbom.document(version, epoch(), parts, files))


main()
