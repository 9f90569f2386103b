"""Arguments in flight, small on the wire, large in the host: what is too much there is refused."""
# expect: kind=ok stdout=(True, []) True too many host calls in flight
# limits: --memory 128MiB
import _cloche

chain = 0
for level in range(100):
    chain = {"": chain}
_cloche.submit("hold", {"ms": 0, "value": [chain] * 10_000, "times": 0})  # alone, it may
print(_cloche.wait(60.0)[1:], end=" ")

large = [0] * 1_000_000
accepted, why = 0, ""
for n in range(20):
    try:
        _cloche.submit("hold", {"ms": 9000, "value": large, "times": 0})
        accepted += 1
    except RuntimeError as error:
        why = str(error)
print(0 < accepted < 20, why.partition(":")[0])
