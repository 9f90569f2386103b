"""A result whose repr is lone surrogates, NULs and escapes."""


# expect: kind=ok
class Value:
    def __repr__(self):
        return "\ud800\0\x1b[31m\u202e\udfff" * 1000


Value()
