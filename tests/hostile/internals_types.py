"""Class machinery turned on itself: cycles of bases, layouts, slots, metaclasses, descriptors."""
# expect: kind=ok stdout=held
import abc
import enum
import types

odd = []


class A:
    pass


class B(A):
    __slots__ = ("x",)


class Meta(type):
    def mro(cls):
        return [cls, int, str, dict] if len(cls.__name__) > 3 else type.mro(cls)


for act in (
    lambda: setattr(A, "__bases__", (B,)),
    lambda: setattr(A(), "__class__", int),
    lambda: setattr(B(), "__class__", type),
    lambda: Meta("Long", (), {}),
    lambda: object.__new__(int),
    lambda: type.__call__(type, 1, 2, 3),
    lambda: int.__new__(bool, 5),
    lambda: types.FunctionType.__new__(types.FunctionType),
    lambda: type("X", (bool,), {}),
    lambda: type("X", (object, int), {}),
    lambda: type.__setattr__(int, "x", 1),
    lambda: object.__setattr__(int, "x", 1),
    lambda: setattr(int, "x", 1),
    lambda: B.x.__get__(1),
    lambda: A.__dict__["__dict__"].__get__(1),
    lambda: type("Y\0", (), {}),
    lambda: super().__init__(),
    lambda: types.new_class("Z", (A,) * 2),
    lambda: type("W", (), {"__slots__": ["a"] * 100_000})().b,
    lambda: types.CellType().cell_contents,
    lambda: property().fget(1),
    lambda: abc.ABCMeta("Q", (), {"__subclasshook__": 1}) in [1],
    lambda: isinstance(1, abc.ABCMeta("Q", (), {"__instancecheck__": 1})) + "x",
    lambda: types.coroutine(1),
    lambda: types.MethodType(print, None),
    lambda: type.mro(type),
    lambda: vars(type)["__abstractmethods__"].__get__(A),
):
    try:
        answer = act()
        if isinstance(answer, type) and len(answer.__name__) > 3:
            odd.append(answer)
    except (TypeError, AttributeError, ValueError, RuntimeError, SystemError):
        pass
for n in range(200):
    A = type("A", (A,), {"__slots__": ()}) if n % 2 else type("A", (A,), {"n": n})
del A, B
print(odd or "held")
