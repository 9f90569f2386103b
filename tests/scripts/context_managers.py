# Context managers: classes, contextlib, ExitStack, suppression, nesting, redirects, async ones.
import asyncio
import contextlib
import io
import sys


class Resource:
    log = []

    def __init__(self, name, swallow=False):
        self.name, self.swallow = name, swallow

    def __enter__(self):
        self.log.append(f"+{self.name}")
        return self

    def __exit__(self, kind, value, trace):
        self.log.append(f"-{self.name}" + (f"({kind.__name__})" if kind else ""))
        return self.swallow


@contextlib.contextmanager
def tag(name):
    print(f"<{name}>")
    try:
        yield name.upper()
    except ValueError as error:
        print("caught", error)
    finally:
        print(f"</{name}>")


with Resource("a") as a, Resource("b"):
    Resource.log.append(a.name)
with Resource("outer", swallow=True), Resource("inner"):
    raise KeyError("lost")
print(Resource.log)
with tag("div") as upper, tag("p"):
    print(upper)
    raise ValueError("inside")
with contextlib.suppress(ZeroDivisionError, KeyError):
    print({}["x"] or 1 / 0)
with contextlib.ExitStack() as stack:
    names = [stack.enter_context(Resource(n)).name for n in "xyz"]
    stack.callback(print, "callback", *names)
    kept = stack.pop_all()
print(Resource.log[-3:])
kept.close()
print(Resource.log[-3:])
buffer = io.StringIO()
with contextlib.redirect_stdout(buffer):
    print("hidden")
    sys.stdout.write("too")
print(repr(buffer.getvalue()))
errors = io.StringIO()
with contextlib.redirect_stderr(errors):
    print("oops", file=sys.stderr)
print(errors.getvalue().strip(), contextlib.nullcontext(5).__enter__())


@tag("decorated")
def shout():
    print("shout")


shout()


class Closing:
    def close(self):
        print("closed")


with contextlib.closing(Closing()):
    pass


@contextlib.asynccontextmanager
async def session(name):
    await asyncio.sleep(0)
    yield name
    await asyncio.sleep(0)
    print("session over")


async def main():
    async with session("s1") as name, contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(asyncio.sleep, 0)
        print("in", name)


asyncio.run(main())
try:
    with Resource("r"):
        raise RuntimeError("seen outside")
except RuntimeError as error:
    print(error, Resource.log[-1])
with (Resource("p") as p, Resource("q") as q):
    print(p.name + q.name)
