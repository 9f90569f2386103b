"""Make the image of all modules and scripts: wasm2c, the edit of its header, the image's own scripts
for compiling and linking, `cloche image build`.

Everything is kept in a folder named by the hash of what it was made from.
"""

import concurrent.futures
import hashlib
import os
import re
import runpy
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import spelling
import tables
from script import Script

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TOOLS = ROOT / "tools" / "image"
RUNTIME = ROOT / "src" / "guest"
INCLUDE_IMPL = '#include "guest-impl.h"'
KEPT_IMAGES = 3
ONE_SCRIPT = threading.Lock()  # sys.argv is the process's


def run(words, **options):
    done = subprocess.run([str(word) for word in words], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, **options)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, words))}\n{done.stdout.decode('utf-8', 'replace')}")
    return done.stdout.decode("utf-8", "replace")


def digest(program, sources):
    """Of all that the image is made from."""
    files = sorted([*HERE.glob("*.py"), *HERE.glob("guest/*"), *RUNTIME.rglob("*.[chS]"),
                    *(ROOT / "src/abi").glob("*.h"), *(ROOT / "src/vm").rglob("*.c"),
                    *TOOLS.glob("*.sh"), TOOLS / "segments.py"])
    state = hashlib.sha256(run([program, "--version"]).encode() + run(["gcc", "--version"]).encode())
    for path in [*files, *sources]:
        state.update(f"{path.name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return state.hexdigest()[:16]


def read_scripts(folder, sources, wast2json):
    """Each script in a folder of its own, as JSON and modules; those that are there already stay."""
    def one(source):
        target = folder / source.stem
        if not (target / "script.json").exists():
            target.mkdir(parents=True, exist_ok=True)
            text = source.read_text("utf-8", "surrogateescape")
            wast = target / source.name
            wast.write_text(spelling.modern(text, source.stem), "utf-8", "surrogateescape")
            run([wast2json, wast, "-o", target / "script.json"])
        return Script(target, source.stem)

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        scripts = list(pool.map(one, sources))
    instances = [instance for script in scripts for instance in script.instances]
    for number, instance in enumerate(instances):
        instance.number = number
    return scripts


def put_memory_at_zero(folder):
    """The edit that the Python image's C gets: tools/image/segments.py base."""
    with ONE_SCRIPT:
        words, sys.argv = sys.argv, ["segments.py", "base", str(folder)]
        try:
            runpy.run_path(str(TOOLS / "segments.py"))
        finally:
            sys.argv = words


def translate(instance, folder, wasm2c):
    """One module to folder/guest_mN.c, or a file that says why wasm2c refuses it."""
    name = f"m{instance.number}"
    own = folder / name
    own.mkdir()
    sources = {old: f"m{source.number}" for old, source in instance.sources.items() if source}
    (own / "module.wasm").write_bytes(instance.module.renamed(sources))
    done = subprocess.run([wasm2c, "module.wasm", "-n", name, "--num-outputs=2", "-o", "guest.c"],
                          cwd=own, capture_output=True, text=True)
    if done.returncode:
        (own / "refused").write_text(done.stderr)
        return
    put_memory_at_zero(own)
    first, second = ((own / f"guest_{i}.c").read_text() for i in (0, 1))
    header = (own / "guest-impl.h").read_bytes() + (own / "guest.h").read_bytes()
    text = first + second.replace(INCLUDE_IMPL, "")
    text = text.replace(INCLUDE_IMPL, f'#include "{name}/guest-impl.h"')
    # The hash of the header is for compile.sh, which keeps objects by what their source holds.
    (folder / f"guest_{name}.c").write_text(
        f"/* {hashlib.sha256(header).hexdigest()} */\n{text}\nw2c_{name} play_instance_{name};\n")
    for i in (0, 1):
        (own / f"guest_{i}.c").unlink()


def translate_all(scripts, folder, wasm2c):
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda instance: translate(instance, folder, wasm2c),
                      [instance for script in scripts for instance in script.instances
                       if not instance.missing]))


def note_refusals(scripts, folder):
    """A module that wasm2c refuses lacks something: its groups are left out."""
    for script in scripts:
        for instance in script.instances:
            reason = folder / f"m{instance.number}" / "refused"
            if reason.exists():
                instance.missing.add("what wasm2c refuses: " + reason.read_text().split("\n")[0])


def write_tables(scripts, folder):
    """The scripts as C; the groups that are played, in the order of their numbers."""
    played = []
    play_h = (HERE / "guest" / "play.h").read_bytes()
    for script in scripts:
        groups = [group for group in script.groups if group.obstacle() is None]
        instances = {command.instance for group in groups for command, _ in group.all_commands()}
        writer = tables.Writer({instance: tables.Translated(
            instance, (folder / f"m{instance.number}" / "guest.h").read_text())
            for instance in instances})
        for group in groups:
            writer.group(len(played), group)
            played.append(group)
        (folder / f"guest_script_{re.sub('[^a-z0-9_]', '_', script.stem)}.c").write_text(
            f"/* {hashlib.sha256(play_h).hexdigest()} */\n{writer.text()}")
    (folder / "guest_scripts.c").write_text(tables.index(len(played)))
    return played


def compile_and_link(folder, program, cache):
    """The scripts that make the Python image, with a work folder of their own."""
    runtime = folder / "runtime"
    for source in filter(Path.is_file, RUNTIME.rglob("*")):
        place = runtime / source.relative_to(RUNTIME)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(source)
    for source in [*(HERE / "guest").glob("*.c"), *(HERE / "guest").glob("*.h")]:
        if source.name != "guest.h":
            (runtime / source.name).symlink_to(source)
    for name in ("guest.h", "play.h"):
        shutil.copy(HERE / "guest" / name, folder / "c" / name)
    (folder / "c" / "guest-impl.h").write_text("/* the modules have their own */\n")
    environment = {**os.environ, "CLOCHE_CACHE": str(cache), "CLOCHE_GUEST_RUNTIME": str(runtime)}
    run([TOOLS / "compile.sh", "plain", folder / "c", folder / "o", RUNTIME / "include"],
        env=environment)
    run([TOOLS / "runtime.sh", folder / "c", folder / "o", folder / "spec.elf"], env=environment)
    run([program, "image", "build", folder / "spec.elf", folder / "spec.image"])


def clean(cache, keep):
    """Of the images keep the given one and the newest others."""
    folders = sorted((path for path in cache.glob("image-*") if path != keep),
                     key=lambda path: path.stat().st_mtime, reverse=True)
    for old in folders[KEPT_IMAGES - 1:]:
        shutil.rmtree(old)
