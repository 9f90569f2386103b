"""Exit with numbers no process can return, after faking the answer of the sandbox's own exits."""
# expect: kind=ok exit=255 stdout_has=leaving
import sys


class Code(int):
    def __int__(self):
        raise RuntimeError

    def __index__(self):
        return 0

    def __str__(self):
        raise RuntimeError


print("leaving")
sys.exit(Code(2**70 + 255))
