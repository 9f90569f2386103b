"""What processes take of the machine's memory."""

from pathlib import Path


def tree(process):
    """A process and all that it and its threads started."""
    yield process
    for task in Path(f"/proc/{process}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from tree(int(child))


def pss_mib(process):
    """Of a process and all below it, in MiB: a page that n processes share counts as 1/n of it."""
    kib = 0
    for one in tree(process):
        for line in Path(f"/proc/{one}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                kib += int(line.split()[1])
    return kib / 1024
