"""Tasks that refuse to be cancelled, callbacks that call themselves, sleeps for years."""
# expect: kind=limit limit=wall_ms|cpu_ms
# limits: --time 700ms --memory 64MiB
import asyncio


async def stubborn():
    while True:
        try:
            await asyncio.sleep(10**8)
        except BaseException:
            pass


async def main():
    tasks = [asyncio.create_task(stubborn()) for _ in range(100)]
    await asyncio.sleep(0.05)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


asyncio.run(main())
