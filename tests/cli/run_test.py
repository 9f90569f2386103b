"""`cloche run` as a user types it, on the real image in the real micro-VM."""

import json
import os
import subprocess
import tempfile
import textwrap
import time
import unittest
import zlib
from pathlib import Path

from hypervisor import needs_hypervisor, needs_wall

BUILD = Path(os.environ.get("CLOCHE_BUILD", "build"))
CLOCHE = str(BUILD / "cloche")
TOOLS = str(BUILD / "examples" / "example_tools.so")
GENEROUS = 60


def cloche(*words, stdin=None, env=None):
    source = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
    return subprocess.run([CLOCHE, *words], **source, capture_output=True, text=True,
                          timeout=GENEROUS, env={**os.environ, **(env or {})})


def run(code, *words):
    return cloche("run", *words, "-c", code)


def run_json(code, *words):
    done = run(code, "--json", *words)
    return json.loads(done.stdout), done


@needs_wall
class Run(unittest.TestCase):
    def test_prints(self):
        done = run("print(sum(range(1000)))")
        self.assertEqual((done.stdout, done.stderr, done.returncode), ("499500\n", "", 0))

    def test_file_and_standard_input(self):
        with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
            file.write("def f(x):\n    return x / 0\n\nf(1)\n")
            file.flush()
            done = cloche("run", file.name)
        self.assertEqual(done.returncode, 1)
        self.assertIn("ZeroDivisionError: division by zero", done.stderr)
        self.assertIn("return x / 0", done.stderr)
        self.assertIn("line 4", done.stderr)
        self.assertEqual(cloche("run", "-", stdin="print('in')").stdout, "in\n")

    def test_json_replaces_stray_bytes_and_nothing_beside_them(self):
        result, _ = run_json(r'import sys; sys.stdout.buffer.write(b"a\x80b\xc3\xa9\xffz\0\xed\xa0\x80")')
        self.assertEqual(result["stdout"], "a\ufffdb\u00e9\ufffdz\0\ufffd\ufffd\ufffd")

    def test_exit_codes(self):
        self.assertEqual(run("import sys; sys.exit(3)").returncode, 3)
        self.assertEqual(run("import sys; sys.exit()").returncode, 0)
        self.assertEqual(run("raise SystemExit('why')").returncode, 1)
        self.assertEqual(run("import os; os._exit(4)").returncode, 4)
        self.assertEqual(run("print(").returncode, 1)
        self.assertIn("SyntaxError", run("print(").stderr)

    def test_output_comes_as_it_is_made(self):
        process = subprocess.Popen(
            [CLOCHE, "run", "--time", "100s", "-c", "import time\nprint('first')\ntime.sleep(100)"],
            stdout=subprocess.PIPE)
        start = time.monotonic()
        self.assertEqual(process.stdout.readline(), b"first\n")
        self.assertLess(time.monotonic() - start, 90)
        process.kill()
        self.assertEqual(process.communicate(timeout=GENEROUS)[0], b"")
        self.assertEqual(run("import time\nprint('first')\ntime.sleep(0.01)\nprint('second')").stdout,
                         "first\nsecond\n")

    def test_result_is_the_last_expression(self):
        result, _ = run_json("x = 6\nx * 7")
        self.assertEqual((result["result"], result["stdout"], result["error"]), ("42", "", None))
        self.assertIsNone(run_json("x = 1")[0]["result"])

    def test_endless_loop_ends_at_its_limit_with_the_line(self):
        result, done = run_json("x = 1\nwhile True:\n    pass", "--time", "200ms")
        self.assertEqual(done.returncode, 124)
        error = result["error"]
        self.assertEqual((error["kind"], error["limit"]), ("limit", "wall_ms"))
        self.assertEqual(error["limit_value"], 200)
        self.assertIn(error["line"], (2, 3))
        self.assertIn("200 ms", result["stderr"])

    def test_code_that_swallows_the_limit_is_stopped(self):
        code = "print('before')\nwhile True:\n try:\n  while True: pass\n except BaseException: pass"
        result, done = run_json(code, "--time", "200ms")
        self.assertEqual((done.returncode, result["stdout"]), (124, "before\n"))
        self.assertEqual(result["error"]["limit"], "wall_ms")

    def test_one_long_c_call_is_stopped(self):
        result, _ = run_json("10 ** 10 ** 8", "--time", "200ms")
        self.assertEqual(result["error"]["limit"], "wall_ms")

    def test_sleep_ends_at_the_limit(self):
        result, _ = run_json("import time\ntime.sleep(1000)", "--time", "200ms")
        self.assertEqual(result["error"]["limit"], "wall_ms")
        self.assertLess(result["usage"]["wall_us"], 30_000_000)

    def test_memory_limit_is_a_memory_error(self):
        result, _ = run_json("try:\n    bytearray(10**9)\nexcept MemoryError:\n    print('refused')")
        self.assertEqual((result["stdout"], result["error"]), ("refused\n", None))
        result, _ = run_json("bytearray(10**9)")
        self.assertEqual((result["error"]["type"], result["error"]["limit"]), ("MemoryError", "memory"))

    def test_memory_that_is_used_up_to_the_last_byte_is_told(self):
        """The report needs memory itself. What is left for it depends on the limit: CPython may have had
        none for the traceback."""
        for limit in (64, 72, 76, 84, 100, 128):
            with self.subTest(limit):
                result, status = run_json("keep = {}\nn = 0\nwhile True:\n    keep[n] = [n]\n    n += 1",
                                          "--memory", f"{limit}MiB")
                self.assertEqual((result["error"]["type"], result["error"]["limit"]), ("MemoryError", "memory"))
                self.assertIn(result["error"]["line"], (4, None))
                self.assertTrue(result["stderr"].endswith("MemoryError\n"), result["stderr"])
                self.assertEqual(result["exit_code"], 137)
        self.assertEqual(run("x = bytearray(400 << 20); print(len(x))", "--memory", "512MiB").stdout,
                         "419430400\n")

    def test_output_is_cut_between_characters(self):
        floods = [("import sys\nsys.{}.write('€' * 100_000)", "100000"),
                  ("import sys\nfor _ in range(10): sys.{}.write('€' * 20_000)", "100KiB"),
                  ("import sys\nsys.{}.write('x' + 'é😀' * 100_000)", "99999")]
        size = {"100KiB": 102400}
        for code, limit in floods:
            for stream in "stdout", "stderr":
                for place in [], ["--placement=worker"]:
                    with self.subTest(code=code, stream=stream, place=place):
                        words = (*place, "--output-limit", limit)
                        result, _ = run_json(code.format(stream), *words)
                        done = run(code.format(stream), *words)  # which fails unless it is UTF-8
                        self.assertEqual(getattr(done, stream), result[stream])
                        text = result[stream].removesuffix("\n").removesuffix(
                            f"cloche: {result['error']['message']}").removesuffix("\n").encode()
                        most = size.get(limit) or int(limit)
                        self.assertNotIn("\ufffd", result[stream])
                        self.assertTrue(most - 4 < len(text) <= most, len(text))

    def test_messages_are_cut_between_characters(self):
        code = "try: call_tool({} + 'é' * 500)\nexcept ToolError as error: print(str(error)[:16])"
        for start in "'x'", "''":
            self.assertEqual(run(code.format(start), "--tools", TOOLS).stdout, "there is no tool\n")

    def test_output_flood_stops_with_a_note(self):
        result, _ = run_json("for i in range(1_000_000): print('line', i)")
        self.assertEqual(result["error"]["limit"], "output")
        self.assertTrue(result["stdout"].startswith("line 0\nline 1\n"))
        self.assertLessEqual(len(result["stdout"]), 1 << 20)
        self.assertIn("output limit", result["stderr"])

    def test_recursion(self):
        result, _ = run_json("def f(): f()\nf()")
        self.assertEqual(result["error"]["type"], "RecursionError")

    def test_no_input(self):
        result, _ = run_json("input('name? ')")
        self.assertEqual(result["error"]["type"], "EOFError")
        self.assertIn("without standard input", result["error"]["message"])
        code = """if True:
            import io, sys
            def outcome(function):
                try:
                    return function()
                except EOFError as error:
                    return "without standard input" in str(error)
            print(*map(outcome, (sys.stdin.read, sys.stdin.readline, lambda: list(sys.stdin),
                                 sys.stdin.buffer.read, lambda: sys.stdin.buffer.read(3))))
            sys.stdin.reconfigure(encoding="utf-8")
            print(sys.stdin.isatty(), sys.stdin.name, sys.stdin.mode,
                  isinstance(sys.stdin, io.TextIOWrapper), sys.__stdin__ is sys.stdin)
        """
        self.assertEqual(cloche("run", "-c", code).stdout,
                         "True True True True True\nFalse <stdin> r True True\n")

    def test_arguments_reach_the_code(self):
        code = "import sys\nprint(sys.argv, __file__)"
        with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
            file.write(code)
            file.flush()
            for option in ([], ["--placement=worker"]):
                done = cloche("run", *option, file.name, "--json", "-x", "", "zwei")
                self.assertEqual(done.stdout, f"{[file.name, '--json', '-x', '', 'zwei']} "
                                              f"{file.name}\n")
        self.assertEqual(cloche("run", "-c", code, "a", "--time").stdout,
                         "['<code>', 'a', '--time'] <code>\n")
        self.assertEqual(cloche("run", "-c", code, "--", "--time", "x").stdout,
                         "['<code>', '--time', 'x'] <code>\n")
        self.assertEqual(cloche("run", "-", "a", "b", stdin=code).stdout,
                         "['<stdin>', 'a', 'b'] <stdin>\n")
        done = subprocess.run([CLOCHE, "run", "-c", code, b"\xff"], capture_output=True,
                              stdin=subprocess.DEVNULL, timeout=GENEROUS)
        self.assertIn(b"udcff", done.stdout)
        done = cloche("run", "-c", code, *["x" * 100_000] * 11)
        self.assertEqual(done.returncode, 126)
        self.assertIn("1100011 bytes", done.stderr)

    def test_mounts_are_found_below_input(self):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name, "data: one")
            folder.mkdir()
            (folder / "t.csv").write_text("a,b\n1,2\n")
            code = "import os; print(os.listdir('/input'), open('/input/%s').read()[:3])"
            for mount, path, there in (
                    (str(folder), "data: one/t.csv", ["data: one"]),
                    (f"{folder}/", "data: one/t.csv", ["data: one"]),
                    (f"{folder}:/input", "t.csv", ["t.csv"]),
                    (f"{folder}:/input/x/y:ro", "x/y/t.csv", ["x"]),
                    (f"{folder}/t.csv", "t.csv", ["t.csv"]),
                    (f"{folder}/t.csv:/input/other.csv", "other.csv", ["other.csv"])):
                with self.subTest(mount=mount):
                    done = run(code % path, "--mount", mount)
                    self.assertEqual((done.stdout, done.stderr), (f"{there} a,b\n", ""))
            done = run("print(len(open('/input/a/t.csv').read()), os.listdir('/input/b'))"
                       .replace("print", "import os; print"),
                       "--mount", f"{folder}:/input/a", "--mount", f"{folder}:/input/b")
            self.assertEqual(done.stdout, "8 ['t.csv']\n")

    def test_a_mount_that_cannot_be_is_refused(self):
        for mount, says in (("/nowhere", 'cannot mount "/nowhere": No such file or directory'),
                            ("/tmp:/data", 'a mount at "/data", which is not in /input'),
                            ("/tmp:/input/../x", 'a place has no ".", ".." or empty name'),
                            ("/dev/null", "neither a folder nor a regular file")):
            with self.subTest(mount=mount):
                done = run("print(1)", "--mount", mount)
                self.assertEqual((done.stdout, done.returncode), ("", 126))
                self.assertIn(says, done.stderr)
        for mount, says in (("", "names no folder or file"), ("/tmp:/input/x:rw", "cannot be written")):
            with self.subTest(mount=mount):
                done = run("print(1)", "--mount", mount)
                self.assertEqual(done.returncode, 2)
                self.assertIn(says, done.stderr)

    def test_where_the_micro_vm_lives(self):
        done = cloche("run", "--worker", "-c", "print(1)")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("--worker is called --placement=worker now", done.stderr)
        done = cloche("run", "--placement=process", "-c", "print(1)")
        self.assertEqual(done.returncode, 2)
        self.assertIn('--placement "process" is none of thread, worker', done.stderr)

    @needs_hypervisor
    def test_a_micro_vm_lives_where_it_is_put(self):
        for place in "thread", "worker":
            done = cloche("run", "--isolation=microvm", "--placement", place, "-c", "print(1)")
            self.assertEqual((done.stdout, done.stderr), ("1\n", ""))

    @needs_hypervisor
    def test_usage_says_which_wall_stood(self):
        for words in ([], ["--isolation=microvm"], ["--isolation", "microvm", "--placement=worker"]):
            done = cloche("run", "--json", *words, "-c", "6 * 7", env={"CLOCHE_ISOLATION": ""})
            result = json.loads(done.stdout)
            self.assertEqual((result["result"], result["usage"]["isolation"]), ("42", "microvm"))
        done = cloche("run", "--isolation=microvm", "--json", "-c", "1", env={"CLOCHE_ISOLATION": "process"})
        self.assertEqual(json.loads(done.stdout)["usage"]["isolation"], "microvm")  # the option comes first

    def test_process_isolation(self):
        for words, environment in (["--isolation=process"], {}), ([], {"CLOCHE_ISOLATION": "process"}), (
                ["--isolation=process", "--placement=worker"], {"CLOCHE_ISOLATION": "microvm"}):
            done = cloche("run", *words, "--json", "-c", "print(sum(range(1000)))", env=environment)
            self.assertEqual((done.stderr, done.returncode), ("", 0))
            result = json.loads(done.stdout)
            self.assertEqual((result["stdout"], result["usage"]["isolation"]), ("499500\n", "process"))
        done = cloche("run", "--isolation=process", "--tools", TOOLS, "-c", "print(compute('add', 1, 2))")
        self.assertEqual((done.stdout, done.stderr), ("3.0\n", ""))
        result, done = run_json("while True: pass", "--isolation=process", "--time=200ms")
        self.assertEqual((done.returncode, result["usage"]["isolation"]), (124, "process"))

    def test_standard_input_reaches_the_code(self):
        code = "import sys\nprint(input(), sys.stdin.read().splitlines(), sys.stdin.isatty())"
        for option in ([], ["--placement=worker"]):
            done = cloche("run", *option, "-c", code, stdin="één\nb\nc\n")
            self.assertEqual((done.stdout, done.stderr), ("één ['b', 'c'] False\n", ""))
        with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
            file.write("import sys\nprint(sum(map(int, sys.stdin)))")
            file.flush()
            done = cloche("run", file.name, stdin="".join(f"{i}\n" for i in range(200_000)))
            self.assertEqual((done.stdout, done.stderr), ("19999900000\n", ""))
        data = bytes(range(256)) * 1000
        done = subprocess.run(
            [CLOCHE, "run", "-c", "import sys, zlib\nprint(zlib.crc32(sys.stdin.buffer.read()))"],
            input=data, capture_output=True, timeout=GENEROUS)
        self.assertEqual(done.stdout, b"%d\n" % zlib.crc32(data))
        done = cloche("run", "-c", "input()\ninput()", stdin="one\n")
        self.assertIn("EOFError: EOF when reading a line", done.stderr)
        # the code has taken standard input for itself
        done = cloche("run", "-", stdin="input()")
        self.assertIn("without standard input", done.stderr)

    def test_input_that_nobody_reads_or_that_does_not_come_holds_up_nobody(self):
        process = subprocess.Popen([CLOCHE, "run", "-c", "print('done')"], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE)
        self.assertEqual(process.stdout.read(), b"done\n")  # and its input is still open
        self.assertEqual(process.wait(GENEROUS), 0)
        process.stdin.close()
        process.stdout.close()
        for option in ([], ["--placement=worker"]):
            words = [CLOCHE, "run", *option, "--time", "300ms", "-c", "import sys\nsys.stdin.read()"]
            process = subprocess.Popen(words, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
            text = process.stderr.read()
            self.assertEqual(process.wait(GENEROUS), 124)
            self.assertIn(b"TimeLimitExceeded", text)
            self.assertIn(b"line 2", text)
            process.stdin.close()
            process.stderr.close()

    def test_the_last_value_is_shown_only_where_somebody_reads_it(self):
        code = "class Odd:\n    def __repr__(self):\n        raise RuntimeError('no repr')\nOdd()"
        done = run(code)
        self.assertEqual((done.stdout, done.stderr, done.returncode), ("", "", 0))
        result, done = run_json(code)
        self.assertEqual(done.returncode, 0)
        self.assertIsNone(result["error"])
        self.assertEqual(result["result"],
                         "<Odd object: its repr() raised RuntimeError: no repr>")
        self.assertEqual(run("range(3).__class__\n'x' * 10_000_000").stderr, "")

    def test_a_program_that_awaits_may_run_loops_of_its_own(self):
        code = textwrap.dedent('''
            import asyncio
            async def answer(n):
                await asyncio.sleep(0.01)
                return n
            print(asyncio.run(answer(1)))
            background = asyncio.create_task(answer(5))
            print(await answer(2))
            print(asyncio.run(answer(3)), asyncio.new_event_loop().run_until_complete(answer(4)))
            print(asyncio.get_event_loop().run_until_complete(answer(6)))
            print(await background, asyncio.get_running_loop().is_running())
            with asyncio.Runner() as runner:
                print(runner.run(answer(7)), runner.run(answer(8)))
            async def wrong():
                asyncio.run(answer(9))
            try:
                asyncio.run(wrong())
            except RuntimeError as error:
                print(error)
            ''')
        done = run(code)
        self.assertEqual(done.stdout, "1\n2\n3 4\n6\n5 True\n7 8\nasyncio.run() cannot be called "
                                      "from a running event loop\n")

    def test_tools_answer_loops_beside_that_of_the_program(self):
        code = textwrap.dedent('''
            import asyncio
            first = asyncio.create_task(call_tool_async("compute", operation="add", a=1, b=2))
            await asyncio.sleep(0)
            async def main():
                return await asyncio.gather(*(
                    call_tool_async("compute", operation="add", a=i, b=i) for i in range(3)))
            print(asyncio.run(main()))
            await asyncio.sleep(0.05)
            print(asyncio.run(main()), await first)
            ''')
        done = run(code, "--tools", TOOLS)
        self.assertEqual((done.stdout, done.stderr), ("[0.0, 2.0, 4.0]\n[0.0, 2.0, 4.0] 3.0\n", ""))

    def test_what_a_thread_would_wait_for_in_vain_is_told(self):
        code = textwrap.dedent('''
            import queue, threading
            lock = threading.Lock()
            lock.acquire()
            waits = [lock.acquire, queue.Queue().get, queue.SimpleQueue().get,
                     threading.Event().wait, threading.Barrier(2).wait,
                     threading.Semaphore(0).acquire, queue.Queue(1).join]
            full = queue.Queue(1)
            full.put(1)
            waits.append(lambda: full.put(2))
            condition = threading.Condition()
            def wait():
                with condition:
                    condition.wait()
            waits.append(wait)
            waits[6].__self__.put(1)
            told = []
            threading.excepthook = lambda args: told.append(args.exc_type)
            for wait in waits:
                thread = threading.Thread(target=wait)
                thread.start()
                thread.join()
                try:
                    wait()
                except RuntimeError as error:
                    told.append("would wait for ever" in str(error))
            print(len(waits), told.count(RuntimeError), told.count(True))
            with lock:
                pass
            ''')
        done = run(code, "--time", "10s")
        self.assertEqual(done.stdout, "9 9 9\n")
        self.assertIn("would wait for ever", done.stderr)
        self.assertEqual(done.returncode, 1)

    def test_a_limit_in_a_thread_ends_the_run(self):
        code = "import threading\ndef f():\n    while True: pass\n" \
               "threading.Thread(target=f).start()\nprint('after')"
        done = run(code, "--time", "300ms")
        self.assertEqual((done.returncode, done.stdout), (124, ""))
        self.assertIn("while True: pass", done.stderr)

    def test_a_limit_waits_for_no_timer(self):
        result, done = run_json("import threading\nthreading.Timer(100, print).start()\n"
                                "while True: pass", "--time", "300ms")
        self.assertEqual(done.returncode, 124)
        self.assertIn("while True", result["error"]["traceback"] or "")

    def test_the_machine_has_a_name_and_no_network(self):
        code = """if True:
            import email.utils, socket, urllib.request
            print(socket.gethostname(), socket.getfqdn(), email.utils.make_msgid()[-11:])
            with open("/tmp/file", "w") as file:
                file.write("read")
            print(urllib.request.urlopen("file://localhost/tmp/file").read())
            opener = urllib.request.build_opener(urllib.request.HTTPSHandler(debuglevel=0))
            for action in (lambda: opener.open("https://example.com"),
                           lambda: socket.gethostbyname("example.com")):
                try:
                    action()
                except OSError as error:
                    print("no network" in str(error))
        """
        self.assertEqual(cloche("run", "-c", code).stdout,
                         "localhost localhost @localhost>\nb'read'\nTrue\nTrue\n")

    def test_clocks_say_what_they_are(self):
        code = """if True:
            import time
            for name in ("time", "monotonic", "perf_counter", "process_time", "thread_time"):
                info = time.get_clock_info(name)
                print(name, info.monotonic, info.adjustable, 0 < info.resolution <= 1e-6)
            try:
                time.get_clock_info("other")
            except ValueError as error:
                print(error)
        """
        self.assertEqual(cloche("run", "-c", code).stdout.splitlines(), [
            "time False True True", "monotonic True False True", "perf_counter True False True",
            "process_time True False True", "thread_time True False True", "unknown clock"])

    def test_tools(self):
        code = "users = call_tool('fetch_data', table='users')\n" \
               "print([u['name'] for u in users if u['role'] == 'admin'], compute('divide', 1, 0))\n" \
               "print(fetch_data('nothing'), compute(operation='multiply', a=7, b=6))"
        done = run(code, "--tools", TOOLS)
        self.assertEqual(done.stdout, "['Alice', 'Charlie'] inf\n[] 42.0\n", done.stderr)

    def test_tool_errors_can_be_caught(self):
        code = "try:\n    call_tool('compute', operation='modulo', a=1, b=2)\n" \
               "except RuntimeError as e:\n    print(type(e).__name__, e)"
        done = run(code, "--tools", TOOLS)
        self.assertIn("ToolError", done.stdout)
        self.assertIn("modulo", done.stdout)

    def test_worker(self):
        done = run("print(compute('add', 1, 2))", "--placement=worker", "--tools", TOOLS)
        self.assertEqual((done.stdout, done.returncode), ("3.0\n", 0), done.stderr)


class Usage(unittest.TestCase):
    def test_help(self):
        for command in ([], ["run"], ["serve"], ["image"], ["doctor"]):
            done = cloche(*command, "--help")
            self.assertEqual(done.returncode, 0)
            self.assertIn("Usage: cloche", done.stdout)

    def test_wrong_usage_names_the_value(self):
        for words, say in (
            (["frob"], "frob"), (["run"], "-c CODE"), (["run", "--time", "soon", "-c", "1"], "soon"),
            (["run", "--memory", "12q", "-c", "1"], "12q"),
            (["image", "polish"], "polish"), (["serve"], "agent.yaml"),
            (["serve", "--port", "99999", "x.yaml"], "99999"),
        ):
            done = cloche(*words)
            self.assertEqual(done.returncode, 2, words)
            self.assertIn(say, done.stderr)

    def test_a_wall_that_is_none_is_refused_wherever_it_is_asked_for(self):
        allowed = '"{}" is none of microvm, process'
        for words in (["run", "-c", "1"], ["doctor"], ["image", "build", "/nowhere.elf", "/nowhere.image"]):
            for word in "vm", "Process", "worker", "x" * 100:
                at = 2 if words[0] == "image" else 1
                option = cloche(*words[:at], "--isolation", word, *words[at:])
                self.assertEqual((option.returncode, option.stdout), (2, ""), words)
                self.assertIn("--isolation " + allowed.format(word[:64]), option.stderr)
                done = cloche(*words, env={"CLOCHE_ISOLATION": word})
                self.assertEqual((done.returncode, done.stdout), (2, ""), words)
                self.assertIn("environment variable CLOCHE_ISOLATION: " + allowed.format(word[:64]), done.stderr)
            done = cloche(*words, env={"CLOCHE_ISOLATION": ""})  # as if it were not set
            self.assertNotEqual(done.returncode, 2, done.stderr)
        # also where an option that is right comes before it: it will be asked one day
        done = cloche("run", "--isolation=microvm", "-c", "1", env={"CLOCHE_ISOLATION": "vm"})
        self.assertEqual(done.returncode, 2)
        self.assertIn("CLOCHE_ISOLATION", done.stderr)
        done = cloche("serve", "--isolation", "vm", "agent.yaml")
        self.assertEqual(done.returncode, 2)
        self.assertIn("--isolation " + allowed.format("vm"), done.stderr)

    def test_no_wall_is_taken_without_being_asked_for(self):
        why = '"auto" is refused: process isolation protects from less'
        for done in (cloche("run", "--isolation=auto", "-c", "1"), cloche("serve", "--isolation=auto", "agent.yaml"),
                     cloche("doctor", "--isolation=auto"), cloche("doctor", env={"CLOCHE_ISOLATION": "auto"})):
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn(why, done.stderr)
            self.assertIn("write microvm or process", done.stderr)

    def test_process_isolation_needs_a_process(self):
        for words, environment, by in ((["--isolation=process"], {}, "--isolation"),
                                       ([], {"CLOCHE_ISOLATION": "process"}, "CLOCHE_ISOLATION")):
            for place in ["--placement=thread", *words], [*words, "--placement", "thread"]:
                done = cloche("run", *place, "-c", "1", env=environment)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertIn(f"--placement=thread with process isolation ({by}): nothing would stand between", done.stderr)
                self.assertIn("write --placement=worker, or leave it out", done.stderr)

    def test_a_jail_is_around_a_process(self):
        for words, say in ((["--jail=some"], '--jail "some" is neither best nor strict'),
                           (["--isolation=microvm", "--jail=strict"], "--jail=strict without a worker"),
                           (["--isolation=microvm", "--jail", "strict", "--placement=thread"], "--placement=worker")):
            done = cloche("run", *words, "-c", "1")
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn(say, done.stderr)

    @unittest.skipUnless(subprocess.run(["unshare", "-U", "-r", "true"], capture_output=True).returncode == 0,
                         "THIS USER MAY MAKE NO USER NAMESPACE IN WHICH TO FORBID THEM")
    def test_process_isolation_with_less_of_a_jail_says_so(self):
        forbid = ["unshare", "-U", "-r", "sh", "-c", 'echo 0 >/proc/sys/user/max_user_namespaces; exec "$@"', "sh"]

        def run(*words):
            return subprocess.run([*forbid, BUILD / "cloche", "run", "--isolation=process", *words, "-c", "print(1)"],
                                  capture_output=True, text=True, timeout=60)
        done = run()
        self.assertEqual((done.returncode, done.stdout), (0, "1\n"))
        self.assertRegex(done.stderr, r"^cloche: process isolation without these layers of the jail, .*: user \(")
        self.assertEqual(run("--jail=best").stderr, "")
        done = run("--jail=strict")
        self.assertEqual((done.returncode, done.stdout), (126, ""))
        self.assertIn("lacks: user", done.stderr)

    def test_missing_things_are_named(self):
        for words, say in ((["run", "/nowhere.py"], "/nowhere.py"),
                           (["run", "--tools", "/nowhere.so", "-c", "1"], "/nowhere.so")):
            done = cloche(*words)
            self.assertEqual(done.returncode, 126, words)
            self.assertIn(say, done.stderr)

    @needs_wall
    def test_a_missing_image_is_named(self):
        done = cloche("run", "--image", "/nowhere.image", "-c", "1")
        self.assertEqual(done.returncode, 126)
        self.assertIn("/nowhere.image", done.stderr)


if __name__ == "__main__":
    unittest.main()
