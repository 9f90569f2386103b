"""Endless waiting by await at the top level of the program."""
# expect: kind=limit limit=wall_ms|cpu_ms stdout=before
# limits: --time 500ms --memory 64MiB
import asyncio

print("before", flush=True)
while True:
    try:
        await asyncio.sleep(0)
        await asyncio.sleep(10**9)
    except BaseException:
        pass
