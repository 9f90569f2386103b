"""Spin inside an import, a class body, a decorator, a comprehension and a sort."""
# expect: kind=limit limit=wall_ms|cpu_ms
# limits: --time 500ms --memory 64MiB
import builtins
import sys


class Finder:
    def find_spec(self, name, path=None, target=None):
        try:
            [n for n in iter(int, 1)]
        finally:

            class Body:
                sorted(range(10**6), key=lambda n: sum(range(1000)))


sys.meta_path.insert(0, Finder())
import nothing_of_that_name
