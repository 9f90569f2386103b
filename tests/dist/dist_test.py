"""The archive of `make dist`: what is in it, that it runs wherever it is unpacked and on the systems that can be
had here, that a developer can build against it, and that it is the same for the same tree.

Systems are unpacked by debootstrap once and kept (root.sh); they and the odd places need root, for mounts."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests/cli"), str(ROOT / "tools/dist")]
import components  # noqa: E402
import libraries  # noqa: E402
from environments import NoNetwork, install, place_of  # noqa: E402
from hypervisor import PROCESS, needs_wall  # noqa: E402
from serve_test import CLEAN, QUESTION, Host  # noqa: E402

BUILD = Path(os.environ.get("CLOCHE_BUILD", ROOT / "build")).resolve()
LONG = 3600  # seconds, for what compiles
GENEROUS = 300
MOST_PACKED, MOST_UNPACKED = 60_000_000, 120_000_000
EXAMPLE = "share/cloche/examples/hyperlight-codeact"
ISOLATIONS = ["process"] if PROCESS else ["microvm", "process"]
BARE = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
needs_root = unittest.skipIf(os.geteuid(), "only root makes mounts and other systems' folders")

# Enters a system's folder, with the archive's tree read-only at /tmp/place. No chroot, as the kernel lets nobody
# make a user namespace in one.
ENTER = """
set -e
root=$1 tree=$2
shift 2
mount --bind "$root" "$root"
mount -t tmpfs tmpfs "$root/tmp"
mkdir "$root/tmp/place" "$root/tmp/old"
mount --bind "$tree" "$root/tmp/place"
mount -o remount,bind,ro "$root/tmp/place"
mount --rbind /dev "$root/dev"
mount --rbind /proc "$root/proc"
cd "$root"
pivot_root . tmp/old
umount -l /tmp/old
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
"""


def run(*words, **options):
    return subprocess.run([str(word) for word in words], **{"capture_output": True, "text": True, "check": True,
                                                            "timeout": GENEROUS, **options})


def make_archive(root, build, **environment):
    done = run(root / "tools/dist/archive.sh", build, timeout=LONG, check=False, env={**os.environ, **environment})
    if done.returncode:
        raise AssertionError(f"archive.sh ended with {done.returncode}: {done.stdout[-2000:]}{done.stderr[-4000:]}")
    [archive] = (build / "dist").glob("*.tar.zst")
    return archive


def systems():
    lines = (HERE / "roots.txt").read_text().splitlines()
    return {line.split()[0]: line.split()[1] for line in lines if not line.startswith("#")}


def system(name):
    done = run(HERE / "root.sh", name, timeout=LONG, check=False)
    if done.returncode == 77:
        raise unittest.SkipTest(f"NO {name} HERE, debootstrap could not fetch it: {done.stderr.strip()[-300:]}")
    if done.returncode:
        raise AssertionError(done.stderr)
    return done.stdout.strip()


def setUpModule():
    """Made and unpacked once for all classes."""
    global ARCHIVE, TREE, folder
    ARCHIVE = make_archive(ROOT, BUILD)
    folder = tempfile.TemporaryDirectory()
    os.chmod(folder.name, 0o755)
    run("tar", "-C", folder.name, "--zstd", "-xf", ARCHIVE)
    [TREE] = Path(folder.name).iterdir()


def tearDownModule():
    folder.cleanup()


class Contents(unittest.TestCase):
    def test_the_checksum_is_right(self):
        self.assertIn("OK", run("sha256sum", "--check", f"{ARCHIVE.name}.sha256", cwd=ARCHIVE.parent).stdout)

    def test_it_is_not_too_large(self):
        self.assertLess(ARCHIVE.stat().st_size, MOST_PACKED)
        unpacked = sum(path.stat().st_size for path in TREE.rglob("*") if path.is_file() and not path.is_symlink())
        self.assertLess(unpacked, MOST_UNPACKED)

    def test_members_say_nothing_of_who_packed_them(self):
        plain = subprocess.run(["zstd", "-dcq", ARCHIVE], capture_output=True, check=True).stdout
        with tempfile.TemporaryFile() as file:
            file.write(plain)
            file.seek(0)
            members = tarfile.open(fileobj=file).getmembers()
        self.assertEqual(len({member.mtime for member in members}), 1)
        self.assertEqual({(one.uid, one.gid, one.uname, one.gname) for one in members}, {(0, 0, "", "")})
        self.assertEqual({member.name.partition("/")[0] for member in members}, {TREE.name})
        for member in members:
            wanted = 0o777 if member.issym() else 0o755 if member.isdir() or member.mode & 0o111 else 0o644
            self.assertEqual(member.mode, wanted, member.name)

    def test_no_path_of_this_machine_and_no_debug_information(self):
        for name in "bin/cloche", "lib/libcloche.a", f"{EXAMPLE}/example_tools.so":
            with self.subTest(name):
                data = (TREE / name).read_bytes()
                self.assertNotIn(str(ROOT).encode(), data)
                self.assertNotIn(b".debug_info", data)

    def test_the_ways_in_are_there(self):
        for name in ("README.md", "LICENSE", "share/man/man1/cloche.1", "include/cloche/cloche.h",
                     "lib/pkgconfig/cloche.pc", f"{EXAMPLE}/tools.c", "share/cloche/examples/embed/main.c"):
            self.assertTrue((TREE / name).is_file(), name)

    def test_every_file_of_the_archive_that_is_linked_is_in_it_or_of_the_c_library(self):
        there = {path.name for path in (TREE / "lib/cloche").iterdir()} | libraries.GLIBC
        for path in [TREE / "bin/cloche", *(TREE / "lib/cloche").glob("*.so*")]:
            self.assertEqual(set(libraries.dynamic(path, "NEEDED")) - there, set(), path.name)


class Symbols(unittest.TestCase):
    def check(self, place):
        return run(ROOT / "tools/dist/symbols.py", "2.34", place, check=False)

    def test_the_archive_needs_glibc_2_34_at_most(self):
        done = self.check(TREE)
        self.assertEqual(done.returncode, 0, done.stderr)
        count = 2 + len(list((TREE / "lib/cloche").glob("*.so*")))
        self.assertIn(f"{count} programs and libraries", done.stdout)

    def test_a_newer_symbol_is_named_with_its_file(self):
        with tempfile.TemporaryDirectory() as tree:
            shutil.copytree(TREE / "lib/cloche", f"{tree}/lib")
            run("cc", "-shared", "-fPIC", "-x", "c", "-o", f"{tree}/lib/libplanted.so", "-",
                input="unsigned arc4random(void); unsigned planted(void) { return arc4random(); }")
            done = self.check(tree)
        self.assertNotEqual(done.returncode, 0)
        self.assertRegex(done.stderr, r"libplanted\.so needs GLIBC_2\.36: arc4random; glibc 2\.34 has none")

    def test_a_format_of_a_newer_loader_is_named(self):
        with tempfile.TemporaryDirectory() as tree:
            run("cc", "-shared", "-fPIC", "-Wl,-z,pack-relative-relocs", "-x", "c", "-o", f"{tree}/libplanted.so",
                "-", input='#include <stdio.h>\nint (*p)(const char *) = puts; char *q = "q"; char **r = &q;')
            done = self.check(tree)
        if "libplanted.so needs GLIBC_ABI_DT_RELR" not in done.stderr:
            self.skipTest("this linker writes no packed relocations")
        self.assertNotEqual(done.returncode, 0)

    def test_a_folder_without_programs_is_no_success(self):
        with tempfile.TemporaryDirectory() as tree:
            self.assertNotEqual(self.check(tree).returncode, 0)


class Provenance(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.documents = TREE / "share/doc/cloche"
        cls.sbom = json.loads((cls.documents / "sbom.spdx.json").read_text())
        cls.packages = {one["SPDXID"]: one for one in cls.sbom["packages"]}

    def test_every_package_has_its_licence_here(self):
        self.assertGreater(len(self.packages), 20)
        for package in self.packages.values():
            with self.subTest(package["name"]):
                self.assertGreater((self.documents / "licences" / package["name"]).stat().st_size, 200)

    def test_the_texts_that_they_refer_to_are_here(self):
        for path in (self.documents / "licences").iterdir():
            for name in re.findall(r"/usr/share/common-licenses/([\w.-]*\w)", path.read_text()):
                self.assertTrue((self.documents / "licences" / name).is_file(), f"{path.name} refers to {name}")

    def test_every_library_is_of_a_package_and_has_its_hash(self):
        files = {one["fileName"]: one for one in self.sbom["files"]}
        of_packages = {one["relatedSpdxElement"] for one in self.sbom["relationships"]
                       if one["relationshipType"] == "CONTAINS" and one["spdxElementId"] != "SPDXRef-cloche"}
        for path in [*(TREE / "lib/cloche").iterdir(), TREE / "share/cloche/python.image"]:
            file = files.pop(f"./{path.relative_to(TREE)}")
            [sha256] = [one["checksumValue"] for one in file["checksums"] if one["algorithm"] == "SHA256"]
            self.assertEqual(sha256, hashlib.sha256(path.read_bytes()).hexdigest(), path.name)
            if path.parent.name == "cloche" and path.parent.parent.name == "lib":
                self.assertIn(file["SPDXID"], of_packages, path.name)
        self.assertEqual(files, {})

    def test_what_the_image_is_made_of_is_listed(self):
        made_from = {self.packages[one["relatedSpdxElement"]]["name"] for one in self.sbom["relationships"]
                     if one["relationshipType"] == "GENERATED_FROM"}
        self.assertLessEqual({"python3.13", "zlib", "sqlite3", "wasi-libc"}, made_from)
        lines = (line.split("#")[0].split() for line in (ROOT / "tools/image/fetch.txt").read_text().splitlines())
        fetched = {words[2] for words in lines if len(words) == 3}
        self.assertEqual(fetched - set(components.image_list()), set(),
                         "tools/dist/image.txt has to say of each whether it is in the image")

    def test_it_is_valid_spdx(self):
        place = place_of(HERE / "spdx")
        try:
            install(HERE / "spdx", place)
        except NoNetwork as error:
            self.skipTest(f"NO SPDX VALIDATOR HERE, PyPI cannot be reached: {str(error)[-200:]}")
        validate = [place / "bin/python", "-m", "spdx_tools.spdx.clitools.pyspdxtools", "--infile"]
        done = run(*validate, self.documents / "sbom.spdx.json", check=False, timeout=LONG)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        with tempfile.TemporaryDirectory() as other:  # it can say no
            self.sbom["packages"][1].pop("downloadLocation")
            broken = Path(other, "broken.spdx.json")
            broken.write_text(json.dumps(self.sbom))
            self.assertNotEqual(run(*validate, broken, check=False, timeout=LONG).returncode, 0)


class Places(unittest.TestCase):
    def check_run(self, *words, env=BARE):
        for isolation in ISOLATIONS:
            done = run(*words, "run", f"--isolation={isolation}", "-c", "print(6 * 7)", env=env, cwd="/", check=False)
            self.assertEqual((done.stdout, done.returncode), ("42\n", 0), f"{isolation}: {done.stderr}")

    def own(self):
        return {str(path) for path in (TREE / "lib/cloche").glob("*.so*")}

    def loaded(self, *words, env):
        """Where `doctor` loads those libraries from that the archive has."""
        said = run(*words, "doctor", env=env, check=False).stderr
        names = {os.path.basename(path) for path in self.own()}
        every = {os.path.normpath(path) for path in re.findall(r"calling init: (/\S+)", said)}
        return {path for path in every if os.path.basename(path) in names}

    @needs_wall
    def test_moved_and_by_a_link_with_odd_names(self):
        with tempfile.TemporaryDirectory() as other:
            moved = Path(other, "a folder: with ünusual $ORIGIN; names")
            shutil.copytree(TREE, moved, symlinks=True)
            self.check_run(moved / "bin/cloche")
            Path(other, "link").symlink_to(moved / "bin/cloche")
            self.check_run(f"{other}/link")
            Path(other, "folder").symlink_to(moved)
            self.check_run(f"{other}/folder/bin/cloche")
            self.assertIn("ok       libraries", run(moved / "bin/cloche", "doctor", env=BARE, check=False).stdout)

    @needs_wall
    @needs_root
    def test_without_proc(self):
        """The dynamic linker finds the libraries of a moved program by /proc alone: where that is missing
        they have to be named, as the error says; a run loads none."""
        with tempfile.TemporaryDirectory() as other:
            Path(other, "link").symlink_to(TREE / "bin/cloche")
            for path in TREE / "bin/cloche", f"{other}/link":
                self.check_run(ROOT / "tests/forbid.py", "no-proc", path)
        env = {**BARE, "LD_LIBRARY_PATH": str(TREE / "lib/cloche"), "LD_DEBUG": "files"}
        self.assertEqual(self.loaded(ROOT / "tests/forbid.py", "no-proc", TREE / "bin/cloche", env=env), self.own())

    @needs_wall
    def test_its_own_libraries_are_taken(self):
        """Those that LD_LIBRARY_PATH names are the system's here: they must not be loaded in their place."""
        env = {**BARE, "LD_DEBUG": "files", "LD_LIBRARY_PATH": "/usr/lib/x86_64-linux-gnu"}
        self.assertEqual(self.loaded(TREE / "bin/cloche", env=env), self.own())

    @needs_wall
    def test_tls_by_its_libraries(self):
        env = {**os.environ, "CLOCHE_TEST_PROGRAM": str(TREE / "bin/cloche"), "CLOCHE_BUILD": str(BUILD),
               "PYTHONPATH": f"{ROOT}/tests:{ROOT}/tests/cli"}
        done = run(sys.executable, "-m", "unittest", "tls_test", env=env, cwd=ROOT / "tests/cli", check=False,
                   timeout=LONG)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr, r"Ran [1-9]")


class Developer(unittest.TestCase):
    """What the README of the archive says to somebody who writes C, in a copy of it elsewhere."""

    @classmethod
    def setUpClass(cls):
        cls.other = tempfile.TemporaryDirectory()
        cls.tree = Path(cls.other.name, "elsewhere")
        shutil.copytree(TREE, cls.tree, symlinks=True)

    @classmethod
    def tearDownClass(cls):
        cls.other.cleanup()

    @needs_wall
    def test_a_tool_library_needs_the_headers_alone(self):
        run("cc", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", f"-I{self.tree}/include", "-o",
            self.tree / EXAMPLE / "example_tools.so", self.tree / EXAMPLE / "tools.c", "-lm")
        with Host(str(self.tree / "bin/cloche"), "serve", "--port", "0", str(self.tree / EXAMPLE / "agent.yaml"),
                  env={"LD_LIBRARY_PATH": ""}) as host:
            self.assertEqual(host.ask(QUESTION)["status"], "completed")

    @needs_wall
    def test_init_makes_an_agent_that_runs(self):
        agent = Path(self.other.name, "my-agent")
        run(self.tree / "bin/cloche", "init", agent, env=BARE)
        run(self.tree / "bin/cloche", "check", agent / "agent.yaml", env=BARE)
        with Host(str(self.tree / "bin/cloche"), "serve", "--port", "0", str(agent / "agent.yaml")) as host:
            self.assertEqual(host.ask(QUESTION)["status"], "completed")

    @needs_wall
    def test_the_embedding_example_is_linked_by_pkg_config(self):
        env = {**CLEAN, "PKG_CONFIG_PATH": f"{self.tree}/lib/pkgconfig"}
        env.pop("CLOCHE_IMAGE", None)
        flags = run("pkg-config", "--cflags", "--libs", "--static", "cloche", env=env).stdout.split()
        for flag in flags:  # nothing of where it was built
            if flag.startswith(("-I", "-L")):
                self.assertTrue(Path(flag[2:]).resolve().is_relative_to(self.tree), flag)
        program = Path(self.other.name, "embed")
        run("cc", "-Wall", "-Wextra", "-Werror", "-o", program, self.tree / "share/cloche/examples/embed/main.c",
            *flags)
        image = run("pkg-config", "--variable=image", "cloche", env=env).stdout.strip()
        with Host(str(program), *["process"][:PROCESS], env={
                "CLOCHE_IMAGE": image, "PORT": "0",
                "CLOCHE_SCRIPT": str(self.tree / EXAMPLE / "offline.yaml")}) as host:
            self.assertEqual(host.ask(QUESTION)["status"], "completed")


@needs_root
class Systems(unittest.TestCase):
    def check(self, name):
        root = system(name)
        enter = ["unshare", "--mount", "sh", "-c", ENTER, "sh", root, str(TREE)]
        program = "/tmp/place/bin/cloche"
        for isolation in ISOLATIONS:
            with self.subTest(isolation):
                done = run(*enter, program, "run", f"--isolation={isolation}", "-c", "print(1)", check=False)
                self.assertEqual((done.stdout, done.returncode), ("1\n", 0), done.stderr)
                with Host(*enter, program, "serve", "--port", "0", f"--isolation={isolation}",
                          f"/tmp/place/{EXAMPLE}/agent.yaml") as host:
                    asked = run("curl", "-fsS", "-X", "POST", host.url + "/responses", "-H",
                                "Content-Type: application/json", "-d", json.dumps({"input": QUESTION}))
                    response = json.loads(asked.stdout)
                    self.assertEqual(response["status"], "completed")
                    self.assertIn("Alice", asked.stdout)

    @needs_wall
    def test_debian_12(self):
        self.check("bookworm")

    @needs_wall
    def test_debian_13(self):
        self.check("trixie")

    @needs_wall
    def test_ubuntu_22_04(self):
        self.check("jammy")

    @needs_wall
    def test_ubuntu_24_04(self):
        self.check("noble")

    def test_a_system_that_is_too_old_is_told_by_its_loader(self):
        """Debian 11 has glibc 2.31."""
        root = system("bullseye")
        done = run("unshare", "--mount", "sh", "-c", ENTER, "sh", root, TREE, "/tmp/place/bin/cloche", "version",
                   check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertRegex(done.stderr, r"version `GLIBC_2\.3[234]' not found")


class SameBytes(unittest.TestCase):
    def test_another_folder_gives_the_same_archive(self):
        """From a copy of the tree without git, compiled anew."""
        epoch = str(int((TREE / "bin/cloche").stat().st_mtime))  # of the newest commit when that was made
        listed = run("git", "-C", ROOT, "ls-files", "--cached", "--others", "--exclude-standard", "-z").stdout
        with tempfile.TemporaryDirectory() as other:
            tree, build = Path(other, "a tree"), Path(other, "a tree/build")
            for name in filter(None, listed.split("\0")):
                (tree / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, tree / name, follow_symlinks=False)
            build.mkdir()
            (build / "python.image").symlink_to((BUILD / "python.image").resolve())
            archive = make_archive(tree, build, SOURCE_DATE_EPOCH=epoch)
            self.assertEqual(archive.name, ARCHIVE.name)
            self.assertEqual(hashlib.sha256(archive.read_bytes()).hexdigest(),
                             hashlib.sha256(ARCHIVE.read_bytes()).hexdigest())


class Readme(unittest.TestCase):
    """The README's commands as they stand there, in a network of their own, where port 8088 is free."""

    ELSEWHERE = {"make demo": "tests/cli/image_test.py plays tools/demo.sh", "make test": "which this is a part of",
                 "docker run --device=/dev/kvm -p 8088:8088 cloche": "tests/container plays docs/deploy/docker.md"}

    @classmethod
    def setUpClass(cls):
        text = (ROOT / "README.md").read_text()
        cls.blocks = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S)
        cls.skipped = {line.partition("  ")[0] for line in cls.lines() if line.startswith(("make ", "docker "))}

    @classmethod
    def lines(cls):
        return [line for language, block in cls.blocks if language == "bash" for line in block.splitlines()]

    def test_what_is_not_run_here_is_run_elsewhere(self):
        self.assertEqual(self.skipped, set(self.ELSEWHERE))
        self.assertIn("docker run --device=/dev/kvm -p 8088:8088 cloche\n", (ROOT / "docs/deploy/docker.md").read_text())

    def test_each_console_session(self):
        sessions = [block for language, block in self.blocks if language == "console"]
        self.assertTrue(sessions)
        for session in sessions:
            command, _, output = session.partition("\n")
            done = run("bash", "-c", command.removeprefix("$ "), check=False, env=self.environment())
            self.assertEqual(done.stdout + done.stderr, output, command)

    def environment(self):
        return {**CLEAN, "PATH": f"{TREE}/bin:{os.environ['PATH']}", **({"CLOCHE_ISOLATION": "process"} if PROCESS else {})}

    @needs_root
    @needs_wall
    def test_each_command(self):
        ready = " &\nfor i in $(seq 600); do cloche health >/dev/null && break; sleep 0.1; done"
        script = "\n".join(line + ready if line.startswith("cloche serve ") else line for line in self.lines()
                           if not line.startswith(("make ", "docker ")))
        with tempfile.TemporaryDirectory() as folder:
            for name, place in ((ARCHIVE.name, ARCHIVE), ("README.md", ROOT / "README.md")):
                Path(folder, name).symlink_to(place)
            [source] = [block for language, block in self.blocks if language == "c"]
            Path(folder, "greet.c").write_text(source)
            done = run("unshare", "--net", "bash", "-ec", f"ip link set lo up\ntrap 'kill $(jobs -p)' EXIT\n{script}",
                       cwd=folder, env=self.environment(), check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            for said in ("499500\n", f"bytes {len((ROOT / 'README.md').read_text())}\n", "Hello, Ada!\n",
                         "Admins: Alice, Charlie", "7 x 6 = 42"):
                self.assertIn(said, done.stdout)


if __name__ == "__main__":
    unittest.main()
