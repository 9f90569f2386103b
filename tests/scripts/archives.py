# Archives and tables: zipfile and tarfile in memory, TOML, plist, heap of small formats, string I/O.
import io
import plistlib
import tarfile
import tomllib
import zipfile
from datetime import datetime

buffer = io.BytesIO()
with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
    archive.writestr("readme.txt", "hello " * 100)
    archive.writestr(zipfile.ZipInfo("data/blob.bin", (2024, 1, 2, 3, 4, 6)), bytes(range(256)), zipfile.ZIP_STORED)
    archive.writestr("data/lzma.txt", "x" * 500, zipfile.ZIP_LZMA)
    archive.writestr("data/bz2.txt", "y" * 500, zipfile.ZIP_BZIP2)
with zipfile.ZipFile(buffer) as archive:
    print(archive.namelist(), archive.testzip())
    info = archive.getinfo("data/blob.bin")
    print(info.file_size, info.date_time, info.CRC, archive.getinfo("readme.txt").compress_size < 600)
    print(archive.read("readme.txt")[:6], archive.read("data/lzma.txt")[:3], len(archive.read("data/bz2.txt")))
    with archive.open("data/blob.bin") as member:
        print(member.read(4), member.seekable())
    print([p.name for p in zipfile.Path(archive).joinpath("data").iterdir()])
try:
    zipfile.ZipFile(io.BytesIO(b"not a zip"))
except zipfile.BadZipFile as error:
    print(error)
for mode in ("w", "w:gz", "w:bz2", "w:xz"):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as archive:
        for name, content in (("a.txt", b"alpha"), ("dir/b.txt", b"beta" * 1000)):
            member = tarfile.TarInfo(name)
            member.size, member.mtime, member.mode = len(content), 1_600_000_000, 0o640
            archive.addfile(member, io.BytesIO(content))
    packed.seek(0)
    with tarfile.open(fileobj=packed) as archive:
        print(mode, [(m.name, m.size, oct(m.mode)) for m in archive], archive.extractfile("a.txt").read())
document = tomllib.loads("""
title = "TOML \\u00e9"
[owner]
born = 1979-05-27T07:32:00Z
tags = ["a", "b", ]
[[servers]]
ip = "10.0.0.1"
ports = [0x1F, 1_000, 1e3]
[[servers]]
ip = '''raw\\n'''
inline = { x = 1, y.z = true }
""")
print(document)
for bad in ("a = ", "a = 1\na = 2", "[x", "a = 01"):
    try:
        tomllib.loads(bad)
    except tomllib.TOMLDecodeError as error:
        print(str(error)[:50])
plist = plistlib.dumps({"name": "x", "when": datetime(2024, 1, 2), "data": b"\x01", "list": [1, 2.5, True]})
print(plistlib.loads(plist), plist.startswith(b"<?xml"), plistlib.loads(plistlib.dumps([1, "é"], fmt=plistlib.FMT_BINARY)))
