"""Chains of half a million links, freed in one go: its destruction must not eat the stack."""
# expect: kind=ok
# limits: --memory 128MiB
chain = ()
for _ in range(500_000):
    chain = (chain,)
chain = None
linked = None


class Node:
    __slots__ = ("next",)


for _ in range(500_000):
    node = Node()
    node.next = linked
    linked = node
linked = node = None
cell = None
for _ in range(100_000):
    cell = (lambda held: lambda: held)(cell)
cell = None
print("freed")
