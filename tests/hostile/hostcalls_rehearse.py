"""Run requests inside requests through what the image build uses, as deep as it goes."""
# expect: kind=ok
# limits: --memory 64MiB
import _cloche

rehearse = getattr(_cloche, "rehearse", None)
code = """
import _cloche
depth = globals().get("depth", 0) + 1
if depth % 100 == 0:
    print(depth, flush=True)
_cloche.rehearse(request)
"""
if rehearse:
    import builtins

    for nonsense in (
        b"",
        b"\xff",
        b"\xa0",
        _cloche.dumps({"code": 5}),
        _cloche.dumps({"code": "1/0", "name": 7, "tools": [1]}),
        _cloche.dumps({"code": "raise SystemExit(3)", "name": "x\0", "tools": [{"name": "a b"}]}),
    ):
        try:
            rehearse(nonsense)
        except Exception:
            pass
    builtins.request = _cloche.dumps({"code": code, "name": "inner.py", "tools": []})
    rehearse(request)
