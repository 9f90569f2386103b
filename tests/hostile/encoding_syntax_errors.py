"""Syntax errors made by hand with fields that no parser would write."""
# expect: kind=exception type=SyntaxError
for details in (
    ("main.py", 2**70, -5, "text"),
    ("main.py", "x", "y", 5),
    (None, None, None, None),
    ("\ud800", -1, 2**40, "\ud800" * 1000),
    ("main.py", 1, 1, "x" * 10**6, 1, -9),
    (b"\xff", 1.5, [], {}),
):
    try:
        raise SyntaxError("\ud800 bad", details)
    except (SyntaxError, TypeError, OverflowError) as error:
        last = error
error = SyntaxError("last", ("main.py", 3, 10**9, "short"))
error.lineno = 2**80
error.offset = -(2**80)
error.end_lineno = object()
error.text = b"\xff" * 100
error.filename = 7
error.msg = None
error.print_file_and_line = True
raise error
