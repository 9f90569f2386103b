#!/usr/bin/python3
"""Make the lock files anew: `tests/e2e/python/lock.py [FOLDER…]` writes FOLDER/requirements.txt, every
package that FOLDER/wanted.txt comes to, by version and hash, for the Python of this system. To take
newer clients, write their versions into wanted.txt first."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
PYTHON = "/usr/bin/python3"


def resolve(wanted):
    """[(name, version, SHA-256 of the wheel)] of all that is needed, by pip's own choice."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([PYTHON, "-m", "venv", folder], check=True)
        report = Path(folder, "report.json")
        subprocess.run([f"{folder}/bin/pip", "install", "--quiet", "--dry-run", "--ignore-installed",
                        "--only-binary", ":all:", "--report", report, "-r", wanted], check=True)
        chosen = json.loads(report.read_text())["install"]
    return sorted((one["metadata"]["name"].lower().replace("_", "-"), one["metadata"]["version"],
                   one["download_info"]["archive_info"]["hashes"]["sha256"]) for one in chosen)


def lock(folder):
    rows = [f"{name}=={version} --hash=sha256:{digest}" for name, version, digest
            in resolve(folder / "wanted.txt")]
    head = f"# Written by lock.py from wanted.txt, for Python {sys.version_info[0]}.{sys.version_info[1]}."
    (folder / "requirements.txt").write_text("\n".join([head, *rows, ""]))
    print(f"{folder.name}: {len(rows)} packages")


if __name__ == "__main__":
    chosen = map(Path, sys.argv[1:]) if len(sys.argv) > 1 else (one.parent for one in HERE.glob("*/wanted.txt"))
    for place in chosen:
        lock(place)
