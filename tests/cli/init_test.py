"""`cloche init`, and examples that are copied: what is written runs from where it lies, without a model."""

import json
import os
import re
import resource
import shlex
import shutil
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path

from hypervisor import needs_wall
from serve_test import EXAMPLE, QUESTION, Host, answer

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("CLOCHE_BUILD", ROOT / "build")).resolve()
CLOCHE = BUILD / "cloche"
GENEROUS = 300
CLEAN = {key: value for key, value in os.environ.items() if not key.startswith("OPENAI_")}
TEMPLATE = ["agent.yaml", "tools.c", "offline.yaml", "README.md", ".env.example", ".gitignore"]
MADE = ["agent.schema.json", "example_tools.so"]


def run(*words, folder=None, **more):
    return subprocess.run(words, capture_output=True, text=True, timeout=GENEROUS, cwd=folder,
                          env={**CLEAN, **more.pop("env", {})}, **more)


def next_commands(said):
    """What init says comes next, of which the last is the server."""
    lines = said.partition("\nNext:\n")[2].partition("and, in another")[0].splitlines()
    return [line.strip() for line in lines if line.startswith("  ")]


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="init test ")  # a blank: of a user's folders
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def init(self, *words, program=CLOCHE, **more):
        return run(program, "init", *words, folder=self.folder, **more)

    def names(self, folder):
        return sorted(path.name for path in (self.folder / folder).iterdir())

    def ask(self, folder, *commands, **env):
        """The answer of the server that a shell starts in a folder by the last of the commands."""
        words = [f"cd {shlex.quote(str(folder))}", *commands[:-1], f"exec {commands[-1]} --port 0"]
        with Host("sh", "-c", " && ".join(words), env=env) as host:
            return answer(host.ask(QUESTION))

    def check_answer(self, text):
        for word in "Alice (admin)", "Admins: Alice, Charlie", "7 x 6 = 42":
            self.assertIn(word, text)


@needs_wall
class Runs(Folder):
    def test_what_init_writes_runs_by_the_commands_that_it_says(self):
        done = self.init("my agent")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("  cd 'my agent'\n", done.stdout)
        self.check_answer(self.ask(self.folder, *next_commands(done.stdout)))

    def test_its_own_folder_is_the_default(self):
        (self.folder / ".git").mkdir()
        done = self.init()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertNotIn("  cd ", done.stdout)
        self.check_answer(self.ask(self.folder, *next_commands(done.stdout)))

    def test_changed_tools_are_built_by_the_command_of_the_readme(self):
        self.assertEqual(self.init("a").returncode, 0)
        tools = self.folder / "a/tools.c"
        tools.write_text(tools.read_text().replace("Charlie", "Zoe"))
        [command] = re.findall(r"```bash\n(cc .*?)```", (self.folder / "a/README.md").read_text(), re.S)
        path = f"{BUILD}:{os.environ['PATH']}"
        done = run("sh", "-c", command, folder=self.folder / "a", env={"PATH": path})
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("Admins: Alice, Zoe", self.ask(self.folder / "a", "cloche serve agent.yaml", PATH=path))

    def test_without_built_tools_they_are_built_first(self):
        shutil.copy(CLOCHE, self.folder)
        done = self.init("a", program=self.folder / "cloche")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertNotIn("example_tools.so", self.names("a"))
        self.assertIn("The built tools were not found beside the program. Build them first:\n", done.stdout)
        commands = re.findall(r"```bash\n(.*?)```", (self.folder / "a/README.md").read_text(), re.S)
        self.assertTrue(commands[0].startswith("cc -shared "), commands[0])
        self.assertIn("agent.yaml:12:14: error: tools[0].library: ",
                      run(self.folder / "cloche", "check", "a/agent.yaml", folder=self.folder).stderr)
        env = {"INCLUDE": str(ROOT / "include"), "CLOCHE_IMAGE": str(BUILD / "python.image")}
        self.assertEqual(run("sh", "-c", commands[0], folder=self.folder / "a", env=env).returncode, 0)
        self.check_answer(self.ask(self.folder / "a", "../cloche serve agent.yaml", **env))

    def test_copies_of_the_examples_run(self):
        """Those with a file; examples/embed is built and run by install_test, from its source alone."""
        plays = {EXAMPLE / "agent.yaml": self.play_example, ROOT / "examples/notebook/agent.yaml": self.play_notebook}
        self.assertEqual(sorted(plays), sorted((ROOT / "examples").glob("*/agent.yaml")))
        for number, (path, play) in enumerate(plays.items()):
            with self.subTest(path):
                play(shutil.copytree(path.parent, self.folder / str(number)))

    def play_example(self, copy):
        self.check_answer(self.ask(copy, f"{CLOCHE} serve agent.yaml"))

    def play_notebook(self, copy):
        """The requests of its README, and a branch of the first."""
        bodies = [json.loads(body) for body in re.findall(r"-d '(.*)'", (copy / "README.md").read_text())]
        self.assertEqual(len(bodies), 3)
        with Host("sh", "-c", f"cd {shlex.quote(str(copy))} && exec {CLOCHE} serve agent.yaml --port 0") as host:
            answers = [host.request("/v1/responses", body)[1] for body in bodies]
            last = {"previous_response_id": answers[0]["id"], "input": bodies[-1]["input"]}
            said = [answer(one) for one in answers + [host.request("/v1/responses", last)[1]]]
        self.assertRegex(said[0], r"^502 readings, mean 20\.30")
        self.assertEqual(said[1], "500 readings are left")
        self.assertRegex(said[2], r"^500 readings, mean 20\.02")
        self.assertEqual(said[3], said[0])


class Writes(Folder):
    maxDiff = None

    def test_the_example_under_another_name(self):
        self.assertEqual(self.init("deep/er/my-agent_2").returncode, 0)
        self.assertEqual(self.names("deep/er/my-agent_2"), sorted(TEMPLATE + MADE))
        self.assertEqual(sorted(path.name for path in EXAMPLE.iterdir() if path.name != ".env"), sorted(TEMPLATE))
        for name in TEMPLATE[1:]:
            self.assertEqual((self.folder / "deep/er/my-agent_2" / name).read_bytes(), (EXAMPLE / name).read_bytes(), name)
        example = (EXAMPLE / "agent.yaml").read_text()
        self.assertEqual((self.folder / "deep/er/my-agent_2/agent.yaml").read_text(),
                         "# yaml-language-server: $schema=agent.schema.json\n" +
                         example.replace("name: hyperlight-codeact\n", "name: my-agent_2\n"))
        self.assertEqual((self.folder / "deep/er/my-agent_2/example_tools.so").read_bytes(),
                         (BUILD / "examples/example_tools.so").read_bytes())
        self.assertEqual((self.folder / "deep/er/my-agent_2/agent.schema.json").read_text(),
                         (ROOT / "docs/agent.schema.json").read_text())

    def test_check_finds_nothing_in_it(self):
        for name, called in (("agent-a", "agent-a"), ("ü", "agent"), ("null", "agent"), ("1st", "agent"), ("a b", "agent"), ("x" * 65, "agent")):
            self.assertEqual(self.init(name).returncode, 0)
            self.assertIn(f"\nname: {called}\n", (self.folder / name / "agent.yaml").read_text())
            done = run(CLOCHE, "check", "--open-tools", f"{name}/agent.yaml", folder=self.folder)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, f"{name}/agent.yaml: no errors\n", ""))

    def test_nothing_is_written_over(self):
        for count in 1, 7:
            (self.folder / "full").mkdir(exist_ok=True)
            for number in range(count):
                (self.folder / f"full/file{number}").write_text("mine")
            before = self.names("full")
            done = self.init("full")
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertRegex(done.stderr, r"^cloche: full is not empty: file0\n" if count == 1 else
                             r"^cloche: full is not empty: (file\d, ){4}file\d and 2 more\n")
            self.assertIn("init writes nothing over: name a new folder or an empty one.", done.stderr)
            self.assertEqual(self.names("full"), before)
        again = self.init("new"), self.init("new")
        self.assertEqual([done.returncode for done in again], [0, 1])
        (self.folder / "file").write_text("")
        self.assertIn("cloche: cannot use file as a folder: Not a directory\n", self.init("file").stderr)
        self.assertIn("cloche: cannot use /proc/1/x as a folder: ", self.init("/proc/1/x").stderr)

    def test_what_cannot_be_finished_is_taken_away(self):
        def small():  # of a full disk: files of at most 1000 bytes
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        (self.folder / "there").mkdir()
        for name in "made", "there":
            done = self.init(name, preexec_fn=small)
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stderr, rf"^cloche: cannot write {name}/\S+: File too large\n")
        self.assertEqual(self.names("."), ["there"])
        self.assertEqual(self.names("there"), [])

    def test_usage(self):
        for words, said in ((("a", "b"), 'give one folder; "b" is a second'), (("--force", "a"), "unknown option")):
            done = self.init(*words)
            self.assertEqual(done.returncode, 2)
            self.assertIn("cloche init: " + said, done.stderr)
        self.assertEqual(self.names("."), [])
        self.assertIn("cloche init my-agent", self.init("--help").stdout)


if __name__ == "__main__":
    unittest.main()
