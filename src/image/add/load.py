"""The second of the two runs that add packages to an image (add.h): its state is the new image.

Standard input is what prepare.py wrote. The files go to site-packages, the modules are imported, and
what this run leaves behind is taken away again, so that the next finds __main__ as ever. It fails with a
traceback that begins in the packages.
"""


def _load():
    import gc
    import importlib
    import json
    import linecache
    import os
    import sys
    import tempfile

    site = "/usr/lib/python3.13/site-packages"
    piece = 1 << 16

    def copy(path, size):
        """In pieces: what is freed again stays in the image, too."""
        folder = os.path.dirname(path)
        if folder not in made:
            os.makedirs(folder, exist_ok=True)
            made.add(folder)
        with open(path, "wb", buffering=0) as file:
            while size:
                data = sys.stdin.buffer.read1(min(size, piece))
                if not data:
                    raise SystemExit("what the host sends is cut short")
                file.write(data)
                size -= len(data)

    def forget_frames(error):
        """The frames of this file and of the import system say nothing to the reader."""
        frames = error.__traceback__
        while frames is not None and (frames.tb_frame.f_code.co_filename == __file__ or
                                      frames.tb_frame.f_code.co_filename.startswith("<frozen importlib")):
            frames = frames.tb_next
        return frames

    made = set()
    head = json.loads(sys.stdin.buffer.readline())
    try:
        for path, size in head["files"]:
            copy(f"{site}/{path}", size)
    except (MemoryError, OSError) as error:
        raise SystemExit(f"there is no room for the packages: {error or 'no memory'}") from None
    del made
    if site not in sys.path:
        sys.path.append(site)
    from cloche import run
    run.packages[:] = sorted({*run.packages, *head["packages"]}, key=str.lower)
    importlib.invalidate_caches()
    for name in head["imports"]:
        try:
            importlib.import_module(name)
        except BaseException as error:
            import traceback

            lines = traceback.format_exception(type(error), error, forget_frames(error))
            sys.stderr.write("".join(lines))
            raise SystemExit(f"the import of {name} failed") from None
    head.clear()
    linecache.clearcache()
    tempfile.tempdir = "/tmp"
    os.chdir("/tmp")
    sys.path_importer_cache.clear()
    gc.collect()


def _leave():
    import _cloche

    for name in ("_load", "_leave"):
        globals().pop(name, None)
    _cloche.settle()


_load()
_leave()
