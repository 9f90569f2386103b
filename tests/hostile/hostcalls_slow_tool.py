"""A tool that takes longer than the run may: waiting for it counts and is ended by the limit."""
# expect: kind=limit limit=wall_ms
# limits: --time 600ms --memory 64MiB
try:
    call_tool("nap", ms=1500)
except Exception:
    pass
print("the limit was not kept")
