"""One write of 40 MB."""
# expect: kind=limit limit=output
# limits: --memory 256MiB
import sys

sys.stdout.write("y" * 40_000_000)
sys.stdout.flush()
