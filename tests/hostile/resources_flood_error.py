"""The flood hides in the exception: a message of 30 MB, notes, a huge type name."""
# expect: kind=exception
# limits: --memory 512MiB
kind = type("N" * 5_000_000, (Exception,), {})
error = kind("m" * 30_000_000)
for n in range(1000):
    error.add_note("note" * 1000)
raise error
