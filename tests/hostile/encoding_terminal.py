"""Escape sequences for terminals: they pass as the bytes they are."""
# expect: kind=ok stdout=\x1b[2J\x1b]52;c;ZXZpbA==\x07\x1b[6n\x1bP+q\x1b\\\x9b\r\x08\u202etxet\u202c
print("\x1b[2J\x1b]52;c;ZXZpbA==\x07\x1b[6n\x1bP+q\x1b\\\x9b\r\x08\u202etxet\u202c")
