"""Sleep again after each interruption."""
# expect: kind=limit limit=wall_ms|cpu_ms
# limits: --time 500ms --memory 64MiB
import time

while True:
    try:
        time.sleep(3600)
    except BaseException:
        pass
