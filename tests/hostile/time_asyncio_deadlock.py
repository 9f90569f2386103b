"""Wait in an event loop for what nobody will ever do."""
# expect: kind=exception type=RuntimeError
# limits: --memory 64MiB
import asyncio


async def main():
    lock = asyncio.Lock()
    await lock.acquire()
    await asyncio.gather(
        lock.acquire(),
        asyncio.Event().wait(),
        asyncio.Queue().get(),
        asyncio.get_running_loop().create_future(),
    )


asyncio.run(main())
