"""Exceptions whose text raises, loops, is no text or changes."""


# expect: kind=exception type=Outer
class Inner(Exception):
    def __str__(self):
        raise self

    __repr__ = __str__


class Outer(Exception):
    def __str__(self):
        raise Inner

    def __repr__(self):
        return 5

    @property
    def args(self):
        raise Inner

    @property
    def __notes__(self):
        raise Inner

    @property
    def __cause__(self):
        return self

    __traceback__ = property(lambda self: 1 / 0)
    __suppress_context__ = property(lambda self: 1 / 0)
    __context__ = property(lambda self: 1 / 0)


raise Outer(Inner(Inner()))
