"""Quadratic conversions with the safety limit switched off."""
# expect: kind=limit limit=wall_ms|cpu_ms
# limits: --time 500ms --memory 128MiB
import sys

sys.set_int_max_str_digits(0)
n = int("9" * 3_000_000)
str(n)
