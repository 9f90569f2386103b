"""An event loop whose task never yields, under a timeout that never gets its turn."""
# expect: kind=limit limit=wall_ms|cpu_ms
# limits: --time 500ms --memory 64MiB
import asyncio


async def spin():
    while True:
        pass


async def main():
    async with asyncio.timeout(0.01):
        await asyncio.gather(spin(), asyncio.sleep(0))


asyncio.run(main())
