"""Catastrophic backtracking inside the regular-expression engine."""
# expect: kind=limit limit=wall_ms|cpu_ms
# limits: --time 500ms --memory 64MiB
import re

re.match(r"(a|a|b|ab)*(a+)+(a*)*$", "a" * 60 + "!")
