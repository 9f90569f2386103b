# Data classes: defaults, ordering, frozen, replace, asdict, slots, post-init, inheritance.
from dataclasses import FrozenInstanceError, asdict, astuple, dataclass, field, fields, replace


@dataclass(order=True)
class Item:
    sort_index: float = field(init=False, repr=False)
    name: str
    price: float
    quantity: int = 1
    tags: list[str] = field(default_factory=list, compare=False)

    def __post_init__(self):
        if self.quantity < 0:
            raise ValueError(f"negative quantity: {self.quantity}")
        self.sort_index = self.price * self.quantity

    @property
    def total(self):
        return round(self.price * self.quantity, 2)


@dataclass(frozen=True, slots=True)
class Point:
    x: int
    y: int = 0

    def __add__(self, other):
        return Point(self.x + other.x, self.y + other.y)


@dataclass(kw_only=True)
class Base:
    label: str


@dataclass
class Child(Base):
    count: int = 3


stock = [Item("bolt", 0.25, 400), Item("gear", 12.5, 3, ["metal"]), Item("belt", 7.95)]
for item in sorted(stock, reverse=True):
    print(f"{item.name:<6}{item.total:>9.2f} {item.tags}")
print(asdict(stock[1]))
print(astuple(Point(1, 2)), Point(1, 2) + Point(3), {Point(0): "origin"}[Point(0, 0)])
print([f.name for f in fields(Item)], replace(stock[0], quantity=2).total)
try:
    Point(1).x = 9
except FrozenInstanceError as error:
    print(type(error).__name__, error)
try:
    Item("bad", 1, -1)
except ValueError as error:
    print(error)
print(Child(label="c"), Child(5, label="d") == Child(5, label="d"), hasattr(Point(0), "__dict__"))
