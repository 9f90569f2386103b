"""Times of hyperlight-sandbox, the sandbox of Agent Framework's CodeAct provider: lines as bench/measure.c prints
them, or one that says why it does not start. A clean run is what the provider does: restore, then run."""

import json
import os
import sys
import time
from pathlib import Path

from hyperlight_sandbox import Sandbox

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
import rows  # noqa: E402

WARM, WARM_UP, COLD, CALLS = 1000, 50, 10, 200
LOOP = f"for i in range({CALLS}):\n    call_tool('echo', text='x')\n"


def now():
    return time.perf_counter() * 1e6


def report(name, samples, unit="us"):
    print(json.dumps(rows.row(f"hyperlight-sandbox: {name}", unit, samples)), flush=True)


def create():
    sandbox = Sandbox(backend="wasm", module="python_guest.path")
    sandbox.register_tool("echo", lambda text="": text)
    return sandbox


def started():
    start = now()
    result = create().run("print(1)")
    took = now() - start
    assert result.stdout == "1\n", result
    return took


def timed(code, sandbox, clean):
    start = now()
    if clean:
        sandbox.restore(clean)
    result = sandbox.run(code)
    took = now() - start
    assert result.success, result
    return took


try:
    started()
except RuntimeError as failure:  # a hypervisor that it cannot use, or none
    print(json.dumps({"name": "hyperlight-sandbox", "failure": str(failure)}))
    sys.exit()
report("start to first printed result", [started() for _ in range(COLD)])
sandbox = create()
sandbox.run("None")
clean = sandbox.snapshot()
report("clean run, print(1)", [timed("print(1)", sandbox, clean) for _ in range(WARM_UP + WARM)][WARM_UP:])
report("tool call", [timed(LOOP, sandbox, None) / CALLS for _ in range(15)])
report("memory", [rows.pss_mib(os.getpid())], "MiB")
