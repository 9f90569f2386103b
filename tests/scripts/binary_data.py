# Bytes: struct, array, memoryview, bytearray, bit fields, checksums, hex dumps.
import array
import struct

record = struct.pack("<HbI5sd?", 513, -5, 4000000000, b"hello", 2.5, True)
print(record.hex(), struct.calcsize("<HbI5sd?"), struct.unpack("<HbI5sd?", record))
print(struct.pack(">i", -2), struct.pack("!Q", 2**63), struct.pack("<e", 1.5), struct.pack("3sx", b"ab"), struct.unpack_from(">H", b"\x00\x01\x02\x03", 1))
print([v for v, in struct.iter_unpack("<H", bytes(range(8)))], struct.unpack("<f", b"\x00\x00\xc0\x3f")[0])
for action in (lambda: struct.pack("B", 256), lambda: struct.unpack("I", b"abc"), lambda: struct.pack("i", "x"), lambda: struct.pack("z", 1)):
    try:
        action()
    except struct.error as error:
        print(error)
numbers = array.array("h", [1, -2, 300])
numbers.append(-400)
numbers.byteswap()
print(numbers.tolist(), numbers.itemsize, array.array("d", [0.5]).tobytes().hex(), array.array("I", b"\x01\0\0\0\x02\0\0\0").tolist())
data = bytearray(b"hello world")
view = memoryview(data)
view[0:5] = b"HELLO"
print(data, bytes(view[6:]), view.nbytes, view[::2].tobytes(), memoryview(numbers).cast("B").nbytes)
view.release()
data.extend(b"!!")
data[5:6] = b"--"
del data[:2]
print(data, data.find(b"-"), data.replace(b"L", b"l"), data.upper(), data.split(b"--"), data.pop())
print(b"%d-%s" % (5, b"x"), b"a,b".split(b","), bytes(3), bytes([65, 66]), b"\x41"[0], b"abc"[1:], b"x" * 3, bytes.fromhex("de ad"), b"ab".hex("-"))


def hexdump(raw, width=8):
    for offset in range(0, len(raw), width):
        chunk = raw[offset:offset + width]
        print(f"{offset:04x}  {chunk.hex(' '):<{width * 3}} {''.join(chr(b) if 32 <= b < 127 else '.' for b in chunk)}")


hexdump(b"The bytes \x00\x01\xff end")


def crc16(raw):
    crc = 0xFFFF
    for byte in raw:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc


print(hex(crc16(b"123456789")), sum(b"abc") & 0xFF, f"{0b1011_0110 >> 3 & 0b111:03b}", (5).to_bytes(2) + (5).to_bytes(2, "little"))


def luhn(number):
    digits = [int(d) for d in number][::-1]
    return (sum(digits[::2]) + sum(sum(divmod(2 * d, 10)) for d in digits[1::2])) % 10 == 0


print(luhn("4539578763621486"), luhn("4539578763621487"))
print("".join(f"{byte:08b}" for byte in "Hi".encode()), int("0100100001101001", 2).to_bytes(2).decode())
