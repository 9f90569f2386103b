"""Code objects with random bytecode: whatever the interpreter does with them, the run ends in
order."""
# expect: kind=ok|exception|limit|fault
# limits: --time 2s --memory 64MiB
import random

random.seed(7)


def victim(a=1, b=2, *c, d=3, **e):
    f = [a, b, c]
    try:
        return sum(f) + d
    except TypeError:
        return e


for round in range(300):
    size = random.randrange(2, 200, 2)
    code = victim.__code__.replace(
        co_code=random.randbytes(size), co_stacksize=random.randrange(0, 50)
    )
    print(round, flush=True)
    try:
        type(victim)(code, {})()
    except Exception:
        pass
