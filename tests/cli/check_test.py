"""`cloche check`, and the JSON Schema of agent.yaml: what the one refuses and the other, and that both have the
same keys and ranges."""

import json
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

import jsonschema
import yaml

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("CLOCHE_BUILD", ROOT / "build")).resolve()
CLOCHE = BUILD / "cloche"
EXAMPLES = sorted((ROOT / "examples").glob("*/agent.yaml"))
GENEROUS = 300
CLEAN = {key: value for key, value in os.environ.items() if not key.startswith(("OPENAI_", "CLOCHE_", "FOUNDRY_", "AZURE_", "ANTHROPIC_"))}
TOOLS = {"CLOCHE_EXAMPLE_TOOLS": str(BUILD / "examples/example_tools.so")}  # of the agents of tests/e2e


def check(*words, env=None, folder=None):
    return subprocess.run([CLOCHE, "check", *words], capture_output=True, text=True, timeout=GENEROUS, cwd=folder,
                          env={**CLEAN, **(env or {})})


SCHEMA = json.loads((ROOT / "docs/agent.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def schema_takes(text):
    return VALIDATOR.is_valid(yaml.safe_load(text))


def documented():
    """The file that docs/agent-yaml.md shows, in which every key stands."""
    [block] = re.findall(r"This is all there is:\n\n```yaml\n(.*?)^```$", (ROOT / "docs/agent-yaml.md").read_text(), re.M | re.S)
    return block


def keys(properties, path=()):
    """Every key of the schema, by its path, with its own schema."""
    for name, schema in properties.items():
        yield (*path, name), schema
        inner = schema if "properties" in schema else schema.get("items", {})
        yield from keys(inner.get("properties", {}), (*path, name))


def at(path, value):
    """A document in which only that stands."""
    for name in reversed(path):
        value = [{name: value}] if path[:1] == ("tools",) and name != "tools" else {name: value}
    return yaml.safe_dump(value)


def option(schema, kind):
    return next((form for form in schema.get("anyOf", ()) if form.get("type") == kind), None)


# What is wrong, where it is told, and whether the schema sees it, too. "no schema": it cannot (bytes that are no
# YAML, files, variables, ranges of sizes with a unit), or the library that validates does not.
NO = "no schema"
WRONG = [
    ("nmae: x\n", ['1:1: error: nmae: unknown key; did you mean "name"?']),
    ("tool: []\n", ['1:1: error: tool: unknown key; did you mean "tools"?']),
    ("port: 80\n", ['1:1: error: port: unknown key; "port" belongs under "serve"']),
    ("xyzzy: 1\n", ["1:1: error: xyzzy: unknown key; known here: name, instructions, model, tools, sandbox, loop, serve"]),
    ("name: [a]\n", ["1:7: error: name: a single value is expected here"]),
    ("name: {a: b}\n", ["1:7: error: name: a single value is expected here"]),
    ("- a\n", ['1:1: error: keys and values are expected here, such as "name: ..."']),
    ("just text\n", ["1:1: error: keys and values are expected here"]),
    ("model: auto\n", ['1:8: error: model: keys and values are expected here, such as "kind: ..."']),
    ("model: {kind: llm}\n", ['1:15: error: model.kind: "llm" is none of auto, responses, chat, script']),
    ("model: {timeout: soon}\n", ['1:18: error: model.timeout: "soon" is not a duration; write e.g. 30s or 200ms']),
    ("model: {timeout: 0}\n", ['1:18: error: model.timeout: "0" is not from 1 ms to ']),
    ("tools: x.so\n", ['1:8: error: tools: a list is expected here, of "- library: ..."']),
    ("tools: [x.so]\n", ["1:9: error: tools[0]: keys and values are expected here"]),
    ("tools: [{}]\n", ['1:9: error: tools[0]: "library: ..." is expected here']),
    ("tools: [{library: }]\n", ['1:9: error: tools[0]: "library: ..." is expected here']),
    ("tools: [{library: ''}]\n", ["1:19: error: tools[0].library: the name of a file is expected here"]),
    ("tools:\n  - library: a.so\n    name: x\n", [
        '3:5: error: tools[0].name: unknown key; "name" belongs to the top level',
        "2:14: error: tools[0].library: tool library './a.so': No such file or directory"]),
    ("sandbox: {memory: 12x}\n", ['1:19: error: sandbox.memory: "12x" is not a size; write e.g. 256MiB']),
    ("sandbox: {memory: 1024}\n", ['1:19: error: sandbox.memory: "1024" is not from 48 MiB to 4 GiB']),
    ("sandbox: {memory: true}\n", ['1:19: error: sandbox.memory: "true" is not a size']),
    ("sandbox: {count: 0}\n", ['1:18: error: sandbox.count: "0" is not a whole number from 1 to 1024']),
    ("sandbox: {count: 1.5}\n", ['1:18: error: sandbox.count: "1.5" is not a whole number']),
    ("sandbox: {count: -1}\n", ['1:18: error: sandbox.count: "-1" is not a whole number']),
    ("sandbox: {isolation: auto}\n", ['1:22: error: sandbox.isolation: "auto" is refused']),
    ("sandbox: {isolation: worker}\n", ["1:22: error: sandbox.isolation: where the micro-VM lives is called placement"]),
    ("loop: {max_iterations: 10001}\n", ['1:24: error: loop.max_iterations: "10001" is not a whole number']),
    ("serve: {port: 65536}\n", ['1:15: error: serve.port: "65536" is not a whole number from 1 to 65535']),
    ("serve: {items: all}\n", ['1:16: error: serve.items: "all" is none of mcp, calls, answer']),
    # several at once
    ("nmae: x\nsandbox:\n  memory: 12x\n  cuont: 3\n", [
        '1:1: error: nmae: unknown key; did you mean "name"?', '3:11: error: sandbox.memory: "12x" is not a size',
        '4:3: error: sandbox.cuont: unknown key; did you mean "count"?']),
    # what a schema does not see
    ("sandbox: {memory: 1MiB}\n", ['1:19: error: sandbox.memory: "1MiB" is not from 48 MiB to 4 GiB'], NO),
    ("sandbox: {time: 25h}\n", ['1:17: error: sandbox.time: "25h" is not from 1 ms to 86400 s'], NO),
    ("sandbox: {count: '2000'}\n", ['1:18: error: sandbox.count: "2000" is not a whole number'], NO),
    (f"name: {'x' * 257}\n", ["1:7: error: name: 257 bytes long; at most 256 are allowed"], NO),
    ("name: ${CLO_T_NONE}\nmodel: {name: '${CLO_T_NONE}'}\n", [
        "1:7: error: name: the environment variable CLO_T_NONE is not set; set it, or write ${CLO_T_NONE:-default}",
        "2:15: error: model.name: the environment variable CLO_T_NONE is not set"], NO),
    ("name: ${not a name}\n", ['1:7: error: name: "${not a name}" is no variable; write ${NAME}'], NO),
    ("model: {script: none.yaml}\n", ["1:17: error: model.script: cannot open ./none.yaml: No such file"], NO),
    ("model: {kind: chat}\n", ["1:15: error: model.kind: no API key for OpenAI's server"], NO),
    ("model: {kind: chat, base_url: 'ftp://x'}\n", ["1:31: error: model.base_url: "], NO),
    ("tools: [{library: agent.yaml}]\n", ["1:19: error: tools[0].library: './agent.yaml' is no shared library"], NO),
    ("sandbox: {image: agent.yaml}\n", ["1:18: error: sandbox.image: image ./agent.yaml"], NO),
    ("sandbox: {isolation: process, placement: thread}\n", [
        "1:42: error: sandbox.placement: thread with process isolation (sandbox.isolation)"], NO),
    ("sandbox: {memory: 1GiB, total_memory: 1GiB}\n", ["1:19: error: sandbox.memory: limit memory is 1 GiB; with 16 MiB"], NO),
    ("serve: {listen: here}\n", ['1:17: error: serve.listen: "here" is not an IP address to listen on'], NO),
    ("name: a\nname: b\n", ["1:1: error: name: the key stands twice, again on line 2"], NO),
    ("a: 1\n---\nb: 2\n", ["3:1: error: a second document begins; one is allowed"], NO),
    ("", ["1:1: error: the file is empty"], NO),
    ("model:\n\tkind: auto\n", ["2:1: error: not YAML: a tab stands here, where YAML takes only spaces"], NO),
    ("name: [a\nmodel: b\n", ["2:6: error: not YAML: "], NO),
    ("name: 'x\n", ["2:1: error: not YAML: found unexpected end of stream"], NO),
    ("name: *there\n", ["1:7: error: not YAML: found undefined alias"], NO),
    (b"name: \xff\n", ["1:7: error: not YAML: invalid leading UTF-8 octet"], NO),
    (b"name: \x01\n", ["1:7: error: not YAML: control characters are not allowed"], NO),
    ("a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9)),
     ["1:22: error: more than 65536 values, with what aliases stand for, or more than 64 levels deep"], NO),
    ("name: " + "[" * 80 + "]" * 80 + "\n", ["1:71: error: more than 65536 values"], NO),
    ("name: x\n#" + "x" * (1 << 20), ["error: agent.yaml is larger than 1 MiB"], NO),
]

GOOD = [
    "{}\n",
    "name: 12\ninstructions: ~\nmodel:\ntools: []\n",
    "name: true\n",
    "name: ${CLO_T_NONE:-x}\nsandbox: {count: '${CLO_T_NONE:-3}', memory: '${CLO_T_NONE:-64MiB}', isolation: '${CLO_T_NONE:-process}'}\n",
    "sandbox: {time: 1.5, cpu_time: 1, memory: 67108864, output: '1 mb', count: '8', wait: 1h}\n",
    "base: &b {count: 3}\n".replace("base", "sandbox"),
    "model: {kind: auto}\nserve: {listen: '::1', port: 1}\n",
    "serve: {listen: localhost, grace: 200ms, keepalive: 2 min}\n",
    "serve: {files: {keep: 24h}}\n",
    "serve: {files: {total_bytes: 100MiB}}\n",
]


class Check(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def check(self, text, *words, **more):
        (self.folder / "agent.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
        return check("agent.yaml", *words, folder=self.folder, **more)

    def test_what_is_wrong_is_told_with_its_place(self):
        for text, wanted, *no_schema in WRONG:
            with self.subTest(text[:80]):
                done = self.check(text)
                said = [line for line in done.stderr.splitlines() if not line.startswith("  ")]  # hints
                self.assertEqual((done.returncode, done.stdout, len(said)), (1, "", len(wanted)), done.stderr)
                for line, want in zip(said, wanted):
                    self.assertTrue(line.removeprefix("agent.yaml:").strip().startswith(want), f"{line} is not {want}")
                if not no_schema:
                    self.assertFalse(schema_takes(text), "the schema takes it")

    def test_serve_refuses_it_in_the_same_words(self):
        text, wanted, *_ = next(one for one in WRONG if len(one[1]) == 3)
        (self.folder / "agent.yaml").write_text(text)
        done = subprocess.run([CLOCHE, "serve", "agent.yaml"], cwd=self.folder, env=CLEAN, capture_output=True,
                              text=True, timeout=GENEROUS)
        self.assertEqual(done.returncode, 1)
        for want in wanted:
            self.assertIn("agent.yaml:" + want, done.stderr)
        self.assertTrue(done.stderr.endswith("cloche: agent.yaml has 3 errors\n"))

    def test_what_is_good_passes_both(self):
        for text in GOOD:
            with self.subTest(text):
                done = self.check(text)
                self.assertEqual((done.returncode, done.stderr, done.stdout), (0, "", "agent.yaml: no errors\n"))
                self.assertTrue(schema_takes(text), list(VALIDATOR.iter_errors(yaml.safe_load(text))))

    def test_every_file_of_the_tree_passes_both(self):
        files = [*EXAMPLES, *sorted((ROOT / "tests/e2e/agents").glob("*.yaml"))]
        self.assertGreater(len(files), 3)
        for path in files:
            with self.subTest(path):
                env = {**TOOLS, "OPENAI_BASE_URL": "http://localhost:1"}  # some name no script
                done = check("--open-tools", path, env=env)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertTrue(schema_takes(path.read_text()))

    def test_warnings_refuse_nothing(self):
        (self.folder / "s.yaml").write_text("turns: []\n")
        done = self.check("model: {api_key: sk-0123456789, kind: chat, script: s.yaml}\nsandbox: {time: 1s, cpu_time: 2s}\n"
                          "serve: {listen: 0.0.0.0}\n")
        said = [line.removeprefix("agent.yaml:") for line in done.stderr.splitlines()]
        self.assertEqual((done.returncode, done.stdout), (0, "agent.yaml: no errors, 4 warnings\n"
                                                             "agent.yaml: model: gpt-4.1-mini by chat completions at https://api.openai.com/v1\n"))
        for line, want in zip(said, ["1:18: warning: model.api_key: a key stands in the file", "1:53: warning: model.script: never played",
                                     "2:31: warning: sandbox.cpu_time: never reached",
                                     "3:17: warning: serve.listen: whoever reaches this address may use the agent: there is no authentication"]):
            self.assertTrue(line.startswith(want), line)
        self.assertNotIn("sk-0123456789", done.stderr)
        self.assertEqual(self.check("model: {api_key: '${CLO_T_KEY}', kind: chat}\n", env={"CLO_T_KEY": "sk-0123456789"}).stderr, "")

    def test_the_environment_is_that_of_serve(self):
        (self.folder / ".env").write_text("CLO_T_COUNT=3\n")
        text = "sandbox: {count: '${CLO_T_COUNT}'}\n"
        self.assertEqual(self.check(text).returncode, 0)
        self.assertIn('agent.yaml:1:18: error: sandbox.count: "x" is not', self.check(text, env={"CLO_T_COUNT": "x"}).stderr)
        (self.folder / ".env").write_text("A=1\nnonsense\n")
        self.assertIn("./.env:2:1: error: NAME=VALUE is expected\n", self.check("{}\n").stderr)
        (self.folder / ".env").unlink()
        self.assertEqual(self.check("{}\n", env={"CLOCHE_ISOLATION": "vm"}).stderr,
                         'agent.yaml: error: environment variable CLOCHE_ISOLATION: "vm" is none of microvm, process\n')

    def test_files_do_not_see_each_others_environment(self):
        for name in "a", "b":
            (self.folder / name).mkdir()
            (self.folder / name / "agent.yaml").write_text("name: ${CLO_T_A}\n")
        (self.folder / "a/.env").write_text("CLO_T_A=1\n")
        done = check("a/agent.yaml", "b/agent.yaml", "none.yaml", folder=self.folder)
        self.assertEqual((done.returncode, done.stdout), (1, "a/agent.yaml: no errors\n"))
        self.assertIn("b/agent.yaml:1:7: error: name: the environment variable CLO_T_A is not set", done.stderr)
        self.assertIn("none.yaml: error: cannot open none.yaml: No such file or directory\n", done.stderr)

    def test_a_script_has_places_of_its_own(self):
        (self.folder / "s.yaml").write_text("turns:\n- mach: x\n")
        self.assertEqual(self.check("model: {script: s.yaml}\n").stderr,
                         './s.yaml:2:3: error: turns[0].mach: unknown key; did you mean "match"?\n')

    def library(self, name, source):
        (self.folder / "t.c").write_text(source)
        subprocess.run(["cc", "-shared", "-fPIC", f"-I{ROOT}/include", "-o", self.folder / name, self.folder / "t.c"], check=True)

    def test_libraries_are_opened_only_if_that_is_asked_for(self):
        self.library("bad.so", "#include <stdlib.h>\n#include <stdio.h>\n__attribute__((constructor)) static void start(void)"
                               '{ fclose(fopen("ran", "w")); abort(); }\n')
        text = "tools: [{library: bad.so}]\n"
        done = self.check(text)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout, "agent.yaml: no errors; 1 tool library was not opened (--open-tools)\n")
        self.assertFalse((self.folder / "ran").exists())
        done = self.check(text, "--open-tools")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("agent.yaml: error: the check ended by signal 6: a tool library's start-up code may have done that\n", done.stderr)
        self.assertTrue((self.folder / "ran").exists())

    def test_opened_libraries_are_looked_through(self):
        self.library("none.so", "int x;\n")
        tool = ('#include <cloche/tool.h>\nstatic const struct clo_tool tools[] = {{.name = "same"}};\n'
                "CLO_API const struct clo_plugin clo_plugin = {CLO_PLUGIN_VERSION, 0, tools};\n")
        self.library("empty.so", tool)
        done = self.check("tools:\n- library: empty.so\n- library: none.so\n", "--open-tools")
        self.assertEqual(done.returncode, 1)
        self.assertTrue(done.stderr.startswith(
            "agent.yaml:3:12: error: tools[1].library: './none.so' is no tool library: it exports no clo_plugin\n  define"), done.stderr)
        example = BUILD / "examples/example_tools.so"
        done = self.check(f"tools:\n- library: {example}\n- library: empty.so\n- library: {example}\n", "--open-tools")
        self.assertEqual(done.stderr, 'agent.yaml:4:12: error: tools[2].library: it brings the tool "compute", '
                                      "which a library before it has\n")
        (self.folder / "arm.so").write_bytes(bytes(example.read_bytes()[:18] + b"\xb7\0" + example.read_bytes()[20:]))
        self.assertIn("is a shared library of another kind of machine", self.check("tools: [{library: arm.so}]\n").stderr)

    def test_files_without_an_end(self):
        done = check("/dev/zero")
        self.assertEqual((done.returncode, done.stderr), (1, "/dev/zero: error: /dev/zero is larger than 1 MiB\n"))

    def test_usage(self):
        for words, said in (((), "give an agent.yaml"), (("--schema", "x"), "--schema takes no file"), (("--no",), "unknown option")):
            done = check(*words)
            self.assertEqual(done.returncode, 2)
            self.assertIn("cloche check: " + said, done.stderr)


class Schema(unittest.TestCase):
    """The schema and the reader, in both directions."""
    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder, self.number = Path(folder.name), 0

    def test_the_document_is_that_of_the_program(self):
        self.assertEqual(json.loads(check("--schema").stdout), SCHEMA,
                         "build/cloche check --schema > docs/agent.schema.json")
        jsonschema.Draft202012Validator.check_schema(SCHEMA)

    def refused(self, documents):
        """Of documents those that check refuses, by one call."""
        names = []
        for text in documents:
            self.number += 1
            names.append(f"{self.number}.yaml")
            (self.folder / names[-1]).write_text(text)
        done = check(*names, folder=self.folder)
        good = set(re.findall(r"^(\d+\.yaml): no errors", done.stdout, re.M))
        return [text for name, text in zip(names, documents) if name not in good]

    def test_the_page_shows_every_key_and_no_other(self):
        """docs/agent-yaml.md, by which keys the reader is known, has those of the schema."""
        def paths(value, path=()):
            for name, inner in value.items():
                yield (*path, name)
                for one in inner if isinstance(inner, list) else [inner]:
                    yield from paths(one, (*path, name)) if isinstance(one, dict) else ()
        page = yaml.safe_load(documented())
        self.assertEqual(set(paths(page)), {path for path, _ in keys(SCHEMA["properties"])})
        self.assertTrue(VALIDATOR.is_valid(page))
        del page["tools"], page["model"]["script"], page["sandbox"]["image"]  # files that are a user's
        del page["sandbox"]["workspace"], page["sandbox"]["mounts"]
        self.assertEqual(self.refused([yaml.safe_dump(page)]), [])

    def test_defaults_and_bounds_of_the_schema_are_the_readers(self):
        good, bad = [], []
        for path, schema in keys(SCHEMA["properties"]):
            if "default" in schema:
                good.append(at(path, schema["default"]))
            for number in filter(None, (option(schema, "integer"), option(schema, "number"))):
                step = 1 if number["type"] == "integer" or path[-1] not in DURATIONS else 0.001
                good.append(at(path, number["minimum"]))
                bad.append(at(path, round(number["minimum"] - step, 3)))
                if "maximum" in number:
                    good.append(at(path, number["maximum"]))
                    bad.append(at(path, round(number["maximum"] + step, 3)))
            for form in schema.get("anyOf", ()):
                good += [at(path, word) for word in form.get("enum", ())]
                bad += [at(path, word + "x") for word in form.get("enum", ())]
        self.assertGreater(min(len(good), len(bad)), 40)
        good = [text for text in good if text != at(("sandbox", "total_memory"), 64 << 20)]  # less than a run's memory
        good = [text for text in good if text != at(("sandbox", "least"), 1024)]  # more than count, left at its default
        alone = ["auto", "script"]  # the others need a key or an endpoint
        good = [text for text in good if not text.startswith("model:\n  kind:") or text in [at(("model", "kind"), one) for one in alone]]
        self.assertEqual([text for text in good if not schema_takes(text)], [])
        self.assertEqual([text for text in bad if schema_takes(text)], [])
        self.assertEqual(self.refused(good), [])
        self.assertEqual(self.refused(bad), bad)

    def test_a_key_that_the_schema_lacks_is_refused(self):
        """At each level; so the reader has no key more."""
        levels = {path[:-1] for path, _ in keys(SCHEMA["properties"])}
        wrong = [at((*level, "no_such_key"), 1) for level in sorted(levels)]
        self.assertEqual(len(wrong), 11)
        self.assertEqual(self.refused(wrong), wrong)
        self.assertEqual([text for text in wrong if schema_takes(text)], [])

    def test_sizes_and_durations_are_written_alike(self):
        good = [at(("sandbox", "output"), text) for text in ("1", "1b", "2 KB", "3kib", "1.5MiB", "4 k", "1m", "5 bytes")]
        good += [at(("sandbox", "time"), text) for text in ("1", "200ms", "1.5 S", "2 sec", "1m", "1 min", "1h")]
        bad = [at(("sandbox", "output"), text) for text in ("1x", "MiB", "1.MiB", "1,5MiB", "-1", "1 MiB x", "1.1234567890KB")]
        bad += [at(("sandbox", "time"), text) for text in ("1d", "s", "1 2s", "+1s")]
        self.assertEqual([text for text in good if not schema_takes(text)] + self.refused(good), [])
        self.assertEqual([text for text in bad if schema_takes(text)], [])
        self.assertEqual(self.refused(bad), bad)


DURATIONS = {"timeout", "time", "cpu_time", "wait", "grace", "keepalive", "keep"}

if __name__ == "__main__":
    unittest.main()
