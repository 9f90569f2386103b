"""The limit names the line that runs, inside a function."""


# expect: kind=limit limit=wall_ms|cpu_ms stderr_has=spin
# limits: --time 500ms --memory 64MiB
def spin():
    n = 0
    while n >= 0:
        n += 1


spin()
