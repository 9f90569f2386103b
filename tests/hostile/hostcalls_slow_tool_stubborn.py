"""Keep waiting for slow tools in a loop that catches everything."""
# expect: kind=limit limit=wall_ms|cpu_ms
# limits: --time 600ms --memory 64MiB
import asyncio

while True:
    try:
        asyncio.run(call_tool_async("nap", ms=300))
        call_tool("nap", ms=300)
    except BaseException:
        pass
