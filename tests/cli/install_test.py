"""What `make install` leaves: a program that runs, headers and a pkg-config file that suffice."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from hypervisor import PROCESS, needs_wall
from serve_test import EXAMPLE, QUESTION, Host

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("CLOCHE_BUILD", ROOT / "build")).resolve()
GENEROUS = 600
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
        there = {str(path.relative_to(self.prefix)) for path in self.prefix.rglob("*") if path.is_file()}
        documents = {path for path in there if path.startswith("share/doc/cloche/")}
        libraries = {path for path in there if path.startswith("lib")}
        headers = {f"include/cloche/{path.name}" for path in (ROOT / "include" / "cloche").iterdir()}
        example = {f"share/cloche/examples/hyperlight-codeact/{name}" for name in
                   (".env.example", ".gitignore", "README.md", "agent.yaml", "example_tools.so", "offline.yaml", "tools.c")}
        self.assertEqual(there - documents - libraries, headers | example | {
            "bin/cloche", "share/cloche/python.image", "share/man/man1/cloche.1", "share/cloche/examples/embed/main.c"})
        self.assertLessEqual({"share/doc/cloche/README.md", "share/doc/cloche/sbom.spdx.json",
                              "share/doc/cloche/licences/cloche", "share/doc/cloche/licences/python3.13",
                              "share/doc/cloche/licences/LGPL-2.1"}, documents)
        names = {Path(path).name.partition(".")[0] for path in libraries}
        self.assertLessEqual({"libcloche", "cloche", "libseccomp", "libcrypto", "libcurl", "libyaml-0"}, names)
        self.assertEqual(names & {"libc", "libm", "libresolv", "ld-linux-x86-64", "libpthread"}, set())
        self.assertFalse((self.prefix / "share/cloche/python.image").is_symlink())

    def test_libraries_are_taken_from_the_tree(self):
        """By the program and by what its libraries need themselves, whatever the environment says."""
        traced = subprocess.run([self.program, "doctor"], capture_output=True, text=True, timeout=GENEROUS,
                                env={**self.environment, "LD_DEBUG": "files", "LD_LIBRARY_PATH": "/usr/lib/x86_64-linux-gnu"})
        loaded = {Path(path).resolve() for path in re.findall(r"calling init: (/\S+)", traced.stderr)}
        bundled = {path.name for path in (self.prefix / "lib/cloche").glob("*.so.*")}
        elsewhere = {str(path) for path in loaded if path.name in bundled and path.parent != self.prefix / "lib/cloche"}
        self.assertEqual(elsewhere, set())
        self.assertEqual(bundled - {path.name for path in loaded}, set())

    @needs_wall
    def test_the_program_finds_its_image(self):
        for place in [], ["--placement=worker"]:
            done = subprocess.run([self.program, "run", *place, "-c", "print(6 * 7)"], cwd="/",
                                  env=self.environment, capture_output=True, text=True, timeout=GENEROUS)
            self.assertEqual((done.stdout, done.stderr, done.returncode), ("42\n", "", 0))

    @needs_wall
    def test_the_example_and_what_init_writes_run(self):
        """The built tools lie beside the installed example, and init takes them along."""
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([self.program, "init", "a"], cwd=folder, check=True, capture_output=True,
                           env=self.environment, timeout=GENEROUS)
            for place in self.prefix / "share/cloche/examples/hyperlight-codeact", Path(folder, "a"):
                self.assertTrue((place / "example_tools.so").is_file())
                with Host(str(self.program), "serve", "--port", "0", f"{place}/agent.yaml", env=self.environment) as host:
                    self.assertIn("Alice, Charlie", host.ask(QUESTION)["output"][-1]["content"][0]["text"])

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
