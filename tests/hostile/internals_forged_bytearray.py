"""Full reading and writing of linear memory without ctypes, by a code object that reads a fake
object."""
# expect: kind=ok stdout=read and written
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
target = bytes(range(200, 232))  # an immutable object, changed through memory
place = id(target) + 4 * struct.calcsize("P")
assert memory[place : place + 32] == target, "not read"
memory[place] = 7
print("read and written" if target[0] == 7 else "not written")
