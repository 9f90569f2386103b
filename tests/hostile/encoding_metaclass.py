"""An exception type whose metaclass lies about its name, module and parents."""


# expect: kind=exception
class Meta(type):
    __name__ = property(lambda cls: 1 / 0)
    __module__ = property(lambda cls: b"\xff")
    __mro__ = property(lambda cls: ())

    def __repr__(cls):
        raise SystemExit(0)

    def __instancecheck__(cls, thing):
        return True

    def __subclasscheck__(cls, thing):
        raise KeyboardInterrupt

    def __getattribute__(cls, name):
        raise AttributeError(name)


class Odd(Exception, metaclass=Meta):
    pass


raise Odd("with an odd type")
