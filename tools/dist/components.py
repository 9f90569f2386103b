"""What others made and an installation has in it: the shared libraries, and what is compiled into the
program and the image. Of each its version, where it comes from, its licence's text."""

import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import libraries

HERE = Path(__file__).resolve().parent
COMMON = Path("/usr/share/common-licenses")  # whose texts Debian's copyright files name instead of repeating
CACHE = Path(os.environ.get("CLOCHE_CACHE") or Path.home() / ".cache/cloche")

# Licences by SPDX's names, where this is more than the copyright file's own words would tell.
DECLARED = {
    "brotli": "MIT", "curl": "curl", "gmp": "LGPL-3.0-or-later OR GPL-2.0-or-later",
    "gnutls28": "LGPL-2.1-or-later", "jansson": "MIT", "keyutils": "LGPL-2.0-or-later", "krb5": "MIT",
    "libffi": "MIT", "libidn2": "LGPL-3.0-or-later OR GPL-2.0-or-later", "libmicrohttpd": "LGPL-2.1-or-later",
    "libpsl": "MIT", "libseccomp": "LGPL-2.1-only", "libssh2": "BSD-3-Clause", "libtasn1-6": "LGPL-2.1-or-later",
    "libunistring": "LGPL-3.0-or-later OR GPL-2.0-or-later", "libyaml": "MIT",
    "libzstd": "BSD-3-Clause OR GPL-2.0-only", "nettle": "LGPL-3.0-or-later OR GPL-2.0-or-later",
    "nghttp2": "MIT", "openldap": "OLDAP-2.8", "openssl": "Apache-2.0", "p11-kit": "BSD-3-Clause",
    "pcre2": "BSD-3-Clause", "rtmpdump": "LGPL-2.1-or-later", "sqlite3": "blessing", "zlib": "Zlib",
}


@dataclass
class Component:
    name: str  # Debian's package
    version: str
    source: str  # Debian's source package, and its version: what a licence's offer of sources is about
    source_version: str
    suite: str
    part: str  # "library", "program" or "image"
    licence: str  # SPDX's expression, or "NOASSERTION"
    text: str  # the copyright file
    files: list = field(default_factory=list)  # names below lib/cloche


def suite():
    return re.search(r"^VERSION_CODENAME=(\w+)", Path("/etc/os-release").read_text(), re.M)[1]


def installed(name, part, licence=None):
    """A package of this system."""
    form = "${Version}\t${source:Package}\t${source:Version}\n"
    version, source, source_version = libraries.output("dpkg-query", "-W", "-f", form, name).splitlines()[0].split("\t")
    text = Path(f"/usr/share/doc/{name}/copyright").read_text(encoding="utf-8", errors="replace")
    return Component(name, version, source, source_version, suite(), part,
                     licence or DECLARED.get(source, "NOASSERTION"), text)


def shared(paths):
    """A component for each package that these files are from."""
    owners = libraries.packages(paths.values())
    made = {}
    for name, path in paths.items():
        package = owners[path]
        made.setdefault(package, None)
        made[package] = made[package] or installed(package, "library")
        made[package].files.append(name)
    return [made[name] for name in sorted(made)]


def from_tar(words, member):
    """One file of an archive, which `words` write as a tar to standard output or name; None: it has none."""
    with subprocess.Popen(words, stdout=subprocess.PIPE) as tar:
        done = subprocess.run(["tar", "-xO", member], stdin=tar.stdout, capture_output=True, check=False)
        tar.stdout.read()
    return done.stdout.decode("utf-8", "replace") or None


def image_list():
    """{package: licence, or "tool"} of image.txt."""
    lines = (HERE / "image.txt").read_text().splitlines()
    return dict(line.split(None, 1) for line in lines if line and not line.startswith("#"))


def fetched(name, licence, fetch, kind, version):
    """A package of those that tools/image/fetch.sh has had from Debian."""
    file_version = version.replace(":", "%3a")
    if kind == "deb":
        [path] = fetch.glob(f"deb/{name}_{file_version}_*.deb")
        # some packages' folder of documents is a link to that of another
        documents = {"tzdata-legacy": "tzdata"}.get(name, name)
        if documents != name:
            [path] = fetch.glob(f"deb/{documents}_*.deb")
        text = from_tar(["dpkg-deb", "--fsys-tarfile", path], f"./usr/share/doc/{documents}/copyright")
        source = re.match(r"(\S*)(?: \((.*)\))?", libraries.output("dpkg-deb", "-f", path, "Source").strip())
        source, source_version = source[1] or name, source[2] or version
    else:
        [path] = fetch.glob(f"src/{name}_{version.partition(':')[2] or version}.debian.tar.*")
        text = from_tar(["sh", "-c", 'case $0 in *.xz) xz -dc "$0" ;; *.bz2) bzip2 -dc "$0" ;; *) gzip -dc "$0" ;; esac',
                         path], "debian/copyright")
        source, source_version = name, version
    if not text:
        raise SystemExit(f"{path} has no copyright file")
    wanted = (line.split() for line in (HERE.parent / "image/fetch.txt").read_text().splitlines())
    suites = {words[2]: words[0] for words in wanted if len(words) == 3 and words[0][0] != "#"}
    return Component(name, version, source, source_version, suites[name].replace("host", suite()), "image",
                     licence, text)


def image():
    """What is compiled into the image."""
    fetch = CACHE / "work/fetch"
    try:
        rows = (line.split() for line in (fetch / "versions.txt").read_text().splitlines())
        versions = {name: (kind, version) for kind, name, version in rows}
    except FileNotFoundError as error:
        raise SystemExit(f"{error.filename} is missing, which says what the image is made of.\n"
                         "  make image fetches it again") from error
    made = []
    for name, licence in image_list().items():
        if licence == "tool":
            continue
        if name in versions:
            made.append(fetched(name, licence, fetch, *versions[name]))
        else:  # of the compilers
            made.append(installed(name, "image", licence))
    return made


def common_texts(components):
    """{name: text} of the licences that the copyright files only name."""
    named = set()
    for component in components:
        named |= set(re.findall(rf"{COMMON}/([A-Za-z0-9.-]*[A-Za-z0-9])", component.text))
    return {name: (COMMON / name).read_text(encoding="utf-8") for name in sorted(named) if (COMMON / name).is_file()}
