"""tools/structure.py reports each kind of fault of a small made-up tree, and nothing of a clean one."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
CLEAN = {
    "include/cloche/error.h": "",
    "src/abi/layout.h": "",
    "src/base/buffer.h": "",
    "src/base/buffer.c": '#include "base/buffer.h"\n',
    "src/base/json.h": '#include "cloche/error.h"\n',
    "src/base/json.c": '#include "base/json.h"\n',
    "src/base/meson.build": "jail_sources += files('buffer.c')\nhost_sources += files('json.c')\n",
    # A folder's face and the .c beside it are two: this is no circle.
    "src/vm/vm.h": '#include "abi/layout.h"\n',
    "src/vm/internal.h": '#include "vm/vm.h"\n',
    "src/vm/vm.c": '#include "internal.h"\n',
    "src/vm/meson.build": "jail_sources += files(\n  'vm.c')\n",
}
# What is added to the clean tree, and each line that has to come of it.
FAULTS = {
    "a lower folder includes a higher one": (
        {"src/vm/run.c": '#include <stdio.h>\n#include "serve/serve.h"\n', "src/serve/serve.h": ""},
        ["src/vm/run.c:2 includes serve/serve.h: vm may use only abi, cloche, base"]),
    "a room includes its neighbour": (
        {"src/sandbox/value/value.c": '#include "sandbox/tool/schema.h"\n', "src/sandbox/tool/schema.h": ""},
        ["src/sandbox/value/value.c:1 includes sandbox/tool/schema.h: sandbox/value may use only abi, "
         "cloche, base"]),
    "the guest includes base": (
        {"src/guest/heap.c": '#include "base/buffer.h"\n'},
        ["src/guest/heap.c:1 includes base/buffer.h: guest may use only abi"]),
    "a face brings what its rooms may not have": (
        {"src/serve/serve.h": '#include "serve/http/http.h"\n', "src/serve/http/http.h": ""},
        ["src/serve/serve.h:1 includes serve/http/http.h: serve/serve.h may use only serve/protocol, "
         "cloche, base"]),
    "an include by a path from the file itself": (
        {"src/vm/scan.c": '#include "../cli/main.h"\n', "src/cli/main.h": ""},
        ["src/vm/scan.c:1 includes cli/main.h: vm may use only abi, cloche, base"]),
    "a folder that the table does not name": (
        {"src/extra/extra.c": ""},
        ["src/extra/extra.c is in no part that tools/structure.py names"]),
    "an include of nothing": (
        {"src/vm/scan.c": '#include "vm/gone.h"\n'},
        ["src/vm/scan.c:1 includes vm/gone.h, which is in neither src/ nor include/"]),
    "a circle": (
        {"src/vm/scan.h": "", "src/vm/scan.c": '#include "vm/scan.h"\n#include "vm/grow.h"\n',
         "src/vm/grow.h": '#include "vm/memory.h"\n', "src/vm/memory.h": "",
         "src/vm/memory.c": '#include "vm/scan.h"\n'},
        ["src: a circle of includes: vm/grow, vm/memory, vm/scan"]),
    "a folder of 26 files": (
        {f"src/cli/{number}.c": "" for number in range(26)},
        ["src/cli: 26 files, at most 25: make a folder for what belongs together"]),
    "the jailed side includes the host's": (
        {"src/vm/run.c": '#include "base/json.h"\n', "src/vm/meson.build": "jail_sources += files('run.c')\n"},
        ["src/vm/run.c:1 brings base/json.h of the host to vm/run.c: the jailed side includes nothing of it"]),
    "the jailed side includes the host's through a header": (
        {"src/vm/vm.h": '\n#include "base/json.h"\n'},
        ["src/vm/vm.h:2 brings base/json.h of the host to vm/vm.c through vm/vm.h: the jailed side "
         "includes nothing of it"]),
}


def check(root):
    done = subprocess.run([sys.executable, ROOT / "tools" / "structure.py", root], capture_output=True,
                          text=True, timeout=60)
    return done.returncode, done.stdout.splitlines(), done.stderr


class Structure(unittest.TestCase):
    def outcome(self, files):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in files.items():
                path = Path(folder, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            return check(folder)

    def test_a_clean_tree_passes(self):
        self.assertEqual(self.outcome(CLEAN), (0, [], ""))

    def test_each_fault_is_reported_and_nothing_else(self):
        for fault, (files, lines) in FAULTS.items():
            with self.subTest(fault=fault):
                self.assertEqual(self.outcome(CLEAN | files), (1, lines, ""))

    def test_the_tree_itself_passes(self):
        self.assertEqual(check(ROOT), (0, [], ""))


if __name__ == "__main__":
    unittest.main()
