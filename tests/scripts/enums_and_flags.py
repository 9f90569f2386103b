# Enumerations: members, flags, auto, custom values, methods, aliases, IntEnum, StrEnum, lookup errors.
from enum import Enum, Flag, IntEnum, IntFlag, StrEnum, auto, unique


class Planet(Enum):
    EARTH = (5.976e24, 6.37814e6)
    MARS = (6.421e23, 3.3972e6)

    def __init__(self, mass, radius):
        self.mass, self.radius = mass, radius

    @property
    def gravity(self):
        return round(6.673e-11 * self.mass / self.radius**2, 3)


class Shape(Enum):
    SQUARE = 2
    DIAMOND = 1
    CIRCLE = 3
    ALIAS = 2

    @classmethod
    def _missing_(cls, value):
        return cls.CIRCLE if value == "round" else None


class Permission(Flag):
    READ = auto()
    WRITE = auto()
    EXECUTE = auto()
    ALL = READ | WRITE | EXECUTE


class Level(IntEnum):
    LOW = 1
    HIGH = 10


class Mode(StrEnum):
    FAST = auto()
    SLOW = "slowly"


class Bits(IntFlag):
    A = 1
    B = 4


print([p.name for p in Planet], Planet.EARTH.gravity, Planet.MARS.gravity, Planet["MARS"] is Planet.MARS)
print(list(Shape), Shape.ALIAS is Shape.SQUARE, Shape(3), Shape("round"), Shape.__members__.keys())
try:
    Shape(99)
except ValueError as error:
    print(error)
both = Permission.READ | Permission.WRITE
print(both, Permission.READ in both, ~both, both & Permission.WRITE, both ^ Permission.ALL, list(both), bool(Permission(0)))
print(Level.HIGH > Level.LOW, Level.HIGH + 1, sorted([Level.HIGH, Level.LOW]), f"{Level.LOW} {Level.LOW!r}", max(Level))
print(Mode.FAST, Mode("slowly"), Mode.FAST == "fast", f"{Mode.SLOW:>8}", Mode.FAST.upper())
print(Bits(5), Bits(5) == 5, Bits(8) | Bits.A, Bits.A.value)
try:
    @unique
    class Bad(Enum):
        ONE = 1
        UNO = 1
except ValueError as error:
    print(error)
try:
    Shape.SQUARE = 5
except AttributeError as error:
    print(error)
Dynamic = Enum("Dynamic", ["X", "Y"], start=5)
print(list(Dynamic), Dynamic.Y.value, {Dynamic.X: "x"}[Dynamic(5)], isinstance(Dynamic.X, Dynamic))
