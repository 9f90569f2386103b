"""Where it is kept what earlier runs have visited: one file for each program, in what visited.h says.

A file is called PROGRAM-KEY; the key is a hash of all that the program is made of and runs with, and
does not depend on the folder that it was built in. A changed program has another file. A file counts
for DAYS days after it was begun, so that nothing stays visited for ever; all together stay below
SIZE_MAX, the longest unused go first. Several runs may use one folder at once: they add to the same
file, whole lines at a time, and one whose file was forgotten meanwhile merely keeps nothing.
"""

import hashlib
import os
import re
import subprocess
import tempfile
import time
from pathlib import Path

DAYS = 14
SIZE_MAX = 64 << 20  # bytes
BEGUN = re.compile(rb"begun (\d{1,12})\n")
LIBRARY = re.compile(r"(?:=> )?(/\S+) \(0x")


def default_folder():
    return Path(os.environ.get("CLOCHE_CACHE") or Path.home() / ".cache/cloche") / "faults"


def stripped(path):
    """A program or a library without what tells the folder it was built in."""
    with tempfile.NamedTemporaryFile() as bare:
        subprocess.run(["strip", "--strip-all", "--remove-section=.note.gnu.build-id", "-o", bare.name, path],
                       check=True)
        return Path(bare.name).read_bytes()


class Keys:
    """Keys of programs that have the same surroundings: the harness, the image, files beside them."""

    def __init__(self, files, parts, words=()):
        """Of `files` the contents count; of `parts`, programs and libraries of this build, all but
        what depends on the build's folder; of `words`, each."""
        self.libraries = {}
        self.shared = hashlib.sha256(repr((os.uname().release, *words)).encode())
        for path in files:
            self.shared.update(hashlib.sha256(Path(path).read_bytes()).digest())
        for path in parts:
            self.shared.update(hashlib.sha256(stripped(path)).digest())

    def of(self, program):
        key = self.shared.copy()
        key.update(hashlib.sha256(stripped(program)).digest())
        listing = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
        for library in sorted(LIBRARY.findall(listing)):
            if library not in self.libraries:
                self.libraries[library] = hashlib.sha256(Path(library).read_bytes()).digest()
            key.update(self.libraries[library])
        return key.hexdigest()[:32]


class Store:
    def __init__(self, folder, now=time.time):
        self.folder = Path(folder)
        self.now = now

    def open(self, name, key):
        """The file of a program, begun if there is none that counts."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{name}-{key}"
        if not self.counts(path):
            with tempfile.NamedTemporaryFile(dir=self.folder, prefix=".", delete=False) as fresh:
                fresh.write(b"begun %d\n" % self.now())
            os.replace(fresh.name, path)
        return path

    def counts(self, path):
        try:
            with path.open("rb") as file:
                begun = BEGUN.match(file.read(32))
        except OSError:
            return False
        return bool(begun) and 0 <= self.now() - int(begun[1]) < DAYS * 86400

    def forget(self, name):
        for path in self.folder.glob(f"{name}-*"):
            path.unlink(missing_ok=True)

    def clean_up(self):
        """What no longer counts goes, then the longest unused until the rest is small enough."""
        kept = []
        for path in self.folder.iterdir() if self.folder.is_dir() else ():
            try:
                about = path.stat()
                if path.name.startswith("."):
                    old = about.st_mtime < self.now() - 3600  # of a run that was ended
                else:
                    old = not self.counts(path)
                if old:
                    path.unlink()
                else:
                    kept.append((about.st_mtime, about.st_size, path))
            except OSError:
                continue  # another run was faster
        size = sum(size for _, size, _ in kept)
        for _, its_size, path in sorted(kept):
            if size <= SIZE_MAX:
                break
            path.unlink(missing_ok=True)
            size -= its_size
