"""Which shared libraries the program loads, and which package each is from."""

import re
import subprocess
from pathlib import Path

# They belong to the system's C library, which is the one thing that is not brought along: it must fit
# the system's loader, and its name services read the system's settings.
GLIBC = {"ld-linux-x86-64.so.2", "libBrokenLocale.so.1", "libanl.so.1", "libc.so.6", "libdl.so.2", "libm.so.6",
         "libmvec.so.1", "libnsl.so.1", "libpthread.so.0", "libresolv.so.2", "librt.so.1",
         "libthread_db.so.1", "libutil.so.1"}


def output(*words):
    return subprocess.run(words, capture_output=True, check=True, text=True).stdout


def dynamic(path, what):
    """The values of one kind of entry in a file's dynamic section, as SONAME or NEEDED."""
    return re.findall(rf"\({what}\).*\[(.*)\]", output("readelf", "-dW", path))


def found(name, cc="cc"):
    """Where the linker finds a library, by its name as after -l."""
    path = output(*cc.split(), f"-print-file-name=lib{name}.so").strip()
    if "/" not in path:
        raise SystemExit(f"lib{name}.so is not there: install its development package")
    return Path(path).resolve()


def closure(paths):
    """{name that is loaded: file} of these libraries and of all that they need but the C library."""
    all_of_them = {}
    for path in map(Path, paths):
        all_of_them[dynamic(path, "SONAME")[0]] = path
        for name, arrow, where in re.findall(r"^\s*(\S+) (=>) (.+?)(?: \(0x.*)?$", output("ldd", path), re.M):
            if where == "not found":
                raise SystemExit(f"{path} needs {name}, which is not found: install its package")
            all_of_them.setdefault(name, Path(where))
    return {name: path.resolve() for name, path in sorted(all_of_them.items()) if name not in GLIBC}


def packages(paths):
    """{file: Debian's package that it is from}."""
    owners = {}
    for path in paths:
        # dpkg knows a file by the name that its package gave it, from before /lib became a link
        for name in (str(path), str(path).removeprefix("/usr")):
            done = subprocess.run(["dpkg-query", "-S", name], capture_output=True, text=True, check=False)
            if done.returncode == 0:
                owners[path] = re.match(r"[^:, ]+", done.stdout)[0]
                break
        else:
            raise SystemExit(f"{path} is from no Debian package, so its licence is not known.\n"
                             "  Set the libraries up with -Dbundle=false to use those of the system")
    return owners
