# Introspection: inspect, types, dir, getattr, frames, weak references, garbage collection, contextvars.
import contextvars
import gc
import inspect
import operator
import sys
import types
import weakref


class Plain:
    """A plain class."""
    shared = [1]

    def __init__(self, x: int, *, y: str = "d"):
        self.x = x

    def method(self):
        return inspect.currentframe().f_code.co_name

    @staticmethod
    def fixed():
        return inspect.stack()[1].function

    def __repr__(self):
        return f"Plain({self.x})"


def caller():
    return Plain.fixed()


p = Plain(1)
print([n for n in dir(p) if not n.startswith("__")], vars(p), p.method(), caller(), Plain.__doc__, type(p).__name__)
print(inspect.signature(Plain), inspect.getdoc(Plain.__init__), inspect.isclass(Plain), inspect.ismethod(p.method), inspect.isfunction(Plain.method))
print(getattr(p, "nope", "default"), hasattr(p, "x"), setattr(p, "z", 5), p.z, delattr(p, "z"), hasattr(p, "z"), p.__class__.__mro__)
print(inspect.getfullargspec(Plain.__init__).kwonlydefaults, Plain.__init__.__annotations__, Plain.method.__qualname__, p.method.__func__ is Plain.method)
bound = inspect.signature(lambda a, b=2, *c, d, **e: 0).bind(1, 3, 4, d=5, f=6)
bound.apply_defaults()
print(bound.arguments, types.SimpleNamespace(a=1, b="x"), types.MappingProxyType({"k": 1})["k"])
reference = weakref.ref(p, lambda r: print("gone", r() is None))
print(reference() is p)
del p
cache = weakref.WeakValueDictionary()
keep = cache["k"] = Plain(2)
print(dict(cache), len(cache))
del keep
print(dict(cache))
finalizer = weakref.finalize(Plain(3), print, "finalized", 3)
print(finalizer.alive)


class Loop:
    def __init__(self):
        self.me = self

    def __del__(self):
        print("collected")


gc.disable()
Loop()
print("before")
gc.collect()
gc.enable()
print("after", gc.isenabled())
variable = contextvars.ContextVar("variable", default="unset")
token = variable.set("one")
context = contextvars.copy_context()
variable.set("two")
print(variable.get(), context[variable], context.run(variable.get), variable.reset(token), variable.get())
module = types.ModuleType("made", "doc")
exec("def f():\n    return __name__\nvalue = 5", module.__dict__)
sys.modules["made"] = module
import made
print(made.f(), made.value, made.__doc__, operator.attrgetter("f.__name__")(made))
Dynamic = type("Dynamic", (Plain,), {"extra": lambda self: self.x * 2, "__slots__": ()})
print(Dynamic(21).extra(), Dynamic.__bases__, isinstance(Dynamic(0), Plain), types.new_class("Empty").__name__)


def generator():
    yield 1


print(inspect.isgenerator(generator()), inspect.getgeneratorstate(generator()), inspect.iscoroutinefunction(generator), generator.__code__.co_flags & inspect.CO_GENERATOR > 0)


def recurse(n):
    return n if n == 0 else recurse(n - 1)


try:
    recurse(10**6)
except RecursionError as error:
    print(type(error).__name__, sys.getrecursionlimit() == 1000, recurse(500))
trace = []
sys.settrace(lambda frame, event, arg: trace.append((event, frame.f_code.co_name)))
recurse(1)
sys.settrace(None)
print(trace[:2], sys.getsizeof([]) > 0, sys.intern("abc") is sys.intern("abc"), sys.byteorder, sys.maxunicode)
