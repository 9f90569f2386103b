"""Catch whatever ends the loop and loop on: the run is stopped from outside."""
# expect: kind=limit limit=wall_ms|cpu_ms stdout_has=before
# limits: --time 500ms --memory 64MiB
print("before", flush=True)
while True:
    try:
        while True:
            pass
    except BaseException as error:
        caught = error
