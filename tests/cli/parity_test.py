"""docs/parity.md: the rows of a suite account for all of its checks, and each test that a row names is there
and is played. Needs no build."""

import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "parity.md").read_text(encoding="utf-8")
VERDICTS = ("same", "better", "other", "not built", "no part")
TESTLESS = ("not built", "no part")
NAMED = re.compile(r"(tests/[\w./-]+\.(?:c|py|mjs|json|sh))(?::(.+))?")


def sections():
    """(title, number of upstream's checks or None, its rows as lists of cells)"""
    for part in re.split(r"(?m)^## ", PAGE)[1:]:
        title, _, text = part.partition("\n")
        count = re.search(r", (\d+) (?:tests|files|cases)$", title)
        lines = re.findall(r"(?m)^\|(.*)\|$", text)
        rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)] for line in lines]
        yield title, count and int(count[1]), [row for row in rows[2:]]


def is_played(path, name):
    """Whether a test of that name is there: a case in its program's table, a method, a title, or a whole file."""
    file = ROOT / path
    if not file.is_file():
        return False
    text = file.read_text(encoding="utf-8")
    if name is None:
        return file.suffix != ".c" and not path.endswith("_test.py") and not path.endswith(".test.mjs")
    if file.suffix == ".c":
        rest = re.sub(rf"static void {re.escape(name)}\(void \*\*state\)", "", text)
        return rest != text and re.search(rf"\b{re.escape(name)}\b", rest) is not None
    if file.suffix == ".py":
        return name.startswith("test_") and re.search(rf"(?m)^ +def {re.escape(name)}\(self", text) is not None
    return file.suffix == ".mjs" and any(f"test({quote}{name}{quote}" in text for quote in "\"'`")


class Parity(unittest.TestCase):
    maxDiff = None

    def test_each_row_says_what_is_here_and_shows_it(self):
        wrong, seen = [], 0
        for title, _, rows in sections():
            for row in rows:
                if len(row) != 5:
                    wrong.append(f"{title}: {len(row)} cells: {row}")
                    continue
                verdict = re.match(r"\*\*([a-z ]+)\*\*", row[3])
                tests = re.findall(r"`([^`]+)`", row[4])
                seen += len(tests)
                if not verdict or verdict[1] not in VERDICTS:
                    wrong.append(f"{title}: {row[1]}: the fourth column begins with none of {', '.join(VERDICTS)}")
                elif not tests and verdict[1] not in TESTLESS:
                    wrong.append(f"{title}: {row[1]}: no test shows it")
                for test in tests:
                    named = NAMED.fullmatch(test)
                    if not named or not is_played(*named.groups()):
                        wrong.append(f"{title}: {row[1]}: `{test}`: there is no such test")
        self.assertEqual(wrong, [])
        self.assertGreater(seen, 200)

    def test_no_check_of_a_suite_is_left_out(self):
        counts = [(title, count, sum(int(row[0]) for row in rows)) for title, count, rows in sections() if rows]
        self.assertGreater(len(counts), 10)
        self.assertEqual([one for one in counts if one[1] != one[2]], [])

    def test_the_sums_are_right(self):
        sums = dict.fromkeys(VERDICTS, 0)
        for _, _, rows in sections():
            for row in rows:
                sums[re.match(r"\*\*([a-z ]+)", row[3])[1]] += int(row[0])
        said = re.search(r"Of the (\d+) checks (\d+) come out the same, (\d+) better, (\d+) otherwise; (\d+) are not"
                         r" built, and (\d+) have no part here", PAGE)
        self.assertEqual([int(number) for number in said.groups()], [sum(sums.values()), *sums.values()])

    def test_the_check_can_fail(self):
        for test, there in (("tests/sandbox/files_test.c:no_link_is_followed", True),
                            ("tests/sandbox/files_test.c:put_bytes", False), ("tests/sandbox/files_test.c", False),
                            ("tests/sandbox/no_test.c:x", False), ("tests/cli/run_test.py:test_tools", True),
                            ("tests/cli/run_test.py:test_nothing", False), ("tests/cli/run_test.py", False),
                            ("tests/cli/run_test.py:run_json", False), ("tests/protocol/plain.json", True),
                            ("tests/protocol/none.json", False), ("tests/e2e/http.test.mjs:http", False),
                            ("tests/e2e/http.test.mjs:http: curl gets an answer", True)):
            self.assertEqual(is_played(*NAMED.fullmatch(test).groups()), there, test)


if __name__ == "__main__":
    unittest.main()
