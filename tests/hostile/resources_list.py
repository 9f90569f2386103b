"""A list that doubles."""
# expect: kind=limit type=MemoryLimitExceeded limit=memory
items = [0]
while True:
    items += items
