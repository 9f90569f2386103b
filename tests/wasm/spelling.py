"""Put assertions in the spelling of older editions of the specification's tests into today's.

  (assert_return_canonical_nan (invoke …))    (assert_return (invoke …) (f32.const nan:canonical))
  (assert_return_arithmetic_nan (invoke …))   (assert_return (invoke …) (f32.const nan:arithmetic))
  (assert_return_nan (invoke …))              likewise, any NaN that arithmetic may give
  (assert_trap (invoke …))                    (assert_trap (invoke …) "")
  (elem $t (i32.const 0) $f)                  (elem (table $t) (i32.const 0) func $f)

What the function returns stands in its name ("f64.sqrt") or in the file's (f64.wast). Everything
stays in its line.
"""

import re

ASSERTION = re.compile(r"\((assert_return_canonical_nan|assert_return_arithmetic_nan|"
                       r"assert_return_nan|assert_trap)\s")
FIELD = re.compile(r'\(invoke\s+(?:\$\S+\s+)?"(f32|f64)\.')
ELEM = re.compile(r"\(elem (\$t|0x0+) (\((?:i32.const 0|offset \(i32.const 0\))\))")
TOKEN = re.compile(r';;[^\n]*|\(;.*?;\)|"(?:\\.|[^"\\])*"|[()]', re.DOTALL)


def end_of(text, start):
    """Behind the parenthesis that closes the one at start."""
    depth = 0
    for token in TOKEN.finditer(text, start):
        depth += {"(": 1, ")": -1}.get(token.group(), 0)
        if depth == 0:
            return token.end()
    raise ValueError("a parenthesis is not closed")


def rewrite(kind, body, stem):
    if kind == "assert_trap":
        return f"({kind} {body}" + (")" if body.endswith('"') else ' "")')
    pattern = "canonical" if "canonical" in kind else "arithmetic"
    named = FIELD.search(body)
    result = named.group(1) if named else "f64" if stem.startswith("f64") else "f32"
    return f"(assert_return {body} ({result}.const nan:{pattern}))"


def modern(text, stem):
    text = ELEM.sub(lambda m: f"(elem (table {m.group(1)}) {m.group(2)} func", text)
    parts, at = [], 0
    for match in ASSERTION.finditer(text):
        line = text.rfind("\n", 0, match.start()) + 1
        if ";;" in text[line:match.start()]:
            continue
        end = end_of(text, match.start())
        body = text[match.end():end - 1].rstrip()
        parts += [text[at:match.start()], rewrite(match.group(1), body, stem)]
        at = end
    return "".join(parts) + text[at:]
