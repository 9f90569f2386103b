"""Start calls without ever taking their replies, big ones among them."""
# expect: kind=ok stdout_has=end
# limits: --memory 128MiB
import _cloche

accepted = 0
for n in range(9_000):
    try:
        _cloche.submit("result", {"kind": "large"} if n % 10 == 0 else {"kind": "small"})
        accepted += 1
    except RuntimeError:
        pass
taken = 0
while (reply := _cloche.wait(0.2)) is not None:
    taken += 1
print("end", taken <= accepted)
