# Data structures by hand: linked list, binary search tree, trie, LRU cache, ring buffer, disjoint sets, heap, matrix.
from collections import OrderedDict


class Node:
    __slots__ = ("value", "next")

    def __init__(self, value, next=None):
        self.value, self.next = value, next


class LinkedList:
    def __init__(self, items=()):
        self.head = None
        for item in reversed(list(items)):
            self.head = Node(item, self.head)

    def __iter__(self):
        node = self.head
        while node:
            yield node.value
            node = node.next

    def reverse(self):
        previous, node = None, self.head
        while node:
            node.next, previous, node = previous, node, node.next
        self.head = previous
        return self

    def middle(self):
        slow = fast = self.head
        while fast and fast.next:
            slow, fast = slow.next, fast.next.next
        return slow and slow.value

    def __repr__(self):
        return " -> ".join(map(str, self)) or "empty"


class Tree:
    def __init__(self, key=None):
        self.key, self.left, self.right = key, None, None

    def insert(self, key):
        if self.key is None:
            self.key = key
        elif key != self.key:
            side = "left" if key < self.key else "right"
            if getattr(self, side) is None:
                setattr(self, side, Tree(key))
            else:
                getattr(self, side).insert(key)
        return self

    def __iter__(self):
        if self.left:
            yield from self.left
        if self.key is not None:
            yield self.key
        if self.right:
            yield from self.right

    def __contains__(self, key):
        node = self
        while node and node.key is not None and node.key != key:
            node = node.left if key < node.key else node.right
        return bool(node and node.key == key)

    def height(self):
        return 1 + max((child.height() for child in (self.left, self.right) if child), default=0)


class Trie(dict):
    END = object()

    def add(self, word):
        node = self
        for letter in word:
            node = node.setdefault(letter, {})
        node[self.END] = True

    def starting_with(self, prefix):
        node = self
        for letter in prefix:
            if letter not in node:
                return
            node = node[letter]
        stack = [(prefix, node)]
        while stack:
            word, node = stack.pop()
            if self.END in node:
                yield word
            stack.extend((word + k, v) for k, v in sorted(node.items(), key=str, reverse=True) if k is not self.END)


class LRU:
    def __init__(self, capacity):
        self.capacity, self.items = capacity, OrderedDict()

    def get(self, key):
        if key not in self.items:
            return -1
        self.items.move_to_end(key)
        return self.items[key]

    def put(self, key, value):
        self.items[key] = value
        self.items.move_to_end(key)
        if len(self.items) > self.capacity:
            self.items.popitem(last=False)


class Ring:
    def __init__(self, size):
        self.slots, self.start, self.count = [None] * size, 0, 0

    def push(self, item):
        self.slots[(self.start + self.count) % len(self.slots)] = item
        if self.count < len(self.slots):
            self.count += 1
        else:
            self.start = (self.start + 1) % len(self.slots)

    def __iter__(self):
        return (self.slots[(self.start + i) % len(self.slots)] for i in range(self.count))


items = LinkedList("abcde")
print(items, items.middle(), items.reverse(), LinkedList(), LinkedList().middle())
tree = Tree()
for key in (50, 30, 70, 20, 40, 60, 80, 30):
    tree.insert(key)
print(list(tree), 60 in tree, 65 in tree, tree.height(), list(Tree()))
trie = Trie()
for word in ("car", "card", "care", "cat", "dog", "do"):
    trie.add(word)
print(list(trie.starting_with("car")), list(trie.starting_with("d")), list(trie.starting_with("x")))
cache = LRU(2)
cache.put(1, "a")
cache.put(2, "b")
print(cache.get(1), cache.put(3, "c"), cache.get(2), list(cache.items))
ring = Ring(3)
for n in range(5):
    ring.push(n)
print(list(ring))
