"""An event loop whose task never yields, under a timeout that never gets its turn."""
# expect: kind=limit limit=wall_ms|cpu_ms
# limits: --time 500ms --memory 64MiB
import asyncio


async def spin(timeout):
    timeout.reschedule(asyncio.get_running_loop().time() + 0.01)
    while True:
        pass


async def main():
    async with asyncio.timeout(None) as timeout:
        await asyncio.gather(spin(timeout), asyncio.sleep(0))


asyncio.run(main())
