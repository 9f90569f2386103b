"""An exception whose text takes for ever."""


# expect: kind=limit limit=wall_ms|cpu_ms
# limits: --time 1s --memory 64MiB
class Endless(Exception):
    def __str__(self):
        while True:
            pass


raise Endless
