"""Code objects whose fields contradict each other: sizes, names, flags, tables."""
# expect: kind=ok|exception|limit|fault
# limits: --time 2s --memory 64MiB
import itertools


def victim(a=1):
    def inner():
        return a

    for n in range(3):
        yield inner() + n


changes = {
    "co_argcount": (-1, 5, 2**31 - 1),
    "co_nlocals": (0, 100, 2**31 - 1),
    "co_stacksize": (0, 2**20, 2**31 - 1, -1),
    "co_flags": (0, 0xFFFF, 2**31 - 1),
    "co_firstlineno": (-(2**31), 2**31 - 1),
    "co_code": (b"", b"\x00", b"\xff" * 99),
    "co_consts": ((), (None,) * 3),
    "co_names": ((), ("x",) * 300),
    "co_varnames": ((), ("a",) * 9),
    "co_freevars": ((), ("a", "b")),
    "co_cellvars": ((), ("z",) * 9),
    "co_linetable": (b"", b"\xff" * 1000, b"\x00" * 9),
    "co_exceptiontable": (b"", b"\xff" * 500, bytes(range(256))),
    "co_posonlyargcount": (5, 2**31 - 1),
    "co_kwonlyargcount": (9, 2**31 - 1),
    "co_name": ("\ud800",),
    "co_filename": ("\0",),
    "co_qualname": ("x" * 10**6,),
}
built = []
for (one, values), (two, others) in itertools.combinations(changes.items(), 2):
    for value, other in itertools.product(values, others):
        try:
            built.append(victim.__code__.replace(**{one: value, two: other}))
        except (ValueError, OverflowError, TypeError, MemoryError):
            pass
for code in built:
    try:
        list(code.co_lines())
        list(code.co_positions())
    except Exception:
        pass
print(len(built) > 50, flush=True)
for code in built:
    try:
        list(type(victim)(code, {})())
    except Exception:
        pass
