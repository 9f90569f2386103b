# reads: letters.tar.xz
"""Ten thousand texts of two encodings: unpacked, words counted, packed again."""
import glob
import json
import os
import shutil
import tarfile
from collections import Counter
from pathlib import Path

with tarfile.open("/input/letters.tar.xz") as archive:
    archive.extractall("/tmp")
words, pairs, latin = Counter(), Counter(), 0
for name in sorted(glob.glob("/tmp/letters/*/*.txt")):
    data = Path(name).read_bytes()
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
        latin += 1
        Path(name).write_text(text, encoding="utf-8")
    these = text.split()
    words.update(these)
    pairs.update(zip(these, these[1:]))
order = lambda item: (-item[1], item[0])
with open("/output/words.json", "w", encoding="utf-8") as file:
    json.dump({"words": sorted(words.items(), key=order)[:500],
               "pairs": [[*pair, count] for pair, count in sorted(pairs.items(), key=order)[:200]]}, file, ensure_ascii=False)
for folder in ("00", "01"):
    shutil.copytree(f"/tmp/letters/{folder}", f"/output/letters/{folder}")
os.rename("/output/letters/01/0100.txt", "/output/first.txt")
os.remove("/output/letters/01/0101.txt")
shutil.rmtree("/tmp/letters")
print(latin, len(words), sum(words.values()), sorted(os.listdir("/output")))
