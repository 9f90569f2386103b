"""One analysis over HTTP, in the client's environment: ask.py PROGRAM SCRIPT FILE FOLDER leaves what the agent printed in
FOLDER/printed, what the code left in FOLDER/left, and how long the answer took in FOLDER/took."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from openai import OpenAI

AGENT = """
name: analyst
instructions: Analyse.
model:
  kind: script
  script: turns.yaml
sandbox:
  time: 600s
  cpu_time: 600s
  memory: 512MiB
  output: 64KiB
"""


def turns(code):
    """What the offline model writes, and that its answer is what the code printed."""
    return f"turns:\n  - match: analyse\n    code: {json.dumps(code)}\n    then:\n      say: '{{stdout}}'\n"


def main(program, script, file, folder):
    (folder / "agent.yaml").write_text(AGENT)
    (folder / "turns.yaml").write_text(turns(script.read_text()))
    environment = {name: value for name, value in os.environ.items() if not re.match("OPENAI_|AZURE_|FOUNDRY_|PORT$", name)}
    with open(folder / "log", "w+b") as log, subprocess.Popen(
            [program, "serve", folder / "agent.yaml", "--port", "0"], stdout=log, stderr=log, cwd=folder, env=environment) as server:
        try:
            ask(address(server, folder / "log"), file, folder)
        finally:
            server.terminate()


def address(server, log):
    for _ in range(6000):
        found = re.search(r"listening on (http://\S+)", log.read_text())
        if found:
            return found[1]
        if server.poll() is not None:
            break
        time.sleep(0.01)
    raise SystemExit(f"the server did not start: {log.read_text()}")


def ask(url, file, folder):
    client = OpenAI(base_url=url + "/v1", api_key="none", timeout=900, max_retries=0)
    uploaded = client.files.create(file=file, purpose="user_data")
    start = time.monotonic()
    response = client.responses.create(model="analyst", input=[{"role": "user", "content": [
        {"type": "input_file", "file_id": uploaded.id},
        {"type": "input_text", "text": f"Please analyse {file.name}."}]}])
    (folder / "took").write_text(f"{time.monotonic() - start:.1f}")
    print(response.model_dump_json())
    text = response.output[-1].content[-1]
    for annotation in text.annotations:
        assert annotation.type == "file_path", annotation
        kept = client.files.retrieve(annotation.file_id)
        path = folder / "left" / kept.filename
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(client.files.content(kept.id).read())
        assert path.stat().st_size == kept.bytes
    (folder / "printed").write_text(text.text)
    client.responses.delete(response.id)
    left = [one for one in client.files.list() if one.id != uploaded.id]
    assert not left, f"files are left when their response is deleted: {left}"
    client.files.delete(uploaded.id)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
