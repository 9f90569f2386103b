# Classes: inheritance, MRO, descriptors, properties, metaclasses, __slots__, operators, class hooks.
import functools


class Typed:
    def __init__(self, kind, default=None):
        self.kind, self.default = kind, default

    def __set_name__(self, owner, name):
        self.name = "_" + name

    def __get__(self, instance, owner=None):
        return self if instance is None else getattr(instance, self.name, self.default)

    def __set__(self, instance, value):
        if not isinstance(value, self.kind):
            raise TypeError(f"{self.name[1:]} must be {self.kind.__name__}, not {type(value).__name__}")
        setattr(instance, self.name, value)


class Registry(type):
    known = {}

    def __new__(mcls, name, bases, namespace, **options):
        cls = super().__new__(mcls, name, bases, namespace)
        Registry.known[options.get("key", name.lower())] = cls
        return cls

    def __init__(cls, name, bases, namespace, **options):
        super().__init__(name, bases, namespace)

    def __len__(cls):
        return len(cls.__mro__)


class Base(metaclass=Registry):
    plugins = []

    def __init_subclass__(cls, /, tag=None, **kwargs):
        super().__init_subclass__()
        cls.plugins.append((cls.__name__, tag))

    def hello(self):
        return "base"


class A(Base, tag="first"):
    age = Typed(int, 0)

    def hello(self):
        return "a>" + super().hello()


class B(Base):
    def hello(self):
        return "b>" + super().hello()


class C(A, B, key="sea"):
    __slots__ = ("x",)

    def hello(self):
        return "c>" + super().hello()


@functools.total_ordering
class Version:
    def __init__(self, text):
        self.parts = tuple(map(int, text.split(".")))

    def __eq__(self, other):
        return self.parts == other.parts

    def __lt__(self, other):
        return self.parts < other.parts

    def __hash__(self):
        return hash(self.parts)

    def __repr__(self):
        return "v" + ".".join(map(str, self.parts))


class Vector:
    def __init__(self, *values):
        self.values = values

    def __add__(self, other):
        return Vector(*(a + b for a, b in zip(self.values, other.values, strict=True)))

    def __mul__(self, factor):
        return Vector(*(a * factor for a in self.values)) if isinstance(factor, (int, float)) else NotImplemented

    __rmul__ = __mul__

    def __matmul__(self, other):
        return sum(a * b for a, b in zip(self.values, other.values))

    def __getitem__(self, index):
        return self.values[index]

    def __bool__(self):
        return any(self.values)

    def __repr__(self):
        return f"Vector{self.values}"


c = C()
print(c.hello(), [k.__name__ for k in C.__mro__], len(C), sorted(Registry.known), Base.plugins)
c.age = 5
try:
    c.age = "old"
except TypeError as error:
    print(error, c.age, A.age.kind)
print(sorted(map(Version, ["1.10", "1.2", "1.2.1"])), Version("2.0") >= Version("1.9"), len({Version("1"), Version("1")}))
v = Vector(1, 2) + Vector(3, 4)
print(v, 2 * v, v * 0.5, v @ v, v[-1], v[0:1], bool(Vector(0, 0)), list(v))
try:
    v * "x"
except TypeError as error:
    print(error)


class Temperature:
    def __init__(self, celsius):
        self.celsius = celsius

    @property
    def fahrenheit(self):
        return self.celsius * 9 / 5 + 32

    @fahrenheit.setter
    def fahrenheit(self, value):
        self.celsius = (value - 32) * 5 / 9

    @classmethod
    def boiling(cls):
        return cls(100)

    @staticmethod
    def valid(celsius):
        return celsius >= -273.15

    @functools.cached_property
    def label(self):
        print("computing")
        return f"{self.celsius} C"

    def __getattr__(self, name):
        return f"no {name}"


t = Temperature.boiling()
t.fahrenheit = 212
print(t.fahrenheit, t.celsius, Temperature.valid(-300), t.label, t.label, t.missing, callable(t))
