# The command itself, on the real image: BUILD is the build folder, at its path on the host.
. /hw/tap.sh
cloche=$BUILD/cloche
tools=$BUILD/examples/example_tools.so

check "doctor runs a line of Python" 0 '^ok +python .* printed 499500 ' "$cloche" doctor
check "doctor knows what this kernel lacks" 0 'PAGEMAP_SCAN' "$cloche" doctor
check "print(sum(range(1000)))" 0 '^499500$' "$cloche" run -c 'print(sum(range(1000)))'
check "in a worker process" 0 '^499500$' "$cloche" run --placement=worker -c 'print(sum(range(1000)))'
check "floating point, json, hashes, regular expressions" 0 \
    '^1\.4142135623730951 \{"a": \[1, 2\.5\]\} ba7816bf 1267650600228229401496703205376 b-c$' \
    "$cloche" run -c 'import hashlib, json, re
print(2 ** 0.5, json.dumps({"a": [1, 2.5]}), hashlib.sha256(b"abc").hexdigest()[:8], 2 ** 100,
      re.sub(r"(\w) (\w)", r"\1-\2", "b c"))'
check "an exception and its line" 1 'ZeroDivisionError: division by zero' \
    "$cloche" run -c 'print(1 / 0)'
check "exit code" 3 '^bye$' "$cloche" run -c 'import sys; print("bye"); sys.exit(3)'
check "the clock goes on while the code sleeps" 0 '^True$' \
    "$cloche" run -c 'import time
start = time.monotonic(); time.sleep(0.2); print(0.2 <= time.monotonic() - start < 5)'
check "wall-clock limit" 124 '"limit": ?"wall_ms"' \
    "$cloche" run --json --time 500ms --cpu-time 60s -c 'while True: pass'
check "wall-clock limit in spite of the code" 124 '"limit": ?"wall_ms"' \
    "$cloche" run --json --time 500ms --cpu-time 60s -c 'while True:
    try:
        while True: pass
    except BaseException: pass'
check "processor-time limit" 124 '"limit": ?"cpu_ms"' \
    "$cloche" run --json --time 60s --cpu-time 500ms -c 'while True: pass'
check "memory limit" fails '"limit": ?"memory"' \
    "$cloche" run --json --memory 64MiB -c 'bytearray(10**9)'
check "memory is granted within the limit" 0 '^33554432 7$' \
    "$cloche" run --memory 128MiB -c 'b = bytearray(32 << 20); b[-1] = 7; print(len(b), b[-1])'
check "output limit" fails '"limit": ?"output"' \
    "$cloche" run --json --output-limit 4KiB -c 'for i in range(100000): print(i)'
check "too deep for the native stack: the guard page" fails '"type": ?"StackOverflow"' \
    "$cloche" run --json -c 'deep = iter(())
for _ in range(100000):
    deep = map(int, deep)
next(deep)'
check "a tool library" 0 "^\['Alice', 'Charlie'\] inf$" \
    "$cloche" run --tools "$tools" -c 'users = call_tool("fetch_data", table="users")
print([u["name"] for u in users if u["role"] == "admin"], compute("divide", 1, 0))'
check "a tool's failure can be caught" 0 '^ToolError .*modulo' \
    "$cloche" run --tools "$tools" -c 'try:
    call_tool("compute", operation="modulo", a=1, b=2)
except RuntimeError as error:
    print(type(error).__name__, error)'
check "a sandbox is restored between runs" 0 '^7 good runs, 1 limit, 0 exceptions$' \
    sh /hw/again.sh "$BUILD"
finish
