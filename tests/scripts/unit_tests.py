# unittest, mock and doctest run inside the program: results, skips, subtests, patches, failing examples.
import doctest
import io
import unittest
from unittest import mock


def fizz(n):
    """Fizz buzz.

    >>> [fizz(n) for n in (1, 3, 5, 15)]
    ['1', 'Fizz', 'Buzz', 'FizzBuzz']
    >>> fizz(2)
    'two'
    """
    return "Fizz" * (n % 3 == 0) + "Buzz" * (n % 5 == 0) or str(n)


class Service:
    def __init__(self, client):
        self.client = client

    def total(self, *names):
        return sum(self.client.get(name, timeout=5) for name in names)


class Tests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.trace = []

    def setUp(self):
        self.client = mock.Mock()
        self.addCleanup(self.trace.append, self.id().split(".")[-1])

    def test_total(self):
        self.client.get.side_effect = [1, 2, 3]
        self.assertEqual(Service(self.client).total("a", "b", "c"), 6)
        self.client.get.assert_called_with("c", timeout=5)
        self.assertEqual(self.client.get.call_args_list[0], mock.call("a", timeout=5))

    def test_error(self):
        self.client.get.side_effect = KeyError("gone")
        with self.assertRaisesRegex(KeyError, "gone"):
            Service(self.client).total("a")

    def test_sub(self):
        for n in (1, 2, 3):
            with self.subTest(n=n):
                self.assertNotEqual(n, 2)

    def test_failing(self):
        self.assertEqual({"a": [1, 2]}, {"a": [1, 3]})

    def test_almost(self):
        self.assertAlmostEqual(0.1 + 0.2, 0.3)
        self.assertIn(1, [1])
        self.assertCountEqual([1, 2, 2], [2, 1, 2])
        with self.assertWarns(UserWarning):
            import warnings
            warnings.warn("x")

    @unittest.skip("not today")
    def test_skipped(self):
        self.fail()

    @unittest.expectedFailure
    def test_expected(self):
        self.assertTrue(False)


class AsyncTests(unittest.IsolatedAsyncioTestCase):
    async def test_await(self):
        double = mock.AsyncMock(return_value=5)
        self.assertEqual(await double(1), 5)
        double.assert_awaited_once_with(1)


suite = unittest.TestSuite(unittest.defaultTestLoader.loadTestsFromTestCase(c) for c in (Tests, AsyncTests))
result = unittest.TextTestRunner(stream=io.StringIO()).run(suite)
print(result.testsRun, len(result.failures), len(result.errors), len(result.skipped), len(result.expectedFailures), result.wasSuccessful())
print([line for line in result.failures[0][1].splitlines() if line.startswith(("Assertion", "- ", "+ "))], sorted(Tests.trace)[:3])
with mock.patch("math.sqrt", return_value=99) as fake, mock.patch.dict("os.environ", {"X": "1"}):
    import math
    import os
    print(math.sqrt(4), os.environ["X"], fake.call_count)
print(math.sqrt(4), mock.MagicMock(spec=["read"]).read() is not None, mock.sentinel.token)
runner = doctest.DocTestRunner(verbose=False)
out = []
for test in doctest.DocTestFinder().find(fizz, "fizz", globs={"fizz": fizz}):
    runner.run(test, out=out.append)
print((runner.tries, runner.failures), [l.strip() for l in "".join(out).splitlines() if "two" in l])
