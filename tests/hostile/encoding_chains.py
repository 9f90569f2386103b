"""Exceptions chained in circles and a hundred thousand deep, groups in groups."""
# expect: kind=exception type=ExceptionGroup
# limits: --memory 256MiB
one, two = ValueError("one"), ValueError("two")
one.__cause__, two.__cause__ = two, one
one.__context__ = one
last = one
for n in range(100_000):
    error = ValueError(n)
    error.__context__ = last
    last = error
group = ExceptionGroup("deep", [last])
for _ in range(5000):
    group = ExceptionGroup("g", [group, one])
raise group
