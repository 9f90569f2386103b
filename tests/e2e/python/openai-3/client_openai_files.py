"""The official client's files: up, listed, named in a request, and what code left, back."""

import hashlib
import random
import signal
import sys
import traceback

from openai import BadRequestError, NotFoundError, OpenAI

from harness import LIMIT, equal, matches, servers

TABLE = "region,amount\n" + "".join(f"r{i % 7},{i}\n" for i in range(10000))
CODE = """import csv, collections, json
sums = collections.Counter()
for row in csv.DictReader(open("/input/sales.csv")):
    sums[row["region"]] += int(row["amount"])
json.dump(sums, open("/output/sums.json", "w"))
print(sum(sums.values()))"""


def up_and_down(client, model):
    content = random.Random(5).randbytes(5 << 20)
    made = client.files.create(file=("größe.bin", content), purpose="user_data",
                               expires_after={"anchor": "created_at", "seconds": 7200})
    equal((made.bytes, made.filename, made.status), (len(content), "größe.bin", "processed"), "the file")
    equal(made.expires_at - made.created_at, 7200, "its end")
    equal(client.files.retrieve(made.id), made, "the file again")
    back = hashlib.sha256()
    with client.files.with_streaming_response.content(made.id) as reply:
        for piece in reply.iter_bytes():
            back.update(piece)
    equal(back.digest(), hashlib.sha256(content).digest(), "what came back")
    more = [client.files.create(file=("a.txt", b""), purpose="assistants").id]
    listed = [file.id for file in client.files.list(limit=1)]  # which turns the pages
    equal(listed, [more[0], made.id], "the list")
    for one in listed:
        equal(client.files.delete(one).deleted, True, "deleted")
    try:
        client.files.retrieve(made.id)
    except NotFoundError as error:
        matches(made.id, str(error), "what is gone")
    else:
        raise AssertionError("a deleted file is there")


def refused(client, model):
    for words, says in ((dict(file=("a", b"x"), purpose="mine"), "'mine'"),
                        (dict(file=("a", b"x"), purpose="vision",
                              expires_after={"anchor": "created_at", "seconds": 5}), "from 3600")):
        try:
            client.files.create(**words)
        except BadRequestError as error:
            matches(says, error.body["message"], "the refusal")
        else:
            raise AssertionError(f"{words} was taken")


def analyse(client, model, stream=False):
    model.call("PUT", "/_rules", [{"steps": [{"code": CODE}, {"say": "{output}"}]}])
    table = client.files.create(file=("sales.csv", TABLE.encode()), purpose="user_data")
    request = {"model": "m", "input": [{"role": "user", "content": [
        {"type": "input_text", "text": "Add up"}, {"type": "input_file", "file_id": table.id}]}]}
    added = []
    if stream:
        with client.responses.stream(**request) as events:
            added = [event.annotation for event in events
                     if event.type == "response.output_text.annotation.added"]
            response = events.get_final_response()
    else:
        response = client.responses.create(**request)
    matches("49995000", response.output_text, "the sum")
    notes = [note for item in response.output if item.type == "message"
             for part in item.content for note in part.annotations]
    equal([(note.type, note.index) for note in notes], [("file_path", 0)], "annotations")
    if stream:
        equal([note["file_id"] if isinstance(note, dict) else note.file_id for note in added],
              [notes[0].file_id], "annotations of the stream")
    sums = client.files.content(notes[0].file_id)
    equal(sum(sums.json().values()), 49995000, "the sums that came back")
    equal(client.files.retrieve(notes[0].file_id).filename, "sums.json", "its name")
    client.responses.delete(response.id)
    client.files.delete(table.id)
    equal(list(client.files.list()), [], "what is left")


def main():
    name, only = "openai 3 files", " ".join(sys.argv[1:])
    signal.signal(signal.SIGALRM, lambda *_: sys.exit(f"stopped after {LIMIT} s"))
    signal.alarm(LIMIT)
    with servers(name) as (server, model):
        client = OpenAI(base_url=f"{server.url}/v1", api_key="any", max_retries=0)
        for title, play in (("up and down", up_and_down), ("refused", refused), ("an analysis", analyse),
                            ("an analysis, streamed", lambda *words: analyse(*words, stream=True))):
            if only not in f"{name}: {title}":
                continue
            try:
                play(client, model)
                print("ok", f"{name}: {title}", flush=True)
            except Exception:  # whatever a client raises is a result
                print("not ok", f"{name}: {title}", "\n    " + traceback.format_exc().replace("\n", "\n    "),
                      flush=True)
    print("played", name, flush=True)


main()
