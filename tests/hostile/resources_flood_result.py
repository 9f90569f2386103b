"""The flood hides in the value of the last expression."""
# expect: kind=ok
# limits: --memory 512MiB
"r" * 50_000_000
