"""Times of Monty, a Python subset in Rust with a subprocess as its wall: lines as bench/measure.c prints them."""

import json
import os
import sys
import time
from pathlib import Path

import pydantic_monty

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
import rows  # noqa: E402

WARM, WARM_UP, COLD, CALLS = 3000, 200, 30, 500
LOOP = f"call = echo\nfor i in range({CALLS}):\n    call('x')\n"  # the name is looked up in the host once


def now():
    return time.perf_counter() * 1e6


def report(name, samples, unit="us"):
    print(json.dumps(rows.row(f"Monty: {name}", unit, samples)), flush=True)


def clean_session(pool, code="print(1)"):
    """From asking for a session to its output; the session is given back outside of the time."""
    start = now()
    session = pool.checkout()
    with session as opened:
        output = pydantic_monty.CollectString()
        opened.feed_run(code, print_callback=output)
        took = now() - start
    assert output.output == "1\n", output.output
    return took


def starts():
    for _ in range(COLD):
        start = now()
        with pydantic_monty.Monty() as pool:
            clean_session(pool)
            yield now() - start


def call(pool):
    with pool.checkout() as session:
        start = now()
        session.feed_run(LOOP, external_lookup={"echo": lambda text: text})
        return (now() - start) / CALLS


report("start to first printed result", list(starts()))
with pydantic_monty.Monty() as pool:
    samples = [clean_session(pool) for _ in range(WARM_UP + WARM)]
    report("clean session, print(1)", samples[WARM_UP:])
    report("external call", [call(pool) for _ in range(15)])
    report("memory", [rows.pss_mib(os.getpid())], "MiB")
