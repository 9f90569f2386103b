# zlib, gzip, bz2, lzma, hashlib, hmac, base64, binascii: round trips and known digests.
import base64
import binascii
import bz2
import gzip
import hashlib
import hmac
import io
import lzma
import zlib

text = b"The quick brown fox jumps over the lazy dog. " * 50
for level in (0, 1, 9):
    packed = zlib.compress(text, level)
    print(level, zlib.decompress(packed) == text, len(packed) < len(text) or level == 0)
stream = zlib.compressobj(wbits=-15)
raw = stream.compress(text[:100]) + stream.compress(text[100:]) + stream.flush()
print(zlib.decompress(raw, wbits=-15) == text, zlib.crc32(text), zlib.adler32(text))
buffer = io.BytesIO()
with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as file:
    file.write(text)
print(gzip.decompress(buffer.getvalue()) == text, bz2.decompress(bz2.compress(text)) == text,
      lzma.decompress(lzma.compress(text)) == text)
with gzip.open(io.BytesIO(buffer.getvalue()), "rt") as file:
    print(file.read(19))
for name in ("md5", "sha1", "sha256", "sha512", "sha3_256", "blake2b", "blake2s"):
    print(name, hashlib.new(name, b"abc").hexdigest()[:32])
digest = hashlib.sha256()
for part in (b"a", b"b", b"c"):
    digest.update(part)
print(digest.hexdigest() == hashlib.sha256(b"abc").hexdigest(), digest.digest_size, digest.block_size)
print(hashlib.shake_128(b"x").hexdigest(8), hashlib.blake2b(b"m", key=b"k", digest_size=8).hexdigest())
print(hmac.new(b"key", b"message", "sha256").hexdigest()[:40], hmac.compare_digest(b"a", b"a"))
print(hashlib.pbkdf2_hmac("sha256", b"password", b"salt", 1000).hex()[:32])
print(base64.b64encode(b"hello\xff\xfe"), base64.urlsafe_b64encode(b"hello\xff\xfe"), base64.b32encode(b"hi"),
      base64.b85encode(b"hello"), base64.a85encode(b"hello"), base64.b16encode(b"\x0f"))
print(base64.b64decode("aGVsbG8="), binascii.hexlify(b"ab", ":"), binascii.unhexlify("6162"), binascii.crc32(b"abc"))
for bad in (lambda: base64.b64decode("abc"), lambda: zlib.decompress(b"nonsense"), lambda: bytes.fromhex("0g"),
            lambda: gzip.decompress(b"plain text"), lambda: hashlib.new("nosuch")):
    try:
        bad()
    except Exception as error:
        print(type(error).__name__, str(error)[:48])
