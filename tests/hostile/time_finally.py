"""Loops in every clause that runs while an exception passes."""


# expect: kind=limit limit=wall_ms|cpu_ms
# limits: --time 500ms --memory 64MiB
class Manager:
    def __enter__(self):
        return self

    def __exit__(self, *words):
        while True:
            pass


def generator():
    try:
        yield 1
    finally:
        while True:
            pass


kept = generator()
next(kept)
try:
    with Manager():
        while True:
            pass
finally:
    while True:
        pass
