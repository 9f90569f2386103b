"""Abstract syntax trees made by hand: cyclic, wrong types, missing parts, absurd positions."""
# expect: kind=ok stdout_has=end
# limits: --memory 128MiB
import ast

trees = []
for values in (
    [None],
    ["x"],
    [ast.Constant(object())],
    [ast.Constant({})],
    [ast.Name("None", ast.Load())],
    [ast.Name(5, ast.Load())],
    [ast.Name("\ud800", ast.Load())],
    [ast.Tuple([ast.Starred(ast.Constant(1), ast.Load())] * 1000, ast.Load())],
    [ast.BinOp(None, None, None)],
    [ast.Compare(ast.Constant(1), [], [])],
    [ast.Call(ast.Constant(1), None, None)],
    [ast.JoinedStr([ast.Constant(5)])],
    [ast.FormattedValue(ast.Constant(1), 10**9, None)],
    [ast.Lambda(None, None)],
    [ast.DictComp(ast.Constant(1), ast.Constant(1), [])],
    [ast.Yield(None)],
    [ast.Attribute(ast.Constant(1), "a\0b", ast.Store())],
):
    trees.append(ast.Expression(values[0]))
    trees.append(ast.Module([ast.Expr(value) for value in values], None))
cyclic = ast.List([], ast.Load())
cyclic.elts.append(cyclic)
trees.append(ast.Expression(cyclic))
statement = ast.If(ast.Constant(1), [], [])
statement.body.append(statement)
trees.append(ast.Module([statement], []))
deep = ast.Constant(1)
for _ in range(100_000):
    deep = ast.UnaryOp(ast.Not(), deep)
trees.append(ast.Expression(deep))
for line in (-1, 0, 2**31 - 1, 2**31, 2**70, None, "1"):
    node = ast.Constant(1, lineno=line, col_offset=line, end_lineno=line, end_col_offset=line)
    trees.append(ast.Expression(node))
for kind in [
    kind for kind in vars(ast).values() if isinstance(kind, type) and issubclass(kind, ast.AST)
]:
    try:
        trees.append(ast.Expression(kind()))
        trees.append(ast.Module([kind()], []))
        trees.append(kind())
    except TypeError:
        pass
print("end", flush=True)
import warnings

warnings.simplefilter("ignore")
for tree in trees:
    for mode in ("eval", "exec"):
        for act in (
            lambda: compile(tree, "x", mode),
            lambda: compile(ast.fix_missing_locations(tree), "x", mode),
            lambda: ast.unparse(tree),
            lambda: ast.dump(tree),
        ):
            try:
                act()
            except Exception:
                pass
