"""Raise SystemExit lookalikes that try to pass a failure off as a success."""


# expect: kind=exception
class Sly(Exception):
    code = 0
    exit_code = 0

    @property
    def __class__(self):
        return SystemExit


try:
    raise SystemExit(0)
except SystemExit:
    pass
raise Sly("I am no exit")
