"""The time zones of Debian's tzdata, for zoneinfo, without a file system.

zoneinfo asks importlib.resources for "tzdata.zoneinfo.<area>" and the zone's name in it. These
packages are made here on demand and answered from one table, tzdata._zones.ZONES, which the image
build writes: zone name -> zlib-compressed TZif data, or the name of the zone that it equals.
"""

import io
import sys
import zlib
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.resources.abc import Traversable, TraversableResources

from ._zones import VERSION, ZONES

IANA_VERSION = VERSION
_ROOT = __name__
_TOP = _ROOT + ".zoneinfo"


def _areas():
    found = {""}
    for name in ZONES:
        while "/" in name:
            name = name.rpartition("/")[0]
            found.add(name)
    return found


_AREAS = _areas()


def _data(name):
    value = ZONES[name]
    return _data(value) if isinstance(value, str) else zlib.decompress(value)


class _Entry(Traversable):
    """A place in the tree: "" is the package itself, "zones" the list of all zone names."""

    def __init__(self, path):
        self._path = path

    @property
    def name(self):
        return self._path.rpartition("/")[2] or _ROOT

    def _zone(self):
        return self._path.removeprefix("zoneinfo").removeprefix("/")

    def is_dir(self):
        if self._path in ("", "zoneinfo"):
            return True
        return self._path.startswith("zoneinfo/") and self._zone() in _AREAS

    def is_file(self):
        if self._path == "zones":
            return True
        return self._path.startswith("zoneinfo/") and self._zone() in ZONES

    def iterdir(self):
        if not self.is_dir():
            raise NotADirectoryError(self._path)
        if not self._path:
            names = {"zones", "zoneinfo"}
        else:
            start = self._zone() + "/" if self._zone() else ""
            names = {
                name[len(start):].partition("/")[0] for name in ZONES if name.startswith(start)
            }
        return iter([self.joinpath(name) for name in sorted(names)])

    def joinpath(self, *parts):
        path = "/".join([self._path, *map(str, parts)]).strip("/")
        return _Entry(path)

    def open(self, mode="r", *args, **kwargs):
        if self.is_dir():
            raise IsADirectoryError(self._path)
        if not self.is_file():
            raise FileNotFoundError(self._path)
        if self._path == "zones":
            data = "".join(name + "\n" for name in sorted(ZONES)).encode()
        else:
            data = _data(self._zone())
        stream = io.BytesIO(data)
        return stream if "b" in mode else io.TextIOWrapper(stream, *args, **kwargs)


class _Reader(TraversableResources):
    def __init__(self, path):
        self._path = path

    def files(self):
        return _Entry(self._path)


class _Zones(MetaPathFinder, Loader):
    """Makes the package tzdata.zoneinfo and one package for each area below it."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname != _TOP and not fullname.startswith(_TOP + "."):
            return None
        if fullname[len(_TOP) + 1:].replace(".", "/") not in _AREAS:
            return None
        return ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        return None

    def get_resource_reader(self, fullname):
        return _Reader(fullname[len(_ROOT) + 1:].replace(".", "/"))


sys.meta_path.append(_Zones())
__spec__.loader = _Zones()
