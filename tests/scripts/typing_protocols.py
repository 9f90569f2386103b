# typing and abc: protocols, generics, TypedDict, NamedTuple, overloads, ParamSpec, type statements, ABCs.
import typing as t
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator


@t.runtime_checkable
class Drawable(t.Protocol):
    def draw(self) -> str: ...


class Circle:
    def draw(self) -> str:
        return "o"


class Stack[T]:
    def __init__(self, items: Iterable[T] = ()) -> None:
        self._items: list[T] = list(items)

    def push(self, item: T) -> t.Self:
        self._items.append(item)
        return self

    def __iter__(self) -> Iterator[T]:
        return reversed(self._items)


class Movie(t.TypedDict, total=False):
    title: t.Required[str]
    year: int


class Employee(t.NamedTuple):
    name: str
    id: int = 3

    def greet(self) -> str:
        return f"I am {self.name}"


type Pair[A, B] = tuple[A, B]
type Tree = int | list["Tree"]


def first[T](items: Iterable[T], default: T | None = None) -> T | None:
    return next(iter(items), default)


def logged[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        print("calling", function.__name__)
        return function(*args, **kwargs)
    return wrapper


class Shape(ABC):
    @property
    @abstractmethod
    def area(self) -> float: ...

    @abstractmethod
    def name(self): ...

    def describe(self):
        return f"{self.name()} {self.area:.2f}"


class Square(Shape):
    def __init__(self, side):
        self.side = side

    @property
    def area(self):
        return self.side**2

    def name(self):
        return "square"


@logged
def add(a: int, b: "int" = 1) -> int:
    return a + b


print(isinstance(Circle(), Drawable), isinstance(5, Drawable), list(Stack([1]).push(2).push(3)))
print(Movie(title="M", year=1931), Movie.__required_keys__, Employee("Al"), Employee("Bo", 9).greet(), Employee._field_defaults)
print(Pair.__value__, Tree.__name__, first([], 7), first("xyz"), add(2, b=5), Stack.__type_params__)
print(t.get_type_hints(Employee), t.get_origin(dict[str, int]), t.get_args(t.Union[int, str, None]), t.Optional[int], int | None)
try:
    Shape()
except TypeError as error:
    print(error)
print(Square(3).describe(), issubclass(Square, Shape), Shape.__abstractmethods__ == {"area", "name"})
print(t.Literal["a", "b"], list[int], Callable[[int], str], t.Annotated[int, "meta"].__metadata__, t.cast(str, 5), t.get_args(t.Literal[1, "x"]))


class Meta(t.Generic[t.TypeVar("K"), t.TypeVar("V")]):
    pass


print(Meta[int, str], t.TYPE_CHECKING, t.assert_type(1, int), Stack[int].__args__)
