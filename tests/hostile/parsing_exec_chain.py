"""Source that makes source that makes source: exec inside exec, and a program that writes longer
programs."""
# expect: kind=exception type=RecursionError
# limits: --memory 128MiB
program = "exec(program)"
try:
    exec(program)
except RecursionError:
    pass
text = "pass"
for _ in range(300):
    text = f"exec({text!r})" if len(text) < 10**7 else text
try:
    exec(text)
except (RecursionError, MemoryError, SyntaxError):
    pass
nested = "eval(source, {'source': source})"
eval(nested, {"source": nested})
