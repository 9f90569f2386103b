"""What `make install` leaves: a program that runs, headers and a pkg-config file that suffice."""

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from hypervisor import PROCESS, needs_wall
from serve_test import EXAMPLE, QUESTION, Host

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("CLOCHE_BUILD", ROOT / "build")).resolve()
GENEROUS = 120
LOADED = ("jansson", "crypto", "curl", "microhttpd", "pcre2-8", "sqlite3", "yaml")  # when they are used
# an image of the environment's would hide that none was installed
CLEAN = {k: v for k, v in os.environ.items() if not k.startswith(("CLOCHE_IMAGE", "OPENAI_"))}


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(dir=BUILD, prefix="install-test-")
        subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet"], check=True,
                       env={**CLEAN, "DESTDIR": cls.folder.name}, capture_output=True, timeout=GENEROUS)
        cls.top = Path(cls.folder.name)
        [cls.program] = cls.top.glob("**/bin/cloche")
        cls.prefix = cls.program.parent.parent
        [pc] = cls.top.glob("**/cloche.pc")
        cls.environment = {**CLEAN, "PKG_CONFIG_PATH": str(pc.parent)}
        cls.static = ["--static"] if list(cls.top.glob("**/libcloche.a")) else []
        library = next(iter(cls.top.glob("**/libcloche.so*")), pc)
        cls.environment["LD_LIBRARY_PATH"] = str(library.parent)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def pkg_config(self, *words):
        # the tree stands below DESTDIR: its prefix is not the one that it was installed for
        done = subprocess.run(["pkg-config", f"--define-variable=prefix={self.prefix}", *words, "cloche"],
                              env=self.environment, capture_output=True, text=True, check=True)
        return done.stdout.split()

    def test_nothing_is_missing_and_nothing_too_many(self):
        there = {str(path.relative_to(self.prefix)) for path in self.prefix.rglob("*")
                 if path.is_file() and "lib" not in path.relative_to(self.prefix).parts[:1]}
        headers = {f"include/cloche/{path.name}" for path in (ROOT / "include" / "cloche").iterdir()}
        self.assertEqual(there, headers | {"bin/cloche", "share/cloche/python.image",
                                           "share/man/man1/cloche.1"})
        libraries = {path.name.partition(".")[0] for path in (self.prefix / "lib").rglob("*")
                     if path.is_file()}
        self.assertEqual(libraries, {"libcloche", "cloche"})
        self.assertFalse((self.prefix / "share/cloche/python.image").is_symlink())

    @needs_wall
    def test_the_program_finds_its_image(self):
        for place in [], ["--placement=worker"]:
            done = subprocess.run([self.program, "run", *place, "-c", "print(6 * 7)"], cwd="/",
                                  env=self.environment, capture_output=True, text=True, timeout=GENEROUS)
            self.assertEqual((done.stdout, done.stderr, done.returncode), ("42\n", "", 0))

    def test_each_header_stands_alone(self):
        flags = self.pkg_config("--cflags")
        for header in sorted((self.prefix / "include" / "cloche").iterdir()):
            for compiler, language in ("cc", "c"), ("c++", "c++"):
                if not shutil.which(compiler):
                    continue
                with self.subTest(header=header.name, language=language):
                    subprocess.run([compiler, "-x", language, "-Wall", "-Wextra", "-pedantic", "-Werror",
                                    "-fsyntax-only", *flags, "-"], check=True, text=True,
                                   input=f"#include <cloche/{header.name}>\n", cwd="/")

    def test_private_needs_are_private(self):
        public, all_of_them = self.pkg_config("--libs"), self.pkg_config("--libs", "--static")
        self.assertNotIn("-lseccomp", public)
        self.assertIn("-lseccomp", all_of_them)
        for name in LOADED:
            self.assertNotIn(f"-l{name}", all_of_them)
        self.assertEqual(self.pkg_config("--cflags"), [f"-I{self.prefix}/include"])
        self.assertIn("-lcloche", public)

    def test_the_program_starts_without_what_it_may_not_need(self):
        needed = subprocess.run(["readelf", "-d", self.program], capture_output=True, text=True, check=True).stdout
        self.assertIn("[libc.so.6]", needed)
        for name in LOADED:
            self.assertNotIn(f"[lib{name}", needed)

    @needs_wall
    def test_the_example_is_built_by_pkg_config_alone(self):
        embed = self.top / "embed"
        flags = self.pkg_config("--cflags", "--libs", *self.static)
        subprocess.run(["cc", "-Wall", "-Wextra", "-Werror", "-o", embed, ROOT / "examples/embed/main.c",
                        *flags, "-lm"], check=True, cwd="/", timeout=GENEROUS)
        [image] = self.pkg_config("--variable=image")
        env = {**self.environment, "CLOCHE_IMAGE": image, "PORT": "0",
               "CLOCHE_SCRIPT": str(EXAMPLE / "offline.yaml")}
        with Host(str(embed), *["process"][:PROCESS], env=env) as host:
            self.assertEqual(host.ask(QUESTION)["status"], "completed")


if __name__ == "__main__":
    unittest.main()
