"""The standard library where people use it on files."""
import bz2
import configparser
import csv
import filecmp
import glob
import gzip
import json
import logging
import lzma
import os
import pathlib
import pickle
import shelve
import shutil
import sqlite3
import sys
import tarfile
import tempfile
import xml.etree.ElementTree as ET
import zipfile

base = sys.argv[1]
os.chdir(base)

with open("t.csv", "w", newline="") as f:
    w = csv.DictWriter(f, ["name", "value"])
    w.writeheader()
    w.writerows({"name": f"n{i}", "value": i * i} for i in range(2000))
with open("t.csv", newline="") as f:
    print(sum(int(r["value"]) for r in csv.DictReader(f)))
json.dump({"a": [1, 2, {"b": None}], "ä": "€"}, open("x.json", "w"), ensure_ascii=False)
print(json.load(open("x.json")))
pickle.dump({"k": (1, 2)}, open("p.pkl", "wb"))
print(pickle.load(open("p.pkl", "rb")))

with zipfile.ZipFile("z.zip", "w", zipfile.ZIP_DEFLATED) as z:
    z.write("t.csv")
    z.writestr("in/side.txt", "text " * 100)
    with z.open("stream", "w") as s:
        for _ in range(100):
            s.write(b"block" * 1000)
with zipfile.ZipFile("z.zip", "a") as z:
    z.writestr("later", "appended")
with zipfile.ZipFile("z.zip") as z:
    print(z.testzip(), sorted(z.namelist()), len(z.read("stream")))
    z.extractall("unzipped")
print(filecmp.cmp("t.csv", "unzipped/t.csv", shallow=False))

for kind in ("w", "w:gz", "w:bz2", "w:xz"):
    name = "t.tar." + kind[2:]
    with tarfile.open(name, kind) as t:
        t.add("unzipped", "top")
    with tarfile.open(name) as t:
        t.extractall("un" + kind[2:], filter="data") if hasattr(tarfile, "data_filter") else t.extractall("un" + kind[2:])
    print(sorted(os.path.join(a, x) for a, _, c in os.walk("un" + kind[2:]) for x in c))
for opener in (gzip.open, bz2.open, lzma.open):
    with opener("packed", "wt") as f:
        f.write("line\n" * 10000)
    with opener("packed", "rt") as f:
        print(sum(1 for _ in f))

c = sqlite3.connect("x.db")
c.execute("create table t (a integer primary key, b text)")
with c:
    c.executemany("insert into t (b) values (?)", [("x" * (i % 50),) for i in range(5000)])
print(c.execute("select count(*), sum(length(b)) from t").fetchone(), os.path.exists("x.db-journal"))
try:
    with c:
        c.execute("delete from t")
        print(c.execute("select count(*) from t").fetchone())
        raise KeyError
except KeyError:
    print(c.execute("select count(*) from t").fetchone())
with c:
    c.execute("create index i on t (b)")
    c.execute("update t set b = b || 'y' where a % 3 = 0")
c.execute("vacuum")
d = sqlite3.connect("copy.db")
c.backup(d)
d.close()
c.close()
c = sqlite3.connect("file:copy.db?mode=ro", uri=True)
print(c.execute("pragma integrity_check").fetchone(), c.execute("select sum(length(b)) from t").fetchone())
c.close()

os.mkdir("tree")
os.mkdir("tree/sub")
pathlib.Path("tree/sub/f.txt").write_text("copied")
pathlib.Path("tree/g").write_text("g")
os.utime("tree/g", (1_000_000_000, 1_100_000_000))
shutil.copytree("tree", "tree2")
shutil.copy("tree/g", "copied")
shutil.copy2("tree/g", "copied2")
shutil.copyfile("tree/g", "copied3")
print(os.stat("copied2").st_mtime, os.stat("tree2/g").st_mtime, open("copied").read() + open("copied3").read())
shutil.move("tree2", "moved")
outside = tempfile.mkdtemp()
shutil.move("moved", outside)
print(sorted(os.listdir(outside + "/moved")), os.path.exists("moved"))
shutil.move(outside + "/moved", "back")
shutil.move("copied3", outside)
shutil.move(outside + "/copied3", "back/again")
print(sorted(os.listdir("back")), os.listdir(outside), open("back/sub/f.txt").read())
shutil.rmtree(outside)
shutil.rmtree("back")
print(shutil.make_archive("archive", "zip", "tree").replace(base, ""), os.path.exists("back"))
shutil.unpack_archive("archive.zip", "unpacked")
print(sorted(glob.glob("un*/**", recursive=True, root_dir=base)))

with tempfile.TemporaryDirectory(dir=base) as name:
    pathlib.Path(name, "x").write_text("x")
with tempfile.NamedTemporaryFile("w+", dir=base, suffix=".txt") as f:
    f.write("temporary")
    f.seek(0)
    print(f.read(), os.path.exists(f.name))
with tempfile.TemporaryFile(dir=base) as f:
    f.write(b"nameless")
    f.seek(0)
    print(f.read())
config = configparser.ConfigParser()
config["section"] = {"key": "value"}
with open("c.ini", "w") as f:
    config.write(f)
print(configparser.ConfigParser().read("c.ini"))
ET.ElementTree(ET.fromstring("<a><b>t</b></a>")).write("x.xml", encoding="utf-8", xml_declaration=True)
print(ET.parse("x.xml").getroot()[0].text)
handler = logging.FileHandler("run.log")
logging.getLogger("x").addHandler(handler)
logging.getLogger("x").error("logged")
handler.close()
logging.getLogger("x").removeHandler(handler)
print(open("run.log").read())
for name in ("packed", "t.tar.gz", "t.tar.xz", "t.tar.bz2", "t.tar.", "x.db", "copy.db", "z.zip", "archive.zip"):
    print(os.path.getsize(name) > 0)
    os.remove(name)
print(len(glob.glob(base + "/*")))
