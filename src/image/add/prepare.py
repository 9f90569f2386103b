"""The first of the two runs that add packages to an image (add.h): what came is checked, unpacked and
compiled, and none of it is run.

Standard input: a line of JSON, then the bytes of all files in its order.
    {"inputs": [{"wheel": FILE NAME, "size": N} or {"tree": NAME, "files": [[PATH, N], ...]}, ...],
     "imports": [MODULE, ...], "requirements": bool}
/output/packages, which is the second run's standard input: a line of JSON, then the bytes.
    {"files": [[PATH, N], ...], "imports": [...], "packages": ["name version", ...]}
Standard output: one line of JSON, {"packages": [{"name":, "version":, "modules": [...]}], "said": [TEXT]}
or {"error": TEXT, "hint": TEXT}.
"""

import base64
import csv
import hashlib
import importlib.metadata
import importlib.util
import io
import json
import os
import platform
import re
import stat
import sys
import warnings
import zipfile
from email.parser import BytesParser

SITE = "/usr/lib/python3.13/site-packages"
OUT = "/output/packages"
FILE_MAX = 64 << 20  # bytes of one file
TOTAL_MAX = 384 << 20  # of all of them together
FILES_MAX = 20000
PATH_MAX = 1000
METADATA_MAX = 4 << 20
NATIVE = (".so", ".pyd", ".dylib", ".dll", ".a", ".o")
NATIVE_NAME = re.compile(r"\.so(\.\d+)+$")
TESTS = {"test", "tests", "testing"}  # compiled only when somebody imports them


class Refused(Exception):
    def __init__(self, text, hint=""):
        super().__init__(text)
        self.hint = hint


said = []


def say(text):
    if len(said) < 200:
        said.append(text)


def shown(text):
    """A name out of a file that anybody may have made, for people."""
    text = ascii(str(text))
    return text if len(text) <= 200 else text[:197] + "..."


# ---- versions (PEP 440), requirements and their markers (PEP 508) ----

_VERSION = re.compile(
    r"v?(?:(\d+)!)?(\d+(?:\.\d+)*)"
    r"(?:[-_.]?(alpha|a|beta|b|preview|pre|c|rc)[-_.]?(\d*))?"
    r"(?:(-\d+)|[-_.]?(post|rev|r)[-_.]?(\d*))?"
    r"(?:[-_.]?(dev)[-_.]?(\d*))?(?:\+([a-z0-9]+(?:[-_.][a-z0-9]+)*))?", re.I)


def release(text):
    return tuple(int(part) for part in text.split("."))


def version_key(text):
    """What orders versions as PEP 440 says; None: it is none."""
    found = _VERSION.fullmatch(text.strip())
    if not found or len(text) > 200:
        return None
    epoch, numbers, pre, pre_number, implicit, post, post_number, dev, dev_number, local = found.groups()
    numbers = release(numbers)
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers = numbers[:-1]
    kind = {"alpha": "a", "beta": "b", "c": "rc", "pre": "rc", "preview": "rc"}
    if pre:
        pre_key = (0, kind.get(pre.lower(), pre.lower()), int(pre_number or 0))
    elif dev and not (post or implicit):
        pre_key = (-1,)
    else:
        pre_key = (1,)
    post_key = int(implicit[1:]) if implicit else int(post_number or 0) if post else -1
    dev_key = int(dev_number or 0) if dev else float("inf")
    parts = tuple((1, int(part), "") if part.isdigit() else (0, 0, part)
                  for part in re.split(r"[-_.]", local.lower())) if local else ()
    return int(epoch or 0), numbers, pre_key, post_key, dev_key, parts


def without_local(key):
    return key[:5] + ((),)


def satisfies_one(version, operator, wanted):
    have = version_key(version)
    if operator == "===":
        return version.lower() == wanted.lower()
    if have is None:
        return True  # no version that could be compared
    if operator in ("==", "!=") and wanted.endswith(".*"):
        want = version_key(wanted[:-2])
        if want is None:
            raise ValueError(wanted)
        numbers = release(_VERSION.fullmatch(wanted[:-2].strip())[2])
        padded = have[1] + (0,) * len(numbers)
        same = have[0] == want[0] and padded[:len(numbers)] == numbers
        return same if operator == "==" else not same
    want = version_key(wanted)
    if want is None:
        raise ValueError(wanted)
    if not want[5]:
        have = without_local(have)
    match operator:
        case "==":
            return have == want
        case "!=":
            return have != want
        case "<=":
            return have <= want
        case ">=":
            return have >= want
        case "<":
            return have < want and not (have[1] == want[1] and have[2][0] < 1 and want[2][0] == 1)
        case ">":
            return have > want and not (have[1] == want[1] and have[3] >= 0 and want[3] < 0)
        case "~=":
            numbers = release(_VERSION.fullmatch(wanted.strip())[2])
            return have >= want and satisfies_one(
                version, "==", ".".join(map(str, numbers[:-1])) + ".*")
    raise ValueError(operator)


def satisfies(version, specifiers):
    for specifier in filter(None, (part.strip() for part in specifiers.split(","))):
        found = re.fullmatch(r"(===|==|!=|<=|>=|~=|<|>)\s*(\S+)", specifier)
        if not found:
            raise ValueError(specifier)
        if not satisfies_one(version, *found.groups()):
            return False
    return True


PYTHON = ".".join(map(str, sys.version_info[:3]))
ENVIRONMENT = {
    "python_version": "{}.{}".format(*sys.version_info[:2]), "python_full_version": PYTHON,
    "os_name": os.name, "sys_platform": sys.platform, "platform_machine": platform.machine(),
    "platform_system": platform.system(), "platform_release": "", "platform_version": "",
    "platform_python_implementation": "CPython", "implementation_name": "cpython",
    "implementation_version": PYTHON, "extra": "",
}
_TOKEN = re.compile(r"\s*(?:([()])|('[^']*'|\"[^\"]*\")|(===|==|!=|<=|>=|~=|<|>)|(not\s+in\b)|([\w.]+))")


class Marker:
    """`python_version < "3.8" and extra == "x"`, read and decided at once."""

    def __init__(self, text):
        self.tokens, at = [], 0
        while text[at:].strip():
            found = _TOKEN.match(text, at)
            if not found or len(self.tokens) > 1000:
                raise ValueError(text)
            self.tokens.append("not in" if found[4] else found[0].strip())
            at = found.end()
        self.depth = 0

    def take(self, *wanted):
        if self.tokens and (not wanted or self.tokens[0] in wanted):
            return self.tokens.pop(0)
        return None

    def either(self):
        value = self.both()
        while self.take("or"):
            value = self.both() or value
        return value

    def both(self):
        value = self.one()
        while self.take("and"):
            value = self.one() and value
        return value

    def one(self):
        if self.take("("):
            self.depth += 1
            value = self.either()
            if self.depth > 50 or not self.take(")"):
                raise ValueError("brackets")
            self.depth -= 1
            return value
        left, operator, right = self.take(), self.take(), self.take()
        if right is None:
            raise ValueError("a comparison is not whole")
        version = "version" in left or "version" in right
        left, right = self.value(left), self.value(right)
        if operator == "in":
            return left in right
        if operator == "not in":
            return left not in right
        if version and version_key(left) and version_key(right.removesuffix(".*")):
            return satisfies_one(left, operator, right)
        return {"==": left == right, "!=": left != right, "<": left < right, ">": left > right,
                "<=": left <= right, ">=": left >= right}[operator]

    @staticmethod
    def value(token):
        return token[1:-1] if token[0] in "'\"" else ENVIRONMENT[token]


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def requirement(text):
    """(name, specifiers), or None where it is not asked for here."""
    text, _, marker = text.partition(";")
    found = re.fullmatch(r"\s*([A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\])?\s*(?:\(([^)]*)\)|(@.*|[^@(]*))\s*", text)
    if not found:
        raise ValueError(text)
    if marker.strip():
        parsed = Marker(marker)
        wanted = parsed.either()
        if parsed.tokens:
            raise ValueError(marker)
        if not wanted:
            return None
    specifiers = found[2] or found[3] or ""
    return found[1], "" if specifiers.startswith("@") else specifiers.strip()


# ---- files on their way into the image ----

class Files:
    """Path in site-packages: where its bytes are, and whose it is."""

    def __init__(self):
        self.all, self.total = {}, 0

    def add(self, path, data, owner):
        if len(data) > FILE_MAX:
            raise Refused(f"{owner}: {shown(path)} has {len(data)} bytes, at most {FILE_MAX} are possible")
        self.total += len(data)
        if self.total > TOTAL_MAX or len(self.all) >= FILES_MAX:
            raise Refused(f"{owner}: with it there are more than {FILES_MAX} files or {TOTAL_MAX >> 20} MiB",
                          "add fewer packages")
        if path in self.all:
            raise Refused(f"{shown(path)} is in both {self.all[path][1]} and {owner}", "leave one of them out")
        self.all[path] = data, owner


def check_path(path, owner):
    parts = path.split("/")
    if (not path or len(path) > PATH_MAX or len(parts) > 60 or "\\" in path or path[0] == "/"
            or any(part in ("", ".", "..") or len(part.encode("utf-8", "surrogatepass")) > 255 for part in parts)
            or any(ord(c) < 32 or ord(c) == 127 or 0xd800 <= ord(c) < 0xe000 for c in path)
            or ":" in parts[0]):
        raise Refused(f"{owner}: a file in it is called {shown(path)}, which leads out of its folder or is "
                      "no name", "it was not made by an honest tool: get it from its source again")


def check_native(path, owner):
    name = path.rpartition("/")[2].lower()
    if name.endswith(NATIVE) or NATIVE_NAME.search(name):
        raise Refused(
            f"{owner} has native code, {path.rpartition('/')[2]}, which the sandbox cannot run",
            "take a release of it in pure Python (a wheel that ends in none-any.whl), or the package's folder "
            "without that file, where it does without")


# ---- wheels ----

def read_entry(archive, info, owner, most=FILE_MAX):
    if info.file_size > most:
        raise Refused(f"{owner}: {shown(info.filename)} has {info.file_size} bytes, at most {most} are possible")
    try:
        with archive.open(info) as file:
            data = file.read(info.file_size + 1)
            if len(data) != info.file_size:
                raise zipfile.BadZipFile("its size is another than it says")
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError, OSError) as error:
        raise Refused(f"{owner}: {shown(info.filename)} cannot be unpacked: {error}",
                      "it is damaged: get it again") from None
    except Exception as error:
        if "zlib" not in type(error).__module__ and "lzma" not in type(error).__module__:
            raise
        raise Refused(f"{owner}: {shown(info.filename)} cannot be unpacked: {error}",
                      "it is damaged: get it again") from None
    return data


def entries_of(archive, owner):
    entries, total = {}, 0
    infos = archive.infolist()
    if len(infos) > FILES_MAX:
        raise Refused(f"{owner}: it has {len(infos)} files, at most {FILES_MAX} are possible")
    for info in infos:
        if info.is_dir():
            continue
        check_path(info.filename, owner)
        check_native(info.filename, owner)
        if stat.S_ISLNK(info.external_attr >> 16):
            raise Refused(f"{owner}: {shown(info.filename)} is a symbolic link, which a wheel must not have")
        if info.flag_bits & 1:
            raise Refused(f"{owner}: {shown(info.filename)} is encrypted")
        if info.filename in entries:
            raise Refused(f"{owner}: {shown(info.filename)} is in it twice")
        total += info.file_size
        if total > TOTAL_MAX:
            raise Refused(f"{owner}: unpacked it has more than {TOTAL_MAX >> 20} MiB")
        entries[info.filename] = info
    return entries


def record_of(text, owner):
    record = {}
    try:
        for row in csv.reader(io.StringIO(text.decode("utf-8"), newline="")):
            if row:
                record[row[0]] = row[1], row[2]
    except (UnicodeDecodeError, csv.Error, IndexError):
        raise Refused(f"{owner}: its RECORD cannot be read", "it is damaged: get it again") from None
    return record


def check_record(record, path, data, owner):
    digest, size = record[path]
    algorithm, _, value = digest.partition("=")
    if algorithm not in ("sha256", "sha384", "sha512"):
        raise Refused(f"{owner}: its RECORD has no SHA-256 of {shown(path)}",
                      "make the wheel anew, with a tool that writes it")
    real = base64.urlsafe_b64encode(hashlib.new(algorithm, data).digest()).rstrip(b"=").decode()
    if real != value.rstrip("=") or (size and size != str(len(data))):
        raise Refused(f"{owner}: {shown(path)} is not what its RECORD says (its hash is {algorithm}={real})",
                      "it is damaged or was altered: get it again")


def metadata_of(data):
    return BytesParser().parsebytes(data, headersonly=True)


def check_tags(wheel, owner):
    tags = [tag.strip() for tag in wheel.get_all("Tag") or []]
    minor = sys.version_info[1]
    pythons = {"py3", f"cp3{minor}", *(f"py3{older}" for older in range(minor + 1))}
    if not any(tag.endswith("-none-any") and tag.partition("-")[0] in pythons for tag in tags):
        raise Refused(f"{owner} is for {shown(', '.join(tags) or 'no platform')} only",
                      "take a wheel of it in pure Python, whose name ends in none-any.whl")


def take_wheel(files, name, data, packages):
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise Refused(f"{name} is no wheel: {error}",
                      "name a file of the form NAME-VERSION-py3-none-any.whl, or a folder") from None
    entries = entries_of(archive, name)
    infos = {path.split("/")[0] for path in entries if path.split("/")[0].endswith(".dist-info")}
    if len(infos) != 1 or not all(f"{folder}/{part}" in entries for folder in infos
                                  for part in ("METADATA", "RECORD", "WHEEL")):
        raise Refused(f"{name} is no wheel: it has not one .dist-info folder with METADATA, RECORD and WHEEL",
                      "of a source archive make one first: pip wheel --no-deps ARCHIVE")
    folder = infos.pop()
    part = lambda which: read_entry(archive, entries[f"{folder}/{which}"], name, METADATA_MAX)
    metadata, wheel = metadata_of(part("METADATA")), metadata_of(part("WHEEL"))
    check_tags(wheel, name)
    called, version = str(metadata["Name"] or "").strip(), str(metadata["Version"] or "").strip()
    if normal(folder.removesuffix(".dist-info")) != normal(f"{called}-{version}") or not version_key(version):
        raise Refused(f"{name}: its metadata are those of {shown(called)} {shown(version)}, its folder is "
                      f"{shown(folder)}", "get it from its source again")
    if name.lower().endswith(".whl") and normal("-".join(name.split("-")[:2])) != normal(f"{called}-{version}"):
        raise Refused(f"{name} holds {shown(called)} {shown(version)}", "give it its own name again")
    record = record_of(part("RECORD"), name)
    unsigned = {f"{folder}/RECORD", f"{folder}/RECORD.jws", f"{folder}/RECORD.p7s"}
    for path in sorted(record):
        if path not in entries and path not in unsigned and not path.endswith("/"):
            raise Refused(f"{name}: its RECORD has {shown(path)}, which is not in it",
                          "it is damaged: get it again")
    data_folder = folder.removesuffix(".dist-info") + ".data/"
    skipped = set()
    for path in sorted(entries):
        content = read_entry(archive, entries[path], name)
        if path not in unsigned:
            if path not in record:
                raise Refused(f"{name}: {shown(path)} is not in its RECORD",
                              "it was altered: get it again")
            check_record(record, path, content, name)
        if path.startswith(data_folder):
            kind, _, rest = path.removeprefix(data_folder).partition("/")
            if kind not in ("purelib", "platlib") or not rest:
                skipped.add(kind)
                continue
            path = rest
        if path.endswith(".pyc"):
            continue
        files.add(path, content, name)
    if skipped:
        say(f"{name}: left out: {', '.join(shown(kind) for kind in sorted(skipped))} (what it would install "
            "beside its modules)")
    packages.append(package(metadata, called, version, name))


def package(metadata, name, version, owner):
    needs = metadata["Requires-Python"]
    try:
        fits = not needs or satisfies(PYTHON, str(needs))
    except (ValueError, TypeError):
        fits = True
        say(f"{owner}: what it says of Python's version cannot be read: {shown(needs)}")
    if not fits:
        raise Refused(f"{owner} wants Python {shown(needs)}, the image has {PYTHON}",
                      "take a release of it for that version")
    return {"name": name, "version": version, "owner": owner,
            "requires": [str(one) for one in metadata.get_all("Requires-Dist") or []]}


# ---- folders ----

def take_tree(files, name, contents, packages):
    described, recorded = set(), {}
    for path, data in contents:
        check_path(path, name)
        check_native(path, name)
        files.add(path, data, name)
        parts = path.split("/")
        if len(parts) == 2 and parts[0].endswith((".dist-info", ".egg-info")) and \
                parts[1] in ("METADATA", "PKG-INFO") and parts[0] not in described:
            described.add(parts[0])
            metadata = metadata_of(data)
            called, version = str(metadata["Name"] or "").strip(), str(metadata["Version"] or "").strip()
            if called and version_key(version):
                packages.append({**package(metadata, called, version, name), "info": parts[0]})
        if len(parts) == 2 and parts[0].endswith(".dist-info") and parts[1] == "RECORD":
            recorded[parts[0]] = {one.partition("/")[0].removesuffix(".py") for one in record_of(data, name)}
    for one in packages:
        if one.get("info") in recorded:
            one["recorded"] = recorded[one["info"]]


# ---- all of them together ----

def top_level(files):
    """{module: owner} of what can be imported."""
    found = {}
    for path, (data, owner) in files.all.items():
        first, _, rest = path.partition("/")
        if not rest and first.endswith(".py"):
            found.setdefault(first.removesuffix(".py"), owner)
        elif rest and first.isidentifier() and rest.endswith(".py"):
            found.setdefault(first, owner)
    return found


def check_names(modules):
    frozen = {"cloche", "_cloche", "__main__", "__hello__"}
    for name, owner in sorted(modules.items()):
        if name in sys.stdlib_module_names or name in sys.builtin_module_names or name in frozen:
            raise Refused(f"{owner}: its module {name} is called as one of the standard library",
                          "rename it, or leave it out: the library's own would be imported")


def check_requirements(packages, present, modules, wanted):
    missing = []
    for one in packages:
        for text in one["requires"]:
            try:
                needed = requirement(text)
            except (ValueError, KeyError, IndexError, RecursionError):
                say(f"{one['owner']}: what it requires cannot be read, and is not looked for: {shown(text)}")
                continue
            if needed is None:
                continue
            name, specifiers = needed
            version = present.get(normal(name))
            if version is None and normal(name).replace("-", "_") in modules:
                continue  # a folder without metadata has it, in some version
            try:
                if version is not None and (not specifiers or satisfies(version, specifiers)):
                    continue
            except (ValueError, TypeError):
                say(f"{one['owner']}: which {name} it requires cannot be read: {shown(specifiers)}")
                continue
            is_there = f" ({version} is there)" if version is not None else ""
            missing.append(f"{one['name']} {one['version']} requires {name}"
                           f"{' ' + specifiers if specifiers else ''}{is_there}")
    if not missing:
        return
    text = "; ".join(missing[:20])
    if wanted:
        raise Refused(f"what packages require is missing: {text}",
                      "add --with and a wheel of each, or say --no-requirements where they do without")
    say(f"missing, as you wish: {text}")


def compile_all(files):
    """Bytecode beside each module, so that an import in a run compiles nothing."""
    from importlib import _bootstrap_external as machinery
    compiled = []
    for path, (data, owner) in files.all.items():
        parts = path.split("/")
        if not path.endswith(".py") or TESTS.intersection(parts[:-1]):
            continue
        try:
            code = compile(data, f"{SITE}/{path}", "exec", dont_inherit=True, optimize=0)
        except (SyntaxError, ValueError, RecursionError, UnicodeDecodeError) as error:
            say(f"{owner}: {path} is no Python {ENVIRONMENT['python_version']}: {shown(error)}")
            continue
        cached = importlib.util.cache_from_source(path)
        compiled.append((cached, machinery._code_to_hash_pyc(code, importlib.util.source_hash(data), False), owner))
    for cached, data, owner in compiled:
        files.add(cached, bytes(data), owner)


def report_of(packages, modules):
    """Whose modules are which cannot be told where several packages lie in one folder."""
    report, owners = [], [one["owner"] for one in packages]
    for one in packages:
        own = sorted(name for name, owner in modules.items() if owner == one["owner"] and name.isascii()
                     and not name.startswith("_") and name in one.get("recorded", modules))
        if "recorded" not in one and owners.count(one["owner"]) > 1:
            own = []
        report.append({"name": one["name"], "version": one["version"], "modules": own})
    for name, owner in modules.items():
        if owner not in owners and name.isascii():
            report.append({"name": name, "version": "", "modules": [name]})
    return sorted(report, key=lambda one: normal(one["name"]))


def read_exactly(size):
    data = sys.stdin.buffer.read(size)
    if len(data) != size:
        raise Refused("what the host sends is cut short")
    return data


def prepare():
    warnings.simplefilter("ignore")  # of what is compiled
    order = json.loads(sys.stdin.buffer.readline())
    files, packages = Files(), []
    old = {normal(one.metadata["Name"]): one.version for one in importlib.metadata.distributions(path=[SITE])}
    for one in order["inputs"]:
        if "wheel" in one:
            take_wheel(files, one["wheel"], read_exactly(one["size"]), packages)
        else:
            contents = [(path, read_exactly(size)) for path, size in one["files"]]
            take_tree(files, one["tree"], contents, packages)
    if not files.all:
        raise Refused("there is nothing to add: no file in what was named")
    modules = top_level(files)
    check_names(modules)
    for path, (data, owner) in files.all.items():
        if path.endswith(".pth") and "/" not in path:
            say(f"{owner}: {shown(path)} is not looked at: no folder is added to the path, and no line of it is run")
    present = dict(old)
    for one in packages:
        there = present.get(normal(one["name"]))
        if there is not None:
            raise Refused(f"{one['owner']}: {one['name']} {there} is there already",
                          "name each package once, and begin with an image that has it not (--from)")
        present[normal(one["name"])] = one["version"]
    for path, (data, owner) in files.all.items():
        if os.path.lexists(f"{SITE}/{path}") and not os.path.isdir(f"{SITE}/{path}"):
            raise Refused(f"{owner}: the image has {shown(path)} already",
                          "begin with an image that has it not (--from)")
    check_requirements(packages, present, modules, order["requirements"])
    compile_all(files)
    report = report_of(packages, modules)
    names = [f"{one['name']} {one['version']}".strip() + (
        f" ({', '.join(one['modules'])})" if one["modules"] not in ([], [one["name"]]) else "") for one in report]
    with open(OUT, "wb") as out:
        head = {"files": [[path, len(data)] for path, (data, owner) in sorted(files.all.items())],
                "imports": order["imports"], "packages": names}
        out.write(json.dumps(head).encode() + b"\n")
        for path, (data, owner) in sorted(files.all.items()):
            out.write(data)
    return {"packages": report, "said": said}


try:
    answer = prepare()
except Refused as refusal:
    answer = {"error": str(refusal), "hint": refusal.hint, "said": said}
except (MemoryError, OSError) as error:
    if isinstance(error, OSError) and error.errno not in (27, 28, 122):
        raise
    answer = {"error": f"there is no room for the packages: {type(error).__name__}",
              "hint": "give more with --memory, or add fewer", "said": said}
print(json.dumps(answer))
