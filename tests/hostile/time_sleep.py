"""Sleep for years, by every function that sleeps."""
# expect: kind=limit limit=wall_ms
# limits: --time 500ms --memory 64MiB
import select
import time

for seconds in (-1, float("nan"), float("inf"), 1e300, -float("inf"), 10**400, "1", None):
    try:
        time.sleep(seconds)
    except (ValueError, OverflowError, TypeError):
        pass
for _ in range(10):
    try:
        time.sleep(1e9)
    except Exception:
        pass
print("the limit was not kept")
