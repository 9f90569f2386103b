"""More calls than a run may make: the number of host calls is limited, and the refusals come at
once."""
# expect: kind=limit type=HostCallLimitExceeded limit=host_calls stdout_has=10000 done
done = 0
for n in range(13_000):
    try:
        done += call_tool("measure", value=None)
    except RuntimeError as refused:
        pass
print(done, "done", flush=True)
call_tool("measure", value=None)
