"""One buffer that doubles until there is no more: a MemoryError that names the limit."""
# expect: kind=limit type=MemoryLimitExceeded limit=memory
data = bytearray(b"x")
while True:
    data *= 2
