"""Large results that nobody takes for a while: the host makes no more of them, and loses none."""
# expect: kind=ok stdout=500
# limits: --memory 128MiB
import _cloche

for n in range(500):
    _cloche.submit("hold", {"ms": 20, "value": "x" * 1000, "times": 1000})
call_tool("nap", ms=2000)
taken = 0
while taken < 500 and _cloche.wait(60.0) is not None:
    taken += 1
print(taken)
