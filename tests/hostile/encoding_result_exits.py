"""The repr of the result ends the program."""


# expect: kind=ok exit=77 stdout=before
class Value:
    def __repr__(self):
        print("before")
        raise SystemExit(77)


Value()
