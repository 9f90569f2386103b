"""Formatted strings inside formatted strings, each level of which costs the parser more than the
last."""
# expect: kind=limit limit=wall_ms|cpu_ms
# limits: --time 1s --memory 128MiB
for depth in (10, 50, 100, 140, 200, 1000):
    nested = "1"
    for _ in range(depth):
        nested = "f'{" + nested + "}'"
    try:
        eval(nested)
    except (SyntaxError, MemoryError, RecursionError):
        pass
eval("f'" + "{{" * 2_000_000 + "'")  # quadratic
