"""Coroutines of calls that nobody awaits, and tasks that are dropped half-way."""
# expect: kind=ok stdout=end
# limits: --memory 128MiB
import asyncio
import warnings

warnings.simplefilter("ignore")
for _ in range(20_000):
    call_tool_async("measure", value=1)


async def dropped():
    tasks = [asyncio.ensure_future(call_tool_async("nap", ms=20)) for _ in range(50)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    return tasks


left = asyncio.run(dropped())


async def many():
    await asyncio.wait_for(
        asyncio.gather(*(call_tool_async("measure", value=n) for n in range(200))), 5
    )


asyncio.run(many())
print("end")
