"""Go on writing after the output limit, whatever is raised."""
# expect: kind=limit limit=output
# limits: --memory 64MiB
import os

while True:
    try:
        while True:
            os.write(1, b"more" * 10_000)
    except BaseException:
        pass
