"""What models write, through the real guest: repaired where it does not compile as it came, told in one
line, never otherwise. docs/models.md has a row for each test of the class Repairs."""

import ast
import json
import re
import unittest
from pathlib import Path

from hypervisor import needs_wall
from run_test import TOOLS, cloche

ROOT = Path(__file__).resolve().parents[2]


def run(code, *words):
    source = ["-c", code] if len(code) < 100_000 else ["-"]
    return json.loads(cloche("run", "--repair", "--json", "--tools", TOOLS, *words, *source,
                             stdin=None if source[0] == "-c" else code).stdout)


@needs_wall
class Repairs(unittest.TestCase):
    maxDiff = None

    def check(self, code, stdout, note, result=None):
        """It does not compile as it came, and what came of it is this."""
        refused = json.loads(cloche("run", "--json", "-c", code).stdout)
        self.assertIn(refused["error"]["type"], ("SyntaxError", "IndentationError", "TabError"), code)
        self.assertIsNone(refused["note"])
        got = run(code)
        self.assertEqual((got["stdout"], got["result"], got["error"]), (stdout, result, None), code)
        self.assertIn(note, got["note"] or "", code)
        self.assertNotIn("\n", got["note"])
        return got

    def refuse(self, code, kind="SyntaxError"):
        got = run(code)
        self.assertEqual((got["error"]["type"], got["note"]), (kind, None), code)
        self.assertEqual(got["error"], json.loads(cloche("run", "--json", "-c", code).stdout)["error"])

    def test_fence(self):
        taken_off = "the Markdown fence around the code was taken off"
        for code in ("```python\nprint(6 * 7)\n```", "```\nprint(6 * 7)\n```\n", "~~~py\nprint(6 * 7)\n~~~",
                     "\n```python title=x\nprint(6 * 7)\n```\n\n", "```python\nprint(6 * 7)",
                     "```print(6 * 7)```", "`print(6 * 7)`"):
            self.check(code, "42\n", taken_off)
        self.check("So:\n```python\nprint(1)\n```\nThat prints 1.", "1\n", taken_off + ", and the text around it left out")
        self.check("print(1)\n```", "1\n", "the lines of Markdown fences")
        self.check("print(1)```", "1\n", "fence at its end")
        self.check("a:\n```python\nx = 1\n```\nb:\n```bash\nls\n```\n```\nprint(x)\n```", "1\n", "2 fenced blocks were joined")
        self.check("```python\ns = '''\n```\nls\n```\n'''\nprint(len(s))\n```", "12\n", taken_off)
        self.check("x = 5\n```python\nprint(x)\n```", "5\n", "the lines of Markdown fences were taken off")
        self.check("```python\nx = 5\n```\nprint(x)", "5\n", "the lines of Markdown fences were taken off")
        got = self.check("```python\nx = 6\nx * 7\n```", "", taken_off, result="42")
        self.assertEqual(got["exit_code"], 0)

    def test_tag(self):
        for code in ("<code>\nprint(1)\n</code>", "<python>print(1)</python>", "<|python_tag|>print(1)<|eom_id|>",
                     "<execute_code lang='py'>\nprint(1)\n</execute_code>", "print(1)\n</code>", "<![CDATA[print(1)]]>"):
            self.check(code, "1\n", "taken off")

    def test_prompts(self):
        self.check(">>> x = 1\n>>> for i in range(2):\n...     print(i)\n...\n0\n1\n>>> x + 1\n7", "0\n1\n",
                   "lines without one, which are output, left out", result="2")
        self.check(">>> x = 1\ny = 2\n>>> print(x, y)", "1 2\n", "the prompts (>>>) were taken off")
        self.check("In [1]: import math\nIn [2]: print(math.gcd(4, 6))", "2\n", "prompts")

    def test_numbers(self):
        self.check("1 | x = 1\n2 | if x:\n3 |     print(x)\n", "1\n", "line numbers")
        self.refuse("1 | x = 1\n3 | print(x)\n")

    def test_prose(self):
        self.check("Here is the code that you asked for:\n\nx = 1\nprint(x)\n\nThis prints the value of x.", "1\n",
                   "the text around the code was left out")
        self.check("x = 1\nprint(x)\n\nThis prints the value of x.", "1\n", "the text after the code")
        self.check("Sure, I will compute it.\nprint(1)", "1\n", "the text before the code")
        self.refuse("x = 1\nprint x\ny = compute(1")

    def test_indentation(self):
        self.check("    x = 1\n    if x:\n        print(x)\n", "1\n", "the indentation of the whole was taken off")
        self.check("\tprint(1)", "1\n", "the indentation of the whole")
        self.check("x = 1\n    y = 2\n    print(x + y)", "3\n", "all lines but the first")
        self.refuse("x = 1\n  y = 2\nprint(y)", "IndentationError")

    def test_tabs(self):
        self.check("if True:\n\tx = 1\n        y = 2\nprint(x + y)", "3\n", "a tab was read as 8 spaces")
        # with tabs of four spaces the last line is in the outer loop, with eight in the inner one
        self.refuse("if 1:\n    if 1:\n        x = 1\n\tx = 2\nif 0:\n  x = 3\n\tprint(x)", "TabError")

    def test_escapes(self):
        read = "line breaks that were escaped twice"
        self.check(r"import math\nx = 5\nprint(math.factorial(x))", "120\n", read)
        self.check(r'x = 1\nprint(\"a\\nb\", x)', "a\nb 1\n", read)
        self.check(r'x = 1\nprint("a\nb", x)', "a\nb 1\n", read)
        self.check(r"def f():\n\treturn 1\nprint(f())", "1\n", read)
        self.check('x = 1\nprint(\\"hi\\", x)', "hi 1\n", "quotes that were escaped twice")

    def test_entities(self):
        self.check("x = 1\nif x &lt; 3 and x &gt; 0:\n    print(&quot;a&quot;, &#39;b&#39;)", "a b\n", "&lt;")

    def test_quotes(self):
        read = "typographic quotes"
        self.check("print(“hello”)", "hello\n", read)
        self.check("print(‘it’, “it's \"x\"”, „ab“, «cd»)", "it it's \"x\" ab cd\n", read)
        self.check("d = {‘a’: 1}\nprint(f“{d[‘a’]} it’s”)  # “so”", "1 it’s\n", read)
        self.check("x = “””a\nb”””\nprint(x, '“kept”')", "a\nb “kept”\n", read)

        self.refuse("print(len([\"a”, “b”, “c\"]), “x”)")  # three strings, or one

    def test_signs(self):
        self.check("x = 5 × 3 − 1\nprint(x ≥ 2, '×')", "True ×\n", "typographic signs")
        self.check("print（1，2）", "1 2\n", "typographic signs")

    def test_spaces(self):
        self.check("x =\u00a01\nif x:\n\u00a0\u00a0print(x, len('\u00a0'))\u200b", "1 1\n", "not seen")

    def test_magics(self):
        self.check("!pip install numpy\nprint(1)", "1\n", "`!pip install numpy` skipped: nothing can be installed")
        self.check("pip install -q numpy\nprint(1)", "1\n", "nothing can be installed")
        self.check("%matplotlib inline\nif 1:\n    !ls -l\n    %time print(1)\n", "1\n", "there is no IPython here")
        self.check("%%time\nx = (7\n % 4)\nprint(x)\nx?", "3\n", "`%%time`")
        self.check("s = '''\n!pip install x\n'''\n!ls\nprint(len(s))", "16\n", "`!ls` skipped: there are no processes")
        self.refuse("%%bash\nls")

    def test_return(self):
        self.check("x = 6\nreturn x * 7", "", "the last expression", result="42")
        self.check("def f():\n    return 2\nreturn {\n    'a': f()}", "", "the last expression", result="{'a': 2}")
        self.refuse("return 1\nprint(2)")

    def test_imports_of_tools(self):
        for code in ("from functions import fetch_data\nprint(len(fetch_data('users')))",
                     "import fetch_data\nprint(len(fetch_data(table='users')))",
                     "from fetch_data import fetch_data\nprint(len(fetch_data('users')))",
                     "import tools\nprint(len(tools.fetch_data('users')))",
                     "from hyperlight import call_tool\nprint(len(call_tool('fetch_data', table='users')))"):
            for words in ([], ["--placement=worker"]):
                got = run(code, *words)
                self.assertEqual((got["stdout"], got["error"]), ("3\n", None), code)
                self.assertIn("the tools are defined already", got["note"])
        without = json.loads(cloche("run", "--json", "-c", "import functions").stdout)
        self.assertEqual(without["error"]["type"], "ModuleNotFoundError")

    def test_several(self):
        got = self.check("Here is it:\n```python\n!pip install x\n  print(“1”)\n```", "1\n", "fence")
        for part in ("indentation", "quotes", "!pip install x"):
            self.assertIn(part, got["note"])
        self.check(r"```python\nprint(“1”)\n```", "1\n", "fence")


@needs_wall
class Untouched(unittest.TestCase):
    def test_what_compiles_is_not_looked_at(self):
        for code, stdout in (("s = '''```'''\nprint(len(s))", "3\n"), ("print('“a”', '&lt;', '\\\\n')", "“a” &lt; \\n\n"),
                             ("'''\n```python\nprint(1)\n```\n'''\nprint(2)", "2\n"), ("if 1:\n\tprint(1)", "1\n"),
                             ("x = 7\nx -\\\n 1\nprint(x)", "7\n"), ("# a\\nb", "")):
            got = run(code)
            self.assertEqual((got["stdout"], got["note"], got["error"]), (stdout, None, None), code)

    def test_what_is_not_plain_is_refused_as_it_came(self):
        for code in ("print(", "def f(:\n    pass", "x = = 2", "print('a", "for i in range(3)\n    print(i)",
                     "```python\nprint(\n```", "I am sorry, I cannot do that", "print 'a'", ""):
            got = run(code)
            plain = json.loads(cloche("run", "--json", "--tools", TOOLS, "-c", code).stdout)
            for one in (got, plain):
                one.pop("usage")
            self.assertEqual(got, plain, code)

    def test_nothing_is_repaired_unless_it_is_asked_for(self):
        done = cloche("run", "-c", "```\nprint(1)\n```")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        done = cloche("run", "--repair", "-c", "```\nprint(1)\n```")
        self.assertEqual((done.stdout, done.stderr, done.returncode),
                         ("1\n", "cloche: the Markdown fence around the code was taken off\n", 0))

    def test_the_traceback_shows_the_repaired_source(self):
        for words in ([], ["--placement=worker"]):
            got = run("```python\nx = 0\n1 / x\n```", *words)
            self.assertIn("    1 / x\n", got["stderr"])
            self.assertEqual((got["error"]["line"], got["exit_code"]), (2, 1))
            self.assertIn("fence", got["note"])

    def test_notes_are_one_line_and_bounded(self):
        code = "import cloche.run\ncloche.run.notes += [{!r}, 5, None, {!r}]\n{}"
        got = run(code.format("a\nb\x1b\r\u2028c", "x" * 100_000, ""))
        self.assertEqual(got["error"], None)
        self.assertTrue(got["note"].startswith("a b"), got["note"][:20])
        self.assertTrue(500 < len(got["note"].encode()) <= 1024)
        self.assertFalse(re.search(r"[\x00-\x1f\x7f]", got["note"]))
        for tail in ("cloche.run.take_notes = None", "cloche.run.notes.clear()", "del cloche.run.notes[:]",
                     "import builtins\ndel builtins.dict"):
            run(code.format("a", "b", tail))  # whatever it is, it ends
        got = run("```\nx = '" + "a" * 2_000_000 + "'\n```")  # too long to be looked at
        self.assertEqual((got["error"]["type"], got["note"]), ("SyntaxError", None))

    def test_nothing_takes_time_beyond_measure(self):
        for code in ("<a>" + " " * 60_000 + "x(", "`" * 60_000 + " x(", "```\n" * 15_000 + "(", ">>> (\n" * 10_000,
                     "“a” " * 15_000 + "(", "Aa" + " a.b" * 15_000 + "(", "\n" * 60_000 + "\\n" * 10_000 + "("):
            got = run(code, "--cpu-time", "20s", "--time", "50s")
            self.assertEqual(got["error"]["type"], "SyntaxError", code[:20])

    def test_a_limit_ends_a_long_repair(self):
        got = run("```\n" + "x = {" + "'a': '" * 100_000 + "\n```", "--time", "100ms")
        self.assertIn(got["error"]["type"], ("SyntaxError", "TimeLimitExceeded", "CpuLimitExceeded"))


# Runs in the guest: whole programs, wrapped as models wrap them, come back with the same syntax tree.
SAME = r'''
import ast, html, json, sys
from cloche.repair import repair

def tree(text):
    return ast.dump(compile(text, "x", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT))

def indented(text, by):
    return "".join(by + line if line.strip() else line for line in text.splitlines(True))

def prompted(text):
    return "\n".join((">>> " if not number or line[:1].strip() else "... ") + line
                     for number, line in enumerate(text.split("\n")))

WRAPPED = {
    "fence": lambda text: f"```python\n{text}\n```",
    "fence in prose": lambda text: f"So:\n\n```py\n{text}```\nIt prints things.",
    "tag": lambda text: f"<code>\n{text}\n</code>",
    "prose": lambda text: "Here is the code that you asked for:\n\n" + text,
    "indentation": lambda text: indented(text, "    "),
    "prompts": prompted,
    "numbers": lambda text: "\n".join(f"{n} | {line}" for n, line in enumerate(text.split("\n"), 1)),
    "entities": html.escape,
    "escapes": lambda text: json.dumps(ast.unparse(ast.parse(text)))[1:-1],
}
tried = 0
for name, text in json.load(sys.stdin).items():
    for wrap, function in WRAPPED.items():
        wrapped = function(text)
        try:
            compile(wrapped, "x", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            continue
        except SyntaxError:
            found = repair(wrapped)
        tried += 1
        wanted = ast.unparse(ast.parse(text)) if wrap == "escapes" else text
        if found is None or tree(found[0]) != tree(wanted):
            print(name, wrap, found and found[1])
print(tried)
'''


@needs_wall
class Same(unittest.TestCase):
    def test_whole_programs_come_back_as_they_were(self):
        scripts = sorted((ROOT / "tests" / "scripts").glob("*.py"))[::6]
        done = cloche("run", "--time", "50s", "-c", SAME,
                      stdin=json.dumps({path.stem: path.read_text(encoding="utf-8") for path in scripts}))
        self.assertEqual((done.stdout, done.stderr), (f"{9 * len(scripts)}\n", ""))


@needs_wall
class Missing(unittest.TestCase):
    def test_the_error_says_what_there_is_instead(self):
        for module, instead in (("numpy", "use math, statistics"), ("pandas", "use csv"), ("requests", "call a tool"),
                                ("matplotlib.pyplot", "there are no plots"), ("yaml", "use json"), ("ssl", "no network")):
            got = run(f"import {module}")
            name = module.partition(".")[0]
            self.assertEqual(got["error"]["type"], "ModuleNotFoundError")
            self.assertRegex(got["error"]["message"], rf"^No module named '_?{name}': ")
            self.assertIn(instead, got["error"]["message"])
            self.assertNotIn("cloche", got["stderr"])
            self.assertNotIn("importlib", got["stderr"])
        self.assertTrue(run("import no_such_module")["stderr"].endswith(
            "ModuleNotFoundError: No module named 'no_such_module'\n"
            "Only Python's standard library is here, and nothing can be installed.\n"))

    def test_who_only_asks_is_answered(self):
        code = "import importlib.util, sys\nprint(importlib.util.find_spec('numpy'))\n" \
               "try:\n    import numpy\nexcept ImportError as error:\n    print(error.name, 'numpy' in sys.modules)"
        self.assertEqual(run(code)["stdout"], "None\nnumpy False\n")

    def test_a_module_of_the_program_comes_first(self):
        code = "open('numpy.py', 'w').write('x = 5')\nopen('functions.py', 'w').write('y = 6')\n" \
               "import numpy, functions\nprint(numpy.x, functions.y)"
        self.assertEqual(run(code)["stdout"], "5 6\n")


@needs_wall
class Notebook(unittest.TestCase):
    def test_display(self):
        self.assertEqual(run("display([1, 2], 'x')\ndisplay()")["stdout"], "[1, 2]\n'x'\n")

    def test_a_main_function(self):
        code = "def main():\n    print('ran')\nif __name__ == '__main__':\n    main()"
        self.assertEqual(run(code)["stdout"], "ran\n")

    def test_a_large_value_costs_its_first_part(self):
        for code, kind, size in (("list(range(5_000_000))", "list", "5000000 items"),
                                 ("'a' * 100_000_000", "str", "100000000 characters"),
                                 ("b'a' * 1_000_000", "bytes", "1000000 bytes"),
                                 ("dict.fromkeys(range(100_000))", "dict", "100000 items"),
                                 ("set(range(100_000))", "set", "100000 items"),
                                 ("tuple(range(70_000))", "tuple", "70000 items")):
            got = run(code, "--memory", "512MiB")
            self.assertIsNone(got["error"], code)
            self.assertTrue(got["result"].endswith(f" ... [cut: the value is a {kind} of {size}]"), got["result"][-80:])
            self.assertLess(len(got["result"]), 66_000)
        self.assertEqual(run("list(range(3))")["result"], "[0, 1, 2]")
        self.assertTrue(run("[list(range(60_000))] * 2")["result"].endswith(" characters]"))

    def test_a_long_message_leaves_the_end_of_the_traceback(self):
        got = run("def f():\n    raise ValueError('start ' + 'x' * 100_000 + ' end')\nf()")
        text = got["stderr"]
        self.assertLess(len(text), 8192)
        for part in ("line 3, in <module>", "line 2, in f", "ValueError: start xxx", "x end\n"):
            self.assertIn(part, text)
        got = run("f(" + repr("z" * 20_000) + ")")
        self.assertLess(len(got["stderr"]), 8192)
        self.assertTrue(got["stderr"].endswith("NameError: name 'f' is not defined\n"))
        got = run("raise ValueError('x' * 3000)")
        self.assertIn("x" * 3000, got["stderr"])


class Documented(unittest.TestCase):
    def test_each_repair_has_its_row_and_its_test(self):
        tree = ast.parse((ROOT / "guests/python/prelude/cloche/repair.py").read_text(encoding="utf-8"))
        repairs = {node.name.strip("_") for node in tree.body if isinstance(node, ast.FunctionDef)
                   and any(isinstance(one, ast.Name) and one.id == "_offers" for one in node.decorator_list)}
        tests = {name.removeprefix("test_") for name in dir(Repairs) if name.startswith("test_")}
        text = (ROOT / "docs/models.md").read_text(encoding="utf-8")
        rows = re.findall(r"(?m)^\|.*\| `test_(\w+)` \|$", text)
        self.assertGreater(len(repairs), 12)
        self.assertEqual(sorted(rows), sorted(tests - {"several"}))
        self.assertEqual(repairs - tests, set())


if __name__ == "__main__":
    unittest.main()
