"""Method calls, attributes, inheritance and properties."""


class Shape:
    def __init__(self, size):
        self.size = size

    @property
    def doubled(self):
        return self.size * 2

    def area(self):
        raise NotImplementedError


class Square(Shape):
    def area(self):
        return self.size * self.size


class Circle(Shape):
    def area(self):
        return 3.14159 * self.size * self.size


def main():
    total = 0.0
    shapes = [Square(i) if i % 2 else Circle(i) for i in range(300)]
    for _ in range(400):
        for shape in shapes:
            total += shape.area() + shape.doubled
    return round(total)
