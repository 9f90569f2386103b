# ast, tokenize, dis, compile: inspecting and transforming Python source with Python.
import ast
import dis
import io
import keyword
import tokenize

SOURCE = '''
import os, sys as system
from math import pi

def area(r, *, scale=1.0):
    """Area of a circle."""
    return pi * r ** 2 * scale

class Shape:
    sides: int = 4
    def name(self): return f"{self.sides}-gon"

total = sum(x for x in range(10) if x % 2)
'''
tree = ast.parse(SOURCE)
print([type(node).__name__ for node in tree.body])
print(sorted({node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}))
function = next(node for node in tree.body if isinstance(node, ast.FunctionDef))
print(function.name, [a.arg for a in function.args.args], [a.arg for a in function.args.kwonlyargs], ast.get_docstring(function))
print([alias.name for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom)) for alias in node.names])
print(ast.dump(ast.parse("a[1:2] += -b.c(*d, e=3)", mode="exec").body[0]))


class Doubler(ast.NodeTransformer):
    def visit_Constant(self, node):
        return ast.Constant(node.value * 2) if isinstance(node.value, int) else node


changed = ast.fix_missing_locations(Doubler().visit(ast.parse("print([n * 3 for n in range(4)], 'text', 10)")))
print(ast.unparse(changed))
exec(compile(changed, "<changed>", "exec"))
print(ast.literal_eval("{'a': [1, 2.5, None, True, b'x', {3}], (1, -2): 'y'}") == {"a": [1, 2.5, None, True, b"x", {3}], (1, -2): "y"})
for bad in ("__import__('os')", "[1,", "1 + x"):
    try:
        ast.literal_eval(bad)
    except (ValueError, SyntaxError) as error:
        print(type(error).__name__, str(error)[:30])
tokens = tokenize.generate_tokens(io.StringIO("x = f(1.5, 'a') # note\nif x:\n    pass\n").readline)
print([(tokenize.tok_name[t.type], t.string) for t in tokens if t.string.strip()])
print([i.opname for i in dis.get_instructions(compile("a = b + 1", "<s>", "exec"))][:3], keyword.iskeyword("async"), keyword.softkwlist)
for source in ("def f(:", "x = = 1", "return 5", "for i in range(3) print(i)", "'abc", "a b", "f(**k, *a)", "1 = x", "  x = 1", "if True:\npass"):
    try:
        compile(source, "<test>", "exec")
    except SyntaxError as error:
        print(f"{source!r}: {error.msg} (line {error.lineno})")
namespace = {}
exec("def triple(n): return n * 3", namespace)
print(namespace["triple"](4), eval("a + b", {"a": 1}, {"b": 2}), eval(compile("6 * 7", "<e>", "eval")))
