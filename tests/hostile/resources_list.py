"""A list that doubles."""
# expect: kind=limit type=MemoryError limit=memory
items = [0]
while True:
    items += items
