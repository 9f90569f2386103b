"""Print for ever: the output limit ends it and the head of the output is there."""
# expect: kind=limit limit=output stdout_has=line 0
n = 0
while True:
    print("line", n)
    n += 1
