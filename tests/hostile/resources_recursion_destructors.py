"""Recursion inside destructors and of destructors: deep owners, resurrected owners."""
# expect: kind=limit limit=output
# limits: --memory 128MiB
import xml.etree.ElementTree as ElementTree

root = element = ElementTree.Element("a")
for _ in range(300_000):
    element = ElementTree.SubElement(element, "a")
element = root = None


class Owner:
    def __init__(self, held):
        self.held = held

    def __del__(self):
        self.held = None


owner = None
for _ in range(100_000):
    owner = Owner(owner)
owner = None
print("freed")
