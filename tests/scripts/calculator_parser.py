# A recursive-descent calculator: tokens, precedence, variables, functions, errors, and a tiny stack machine.
import math
import re

TOKEN = re.compile(r"\s*(?:(\d+\.?\d*(?:e[-+]?\d+)?)|([a-z_]\w*)|(\*\*|[-+*/%()=,^]))", re.I)


class ParseError(Exception):
    pass


def tokenize(text):
    position = 0
    text = text.rstrip()
    while position < len(text):
        match = TOKEN.match(text, position)
        if not match:
            raise ParseError(f"unexpected {text[position:].strip()[0]!r} at {position}")
        number, name, operator = match.groups()
        yield ("num", float(number)) if number else ("name", name) if name else ("op", operator)
        position = match.end()
    yield ("end", None)


class Calculator:
    LEVELS = [{"+": lambda a, b: a + b, "-": lambda a, b: a - b},
              {"*": lambda a, b: a * b, "/": lambda a, b: a / b, "%": lambda a, b: a % b}]
    FUNCTIONS = {"sqrt": math.sqrt, "max": max, "min": min, "abs": abs}

    def __init__(self):
        self.names = {"pi": math.pi}

    def run(self, text):
        self.tokens = list(tokenize(text))
        self.at = 0
        if len(self.tokens) > 2 and self.tokens[0][0] == "name" and self.tokens[1] == ("op", "="):
            self.at = 2
            self.names[self.tokens[0][1]] = value = self.binary(0)
        else:
            value = self.binary(0)
        if self.tokens[self.at][0] != "end":
            raise ParseError(f"unexpected {self.tokens[self.at][1]!r}")
        return value

    def take(self, *wanted):
        if self.tokens[self.at] in [("op", w) for w in wanted]:
            self.at += 1
            return self.tokens[self.at - 1][1]

    def binary(self, level):
        if level == len(self.LEVELS):
            return self.unary()
        left = self.binary(level + 1)
        while operator := self.take(*self.LEVELS[level]):
            left = self.LEVELS[level][operator](left, self.binary(level + 1))
        return left

    def unary(self):
        if self.take("-"):
            return -self.unary()
        base = self.atom()
        return base ** self.unary() if self.take("**", "^") else base

    def atom(self):
        kind, value = self.tokens[self.at]
        self.at += 1
        if kind == "num":
            return value
        if kind == "name":
            if self.take("("):
                arguments = [self.binary(0)]
                while self.take(","):
                    arguments.append(self.binary(0))
                self.expect(")")
                return self.FUNCTIONS[value](*arguments)
            if value not in self.names:
                raise ParseError(f"unknown name {value!r}")
            return self.names[value]
        if (kind, value) == ("op", "("):
            inner = self.binary(0)
            self.expect(")")
            return inner
        raise ParseError(f"expected a value, got {value!r}")

    def expect(self, operator):
        if not self.take(operator):
            raise ParseError(f"expected {operator!r}")


calculator = Calculator()
for line in ("1 + 2 * 3", "(1+2)*3", "2 ^ 3 ^ 2", "-2 ** 2", "x = 10 / 4", "x * x - 1", "max(1, x, 2) % 2", "sqrt(16) + abs(-3)",
             "1.5e3 + .5", "2 +", "(1", "y", "1 / 0", "3 $ 4", "2 3", "pi * 2"):
    try:
        print(f"{line:<20} = {calculator.run(line):.6g}")
    except (ParseError, ArithmeticError) as error:
        print(f"{line:<20} ! {error}")
