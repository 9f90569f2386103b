# asyncio: gather, tasks, TaskGroup, timeouts, queues, locks, semaphores, events, cancellation.
import asyncio


async def work(name, delay, log):
    log.append(f"{name} start")
    await asyncio.sleep(delay)
    log.append(f"{name} end")
    return name.upper()


async def producer(queue):
    for n in range(5):
        await queue.put(n * n)
    await queue.put(None)


async def consumer(queue):
    got = []
    while (value := await queue.get()) is not None:
        got.append(value)
        queue.task_done()
    return got


async def guarded(semaphore, active, peak):
    async with semaphore:
        active.append(1)
        peak.append(len(active))
        await asyncio.sleep(0.001)
        active.pop()


async def countdown(n):
    while n:
        yield n
        n -= 1
        await asyncio.sleep(0)


async def main():
    log = []
    print(await asyncio.gather(work("a", 0.6, log), work("b", 0.1, log), work("c", 0.3, log)))
    print(log)
    queue = asyncio.Queue(maxsize=2)
    print((await asyncio.gather(producer(queue), consumer(queue)))[1])
    try:
        await asyncio.wait_for(asyncio.sleep(10), 0.01)
    except asyncio.TimeoutError as error:
        print("timeout", type(error).__name__)
    try:
        async with asyncio.timeout(0.01):
            await asyncio.Event().wait()
    except TimeoutError:
        print("timed out")
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(work("x", 5, log))
            group.create_task(asyncio.sleep(0, 1 / 1))
            raise ValueError("stop")
    except* ValueError as error:
        print("group", error.exceptions)
    semaphore, active, peak = asyncio.Semaphore(2), [], []
    await asyncio.gather(*(guarded(semaphore, active, peak) for _ in range(6)))
    print("peak", max(peak))
    print([n async for n in countdown(4)], [n * 2 async for n in countdown(3) if n != 2])
    task = asyncio.create_task(asyncio.sleep(9))
    await asyncio.sleep(0)
    task.cancel()
    print((await asyncio.gather(task, return_exceptions=True))[0].__class__.__name__, task.cancelled())
    done, pending = await asyncio.wait([asyncio.create_task(work(n, d, log)) for n, d in (("p", 0.001), ("q", 9))],
                                       return_when=asyncio.FIRST_COMPLETED)
    print(len(done), len(pending), done.pop().result())
    [t.cancel() for t in pending]
    for coroutine in asyncio.as_completed([work("s", 0.4, log), work("r", 0.001, log)]):
        print(await coroutine)
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    loop.call_later(0.001, future.set_result, "later")
    print(await future, await asyncio.to_thread(sum, [1, 2, 3]))


asyncio.run(main())
