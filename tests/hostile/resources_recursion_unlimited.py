"""Raise the recursion limit to the sky first."""
# expect: kind=fault|exception|limit type=StackOverflow|OutOfBounds|RecursionError|MemoryError|SystemError|TimeLimitExceeded|CpuLimitExceeded
# limits: --memory 64MiB
import sys

sys.setrecursionlimit(2**31 - 1)


class Deep:
    def __repr__(self):
        return f"{self!r}"

    def __lt__(self, other):
        return sorted([self, other])


def down(n):
    return sorted([Deep(), Deep()]) or down(n + 1)


try:
    repr(Deep())
except RecursionError:
    pass
try:
    down(0)
except RecursionError:
    pass


def plain():
    plain()


plain()
