"""Write the table of time zones that guests/python/lib/tzdata serves.

  zones.py OUT.py ZONEINFO VERSION    ZONEINFO: Debian's /usr/share/zoneinfo, unpacked

Each zone's TZif file, compressed; a zone equal to one that came before is only its name.
"""

import os
import sys
import zlib


def main():
    out, root, version = sys.argv[1:]
    names = {}
    for folder, subfolders, files in os.walk(root):
        if folder == root:
            subfolders[:] = [name for name in subfolders if name not in ("posix", "right")]
        for file in files:
            path = os.path.join(folder, file)
            name = os.path.relpath(path, root)
            if name in ("localtime", "posixrules") or not os.path.exists(path):
                continue
            with open(path, "rb") as zone:
                data = zone.read()
            if data.startswith(b"TZif"):
                names[name] = data
    zones = {}
    first = {}
    for name in sorted(names):
        data = names[name]
        zones[name] = first.setdefault(data, name)
        if zones[name] == name:
            zones[name] = zlib.compress(data, 9)
    with open(out, "w", encoding="ascii") as table:
        table.write(f"VERSION = {version!r}\nZONES = {{\n")
        table.writelines(f"    {name!r}: {value!r},\n" for name, value in zones.items())
        table.write("}\n")
    print(f"image-note: {len(zones)} zones")


main()
