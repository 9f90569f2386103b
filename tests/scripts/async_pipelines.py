# asyncio in depth: worker pools, priority queues, locks, conditions, barriers, shields, streams of results, context variables.
import asyncio
import contextvars

request = contextvars.ContextVar("request", default="-")


async def worker(name, queue, results):
    while True:
        number = await queue.get()
        try:
            if number == 3:
                raise ValueError(f"{number} is unlucky")
            await asyncio.sleep(0)
            results.append(number * number)
        except ValueError as error:
            results.append(str(error))
        finally:
            queue.task_done()


async def pool():
    queue, results = asyncio.Queue(), []
    workers = [asyncio.create_task(worker(n, queue, results)) for n in range(3)]
    for n in range(7):
        queue.put_nowait(n)
    await queue.join()
    for task in workers:
        task.cancel()
    print(sorted(results, key=str), [type(r).__name__ for r in await asyncio.gather(*workers, return_exceptions=True)])


async def priorities():
    queue = asyncio.PriorityQueue()
    for item in ((3, "low"), (1, "high"), (2, "middle")):
        await queue.put(item)
    print([(await queue.get())[1] for _ in range(3)], queue.empty())
    try:
        queue.get_nowait()
    except asyncio.QueueEmpty:
        print("empty")


async def critical(lock, log, name):
    async with lock:
        log.append(f"{name}+")
        await asyncio.sleep(0)
        log.append(f"{name}-")


async def coordination():
    lock, log = asyncio.Lock(), []
    await asyncio.gather(*(critical(lock, log, n) for n in "abc"))
    print("".join(log), lock.locked())
    condition, ready = asyncio.Condition(), []

    async def consumer(n):
        async with condition:
            await condition.wait_for(lambda: len(ready) >= n)
            return n

    async def feeder():
        for n in range(3):
            async with condition:
                ready.append(n)
                condition.notify_all()
            await asyncio.sleep(0)

    print(await asyncio.gather(consumer(2), consumer(3), feeder()))
    barrier = asyncio.Barrier(3)
    print(sorted(await asyncio.gather(*(barrier.wait() for _ in range(3)))))
    event = asyncio.Event()
    asyncio.get_running_loop().call_soon(event.set)
    print(await event.wait(), event.is_set())


async def shielded():
    async def slow():
        await asyncio.sleep(0.01)
        return "finished anyway"

    inner = asyncio.create_task(slow())
    try:
        await asyncio.wait_for(asyncio.shield(inner), 0.001)
    except TimeoutError:
        print("gave up", inner.done(), await inner)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(0))
            group.create_task(failing())
    except* RuntimeError as errors:
        print([str(e) for e in errors.exceptions])


async def failing():
    raise RuntimeError("task failed")


async def contexts():
    async def handle(name):
        request.set(name)
        await asyncio.sleep(0)
        return request.get()

    print(await asyncio.gather(handle("one"), handle("two")), request.get())


async def pages(n):
    for page in range(n):
        await asyncio.sleep(0)
        yield [f"{page}.{i}" for i in range(2)]


async def streaming():
    print([item async for page in pages(3) for item in page])
    generator = pages(5)
    async for page in generator:
        print("first page", page)
        break
    await generator.aclose()
    results = []
    for next_done in asyncio.as_completed([asyncio.sleep(d, v) for d, v in ((0.3, "c"), (0.001, "a"), (0.15, "b"))]):
        results.append(await next_done)
    print(results, asyncio.current_task().get_name() != "", len(asyncio.all_tasks()))


for job in (pool, priorities, coordination, shielded, contexts, streaming):
    asyncio.run(job())
with asyncio.Runner() as runner:
    print(runner.run(asyncio.sleep(0, "runner")), runner.get_loop().is_running())
try:
    asyncio.run(failing())
except RuntimeError as error:
    print(error)
