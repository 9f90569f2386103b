"""The table of clients in docs/http-api.md has what the lock files pin, all of it and nothing else."""

import json
import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
E2E = ROOT / "tests" / "e2e"
NO_CLIENTS = {"node", "zod", "@langchain/core"}  # what the tests need besides


def in_table(registry):
    """{(package, version)} of the rows of a registry."""
    rows = re.findall(rf"^\| {registry} \| (.*?) \|", (ROOT / "docs" / "http-api.md").read_text(), re.M)
    return {pair for row in rows for pair in re.findall(r"`([^`]+)` (\d+\.[\w.]+)", row)}


def pinned_npm():
    packages = json.loads((E2E / "package-lock.json").read_text())["packages"]
    direct = [packages["node_modules/" + name] | {"as": name} for name in packages[""]["devDependencies"]]
    return {(one.get("name", one["as"]), one["version"]) for one in direct} - {
        (name, packages["node_modules/" + name]["version"]) for name in NO_CLIENTS}


def python_locks():
    """Of each folder: what is wanted, {package: version}, and all that is locked."""
    for wanted in E2E.glob("python/*/wanted.txt"):
        lock = wanted.with_name("requirements.txt").read_text()
        yield (dict(re.findall(r"^([a-z][\w-]*)\S*?==(\S+)$", wanted.read_text(), re.M)),
               dict(re.findall(r"^(\S+)==(\S+) --hash=sha256:[0-9a-f]{64}$", lock, re.M)))


class ClientsTable(unittest.TestCase):
    def test_npm(self):
        self.assertEqual(in_table("npm"), pinned_npm())

    def test_pypi(self):
        wanted = {pair for wanted, _ in python_locks() for pair in wanted.items()}
        self.assertEqual(in_table("PyPI"), wanted)
        self.assertGreater(len(wanted), 5)

    def test_python_locks_were_made_of_what_is_wanted(self):
        for wanted, locked in python_locks():
            self.assertLessEqual(wanted.items(), locked.items())
