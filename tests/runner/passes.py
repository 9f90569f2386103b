"""The passes of a machine: which part of the suite has passed with which inputs, and when.

A pass is one file in the cache folder, PART/KEY.json, that holds the manifest of its inputs and what was
counted. It is written whole or not at all, is good for LIFETIME, and only for exactly its inputs. What
cannot be read is no pass.
"""

import json
import os
import re
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from .inputs import key

LIFETIME = 14 * 24 * 3600  # seconds
KEPT = 4  # passes of a part: those of some branches


@dataclass
class Pass:
    passed: int
    skipped: list  # (name, why) of each
    ended: float  # seconds since 1970
    seconds: float
    manifest: dict


def cache_folder():
    return Path(os.environ.get("CLOCHE_CACHE") or Path.home() / ".cache" / "cloche")


class Passes:
    def __init__(self, folder=None, now=time.time):
        self.folder = Path(folder or cache_folder() / "passes")
        self.now = now

    def _place(self, part):
        return self.folder / re.sub(r"[^\w.-]+", "-", part)

    def _read(self, path):
        try:
            found = Pass(**json.loads(path.read_text()))
            good = key(found.manifest) == path.stem and 0 <= self.now() - found.ended < LIFETIME
            return found if good and found.passed + len(found.skipped) > 0 else None
        except (OSError, ValueError, TypeError, AttributeError):
            return None

    def find(self, part, manifest):
        """The pass of a part with these inputs, or None."""
        return self._read(self._place(part) / f"{key(manifest)}.json")

    def add(self, part, made):
        place = self._place(part)
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=place, suffix=".new", delete=False) as file:
            json.dump(asdict(made), file)
        os.replace(file.name, place / f"{key(made.manifest)}.json")
        files = sorted(place.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in files[KEPT:]:
            old.unlink(missing_ok=True)

    def changes(self, part, manifest):
        """The names of the inputs that differ from those of the newest pass; None if there is none."""
        found = [one for one in map(self._read, self._place(part).glob("*.json")) if one]
        if not found:
            return None
        old = max(found, key=lambda one: one.ended).manifest
        return sorted(name for name in {*old, *manifest} if old.get(name) != manifest.get(name))
