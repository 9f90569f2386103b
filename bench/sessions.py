"""A session's state into a file and back, and its runs against clean ones (sessions.c)."""

import json
import subprocess
import sys


def measured(build):
    with subprocess.Popen([f"{build}/bench/sessions", f"{build}/python.image"], stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            row = json.loads(line)
            print(f"  {row['program']}, {row['isolation']}: {row['bytes']} bytes, {row['out_ms']:.1f} ms out, "
                  f"{row['back_ms']:.1f} ms back", flush=True)
            yield row
    if process.returncode:
        sys.exit("bench: sessions failed")


def size(count):
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.1f} KB"


def table(rows):
    lines = ["A session's state: its file, the time into it and back, and `print(1)` as a run that brings its state along and",
             "takes it away, against a clean one; in a worker, files in memory.", "",
             "| state | wall | file | out, ms | back, ms | run of a session, ms | clean run, ms |", "|---|---|---|---|---|---|---|"]
    lines += [f"| `{row['program']}` | {row['isolation']} | {size(row['bytes'])} | {row['out_ms']:.2f} | {row['back_ms']:.2f} "
              f"| {row['session_ms']:.2f} | {row['clean_ms']:.2f} |" for row in rows]
    return "\n".join(lines) + "\n"
