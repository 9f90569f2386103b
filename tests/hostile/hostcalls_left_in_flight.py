"""End the run while calls are in flight: the next run must not see their replies."""
# expect: kind=ok stdout=end
import _cloche

for n in range(30):
    _cloche.submit("nap", {"ms": 100})
print("end")
