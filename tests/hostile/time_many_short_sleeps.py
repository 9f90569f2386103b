"""A million short sleeps: each costs the host a call, so that processor time of the guest stays
low."""
# expect: kind=limit limit=wall_ms|cpu_ms
# limits: --time 500ms --memory 64MiB
import time

while True:
    time.sleep(1e-9)
    time.sleep(0)
