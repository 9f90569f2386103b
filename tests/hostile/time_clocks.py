"""Clocks must be those of now, must not stand still and must not run backwards."""
# expect: kind=ok stdout=held
# by process isolation: kind=fault type=OutOfBounds
# (wasi-libc takes the clock's number 99 for an address, and no process can map that)
import time

wrong = []
last = {clock: clock() for clock in (time.monotonic_ns, time.perf_counter_ns, time.process_time_ns)}
for _ in range(20_000):
    for clock, before in last.items():
        now = clock()
        if now < before:
            wrong.append(clock.__name__)
        last[clock] = now
start = time.monotonic(), time.time()
time.sleep(0.05)
passed = time.monotonic() - start[0], time.time() - start[1]
wrong += [passed] if not all(0.049 <= seconds < 3 for seconds in passed) else []
wrong += ["an old date"] if time.gmtime().tm_year < 2024 else []
for act in (
    lambda: time.clock_settime(0, 0),
    lambda: time.clock_gettime(99),
    lambda: time.gmtime(2**62),
    lambda: time.ctime(float("inf")),
    lambda: time.strftime("%" * 1000 + "Y" * 10**6),
    lambda: time.localtime(-(2**62)),
    lambda: time.mktime((10**9,) * 9),
    lambda: time.tzset(),
):
    try:
        act()
    except (OSError, OverflowError, ValueError, AttributeError):
        pass
print(wrong or "held")
