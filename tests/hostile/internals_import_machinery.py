"""Finders, loaders and hooks that answer nonsense, and imports from inside imports."""
# expect: kind=ok stdout_has=end
import builtins
import importlib
import importlib.machinery
import sys
import types


class Nonsense:
    def find_spec(self, name, path=None, target=None):
        if name.startswith("nonsense"):
            spec = importlib.machinery.ModuleSpec(name, self, is_package=True)
            spec.submodule_search_locations = [spec]
            return spec
        return None

    def create_module(self, spec):
        return {"nonsense1": 42, "nonsense2": types.ModuleType("\ud800")}.get(spec.name)

    def exec_module(self, module):
        del sys.modules["nonsense3"]
        importlib.import_module("nonsense3")


sys.meta_path.insert(0, Nonsense())
for name in (
    "nonsense1",
    "nonsense2",
    "nonsense3",
    "nonsense1.deep.er",
    "\ud800",
    "a" * 10**6,
    "..",
    "os.path.join",
    "",
    "a..b",
):
    try:
        importlib.import_module(name)
    except Exception:
        pass
for name in ("_frozen_importlib", "_imp", "zipimport", "marshal"):
    module = importlib.import_module(name)
    for entry in (
        "_bootstrap",
        "_call_with_frames_removed",
        "get_frozen_object",
        "create_builtin",
        "create_dynamic",
        "init_frozen",
        "exec_builtin",
        "exec_dynamic",
        "_fix_co_filename",
        "lock_held",
        "acquire_lock",
        "release_lock",
        "source_hash",
    ):
        act = getattr(module, entry, None)
        for words in (
            (),
            (1,),
            ("x", b"y"),
            (types.SimpleNamespace(name="sys", origin="x"),),
            (print, [1]),
        ):
            if callable(act) and entry != "_call_with_frames_removed":
                try:
                    act(*words)
                except BaseException:
                    pass
print("end", flush=True)
sys.modules.clear()
sys.meta_path.clear()
