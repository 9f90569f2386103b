# Functions: closures, nonlocal, decorators with arguments, argument kinds, caching, partials.
import functools
import inspect
import operator


def counter():
    count = 0

    def step(by=1):
        nonlocal count
        count += by
        return count

    return step


def repeat(times, *, between=None):
    def decorate(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            results = []
            for n in range(times):
                if n and between:
                    between()
                results.append(function(*args, **kwargs))
            return results
        wrapper.calls = times
        return wrapper
    return decorate


@repeat(3, between=lambda: print("..."))
def greet(name, /, greeting="Hi", *names, punctuation="!", **extra):
    """Say hello."""
    return f"{greeting} {name}{''.join(names)}{punctuation}{sorted(extra)}"


class CountCalls:
    def __init__(self, function):
        functools.update_wrapper(self, function)
        self.function, self.calls = function, 0

    def __call__(self, *args):
        self.calls += 1
        return self.function(*args)


@CountCalls
@functools.lru_cache(maxsize=None)
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


@functools.singledispatch
def show(value):
    return f"object {value!r}"


@show.register
def _(value: int):
    return f"int {value:+d}"


@show.register(list)
def _(value):
    return "list " + ", ".join(map(show, value))


c, d = counter(), counter()
print(c(), c(5), d(), c())
print(greet("Al", "Yo", "+", punctuation="?", z=1, a=2), greet.__name__, greet.__doc__, greet.calls)
print(inspect.signature(greet.__wrapped__), [p.kind.name for p in inspect.signature(greet).parameters.values()])
print(fib(60), fib.calls, fib.function.cache_info().hits, fib.__name__)
print(show(5), show([1, "x", [2]]), show(2.5), show(True))
print(functools.reduce(operator.mul, range(1, 8)), functools.partial(int, base=2)("1011"))
late = [lambda: i for i in range(3)]
early = [lambda i=i: i for i in range(3)]
print([f() for f in late], [f() for f in early], (lambda *a, k=2, **kw: (a, k, kw))(1, k=3, z=4))


def defaults(item, bucket=[]):
    bucket.append(item)
    return bucket


print(defaults(1), defaults(2), defaults.__defaults__, defaults.__code__.co_varnames)
for call in (lambda: greet(name="x"), lambda: fib(), lambda: counter(1), lambda: defaults(), lambda: defaults(1, bucket=[], c=2)):
    try:
        call()
    except TypeError as error:
        print(error)
compose = lambda *fs: functools.reduce(lambda f, g: lambda x: g(f(x)), fs)
print(compose(str, len, lambda n: n * 10)(12345), list(map(operator.itemgetter(1), ["ab", "cd"])), operator.methodcaller("upper")("x"))
