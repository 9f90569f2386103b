# Formatting: f-strings, format specs, str.format, percent, templates, alignment, nesting.
from string import Template, capwords
from textwrap import dedent, fill, indent, shorten

value, name, width = 1234567.891, "widget", 12
print(f"{value:,.2f}|{value:>15.1f}|{value:e}|{value:g}|{value:+.0f}|{value:015.2f}|{-value:(<16}")
print(f"{255:x} {255:#X} {255:o} {255:#010b} {255:c} {1_000_000:_} {0.000123:.2e} {0.5:.0%} {12:>+6}")
print(f"{name!r:^14}|{name:*<{width}}|{name:>{width}.3}|{name.upper()=}|{width * 2 = :>6}")
print(f"{'nested ' + f'{1 + 1}' + ' quotes'!s:>20} {{literal}} {[i for i in range(3)]} {({'a': 1})['a']}")
print("{0} {1} {0!r} {x:.3f} {y[key]} {z.real}".format("a", 2, x=3.14159, y={"key": "v"}, z=5 + 2j))
print("%s %r %5d|%-5d|%05.1f %x %% %c %e" % ("s", "r", 42, 42, 3.14159, 255, "Z", 12345.678))
print("%(who)s owes %(amount).2f" % {"who": "Al", "amount": 3})
print(Template("$who likes ${what}s, $$5").substitute(who="tim", what="kung pao"))
print(Template("$a $b").safe_substitute(a=1), capwords("hello big world"))


class Money:
    def __init__(self, cents):
        self.cents = cents

    def __format__(self, spec):
        whole = f"{self.cents / 100:.2f}"
        return f"${whole}" if not spec else format(f"${whole}", spec)


print(f"{Money(12345)} [{Money(99):>10}]", "{:^9}".format(Money(5)))
text = "The quick brown fox jumps over the lazy dog and keeps running through the forest."
print(fill(text, 30, initial_indent="* ", subsequent_indent="  "))
print(shorten(text, 35), "|", indent("a\nb\n", "> "), end="")
print(dedent("""
    one
      two
    three"""))
print("abc".center(9, "-"), "abc".ljust(5) + "|", "7".zfill(4), "-7".zfill(4), "a\tb".expandtabs(4))
print(f"{1e300 * 10} {-1e-320} {float('nan'):5} {123.0} {1e22} {1e21 + 1} {0.1 + 0.2} {1 / 3:.20f}")
for bad in ("{:d}", "{:q}", "{0.missing}", "{"):
    try:
        print(bad.format("text"))
    except (ValueError, AttributeError) as error:
        print(type(error).__name__, error)
