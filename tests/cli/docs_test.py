"""The files, folders and functions that the documents name are there; docs/tour.md and
docs/architecture.md name a file beside each function, and it is there. Needs no build."""

import re
import subprocess
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = ("docs/tour.md", "docs/architecture.md")
ENDINGS = "c|h|S|py|md|sh|yaml|json|build|txt|mjs"
OTHERS = {"agent.yaml"}  # what a user has, and is no file of the tree
CODE = re.compile(r"`([^`\n]+(?:\n[^`\n]+)?)`")
FILE = re.compile(rf"(?:[\w.-]+/)*[\w.-]+\.(?:{ENDINGS})")
FUNCTION = re.compile(r"(clo_\w+)(?:\(\))?|([a-z_]\w+)\(\)")


def tracked():
    listing = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                             stdout=subprocess.PIPE, check=True, text=True)
    return [path for path in listing.stdout.splitlines() if (ROOT / path).is_file()]


def paragraphs(text):
    """Pieces of prose, one for each paragraph, item of a list and row of a table; no drawings."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    return [piece for piece in re.split(r"\n\s*\n|\n(?=[-|] ?)", text) if piece.strip()]


def defines(path, name):
    """Is the function defined in that file: its name at the start of a line that is no declaration?"""
    text = (ROOT / path).read_text(encoding="utf-8", errors="replace")
    if path.endswith(".S"):
        return re.search(rf"^{name}:", text, re.M) is not None
    return re.search(rf"^[A-Za-z_][^;\n=]*\b{name}\([^;{{]*\n?\{{", text, re.M) is not None


class Names:
    """The files that a document names, in the order in which it does."""

    def __init__(self, files):
        self.files, self.folders = set(files), {}
        for path in files:
            self.folders.setdefault(Path(path).name, []).append(path)
        self.seen = []  # folders named so far

    def resolve(self, name, here):
        """(path or None, what is wrong): a path from the root, a base name that stands in a folder
        named before it in this piece, or one that only one folder has."""
        if "/" in name:
            return (name, "") if name in self.files else (None, "there is no such file")
        beside = [f"{folder}/{name}" for folder in reversed(here) if f"{folder}/{name}" in self.files]
        paths = self.folders.get(name, [])
        if beside:
            return beside[0], ""
        if len(paths) == 1:
            return paths[0], ""
        return None, f"it could be each of {', '.join(paths)}" if paths else "there is no such file"


def complaints(document, files):
    names = Names(files)
    text = (ROOT / document).read_text(encoding="utf-8")
    for piece in paragraphs(text):
        here, named, functions = [], [], []
        for code in CODE.findall(piece):
            code = re.sub(r"\s+", " ", code)
            function = FUNCTION.fullmatch(code)
            if function:
                functions.append(function[1] or function[2])
            if code.endswith("/") and not any(path.startswith(code) for path in files):
                yield f"{document}: `{code}`: there is no such folder"
            if not FILE.fullmatch(code) or code in OTHERS:
                continue
            path, wrong = names.resolve(code, here)
            if path is None:
                yield f"{document}: `{code}`: {wrong}"
                continue
            named.append(path)
            here.append(str(Path(path).parent))
        for name in functions:
            if not named:
                yield f"{document}: `{name}`: no file is named beside it"
            elif not any(defines(path, name) for path in named):
                yield f"{document}: `{name}` is defined in none of {', '.join(named)}"


def links(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        if not ((ROOT / document).parent / target).exists():
            yield f"{document}: the link {target} leads nowhere"


class Documents(unittest.TestCase):
    maxDiff = None

    def test_the_files_and_functions_that_are_named_are_there(self):
        files = tracked()
        for document in DOCUMENTS:
            with self.subTest(document):
                self.assertEqual([*complaints(document, files), *links(document)], [])

    def test_what_the_other_documents_name_is_there(self):
        files, wrong = tracked(), []
        sources = "".join((ROOT / path).read_text(encoding="utf-8") for path in files
                          if re.match(r"(src|include|guests)/.*\.[chS]$", path))
        for path in sorted((ROOT / "docs").glob("*.md")):
            document = f"docs/{path.name}"
            wrong += links(document)
            for code in CODE.findall(path.read_text(encoding="utf-8")):
                if "/" in code and FILE.fullmatch(code) and code not in files:
                    wrong.append(f"{document}: `{code}`: there is no such file")
                elif re.fullmatch(r"clo_\w+(\(\))?", code) and code.rstrip("()") not in sources:
                    wrong.append(f"{document}: `{code}`: the sources do not have it")
        self.assertEqual(wrong, [])

    def test_the_tour_names_the_four_places(self):
        text = (ROOT / "docs/tour.md").read_text(encoding="utf-8")
        for what in ("the check of a host call's arguments", "the restore after a run",
                     "a response's row in SQLite", "an event's bytes on the wire"):
            self.assertRegex(text, rf"(?m)^\| {re.escape(what)} \| .*`clo_\w+`")


if __name__ == "__main__":
    unittest.main()
