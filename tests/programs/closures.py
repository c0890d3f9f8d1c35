"""Cells, free variables, nonlocal, lambdas, unbound locals and cells."""

from tests.cases import over


def case_counter():
    n = 0

    def step():
        nonlocal n
        n += 1
        return n

    return [step() for _ in range(5)], n


@over((5,), ("a",))
def case_argument_is_cell(a):
    def get():
        return a

    a = (a, a)
    return get()


def case_late_binding():
    return [f() for f in [lambda: i for i in range(4)]]


def case_default_binding():
    return [f() for f in [lambda i=i: i for i in range(4)]]


def case_three_levels():
    a = 1

    def one():
        b = 2

        def two():
            nonlocal a
            a += b
            return lambda: (a, b)

        return two()

    return one()(), a


def case_unbound_local():
    print(x)
    x = 1


def case_unbound_after_del():
    x = 1
    del x
    return x


def case_delete_unbound():
    del x
    x = 1


def case_unbound_in_branch():
    if [] == 1:
        x = 1
    try:
        return x
    except UnboundLocalError as error:
        return str(error)


def case_unbound_in_loop():
    for i in []:
        pass
    return i


def case_unbound_cell():
    def get():
        return x

    try:
        get()
    except NameError as error:
        first = str(error)
    x = 5
    return first, get()


def case_unbound_cell_own():
    def get():
        return x

    try:
        x
    except NameError as error:
        message = type(error).__name__, str(error)
    x = 1
    del x
    try:
        get()
    except NameError as error:
        return message, str(error)


def case_delete_cell_and_free():
    x = 1

    def drop():
        nonlocal x
        del x

    drop()
    try:
        drop()
    except NameError as error:
        return str(error)


def case_exception_variable_is_unbound_after():
    try:
        1 / 0
    except ZeroDivisionError as e:
        kept = str(e)
    try:
        e
    except NameError as error:
        return kept, str(error)


def case_shared_cell_between_functions():
    x = []

    def add(v):
        x.append(v)

    def clear():
        nonlocal x
        x = []

    add(1)
    first = x
    clear()
    add(2)
    return first, x


def case_cell_contents():
    x = 1

    def f():
        return x

    cell = f.__closure__[0]
    out = [cell.cell_contents]
    cell.cell_contents = "changed"
    out += [x, f()]
    del cell.cell_contents
    try:
        f()
    except NameError as error:
        out.append(str(error))
    return out


def case_lambda_arguments():
    f = lambda a, *b, c=3, **d: (a, b, c, d)
    return f(1), f(1, 2, 3, c=4, e=5)


def case_recursive_closure():
    def fact(n):
        return 1 if n < 2 else n * fact(n - 1)

    return fact(25)


def case_mutual_recursion():
    def even(n):
        return n == 0 or odd(n - 1)

    def odd(n):
        return n != 0 and even(n - 1)

    return even(30), odd(30), even(7)


def case_closure_in_class():
    x = "outer"

    class A:
        y = x

        def get(self):
            return x

        x = "class"
        z = x

    return A.y, A().get(), A.x, A.z


def case_class_cell():
    class A:
        def me(self):
            return __class__

    class B(A):
        pass

    return B().me() is A


def case_nonlocal_in_loop():
    total = 0

    def add(n):
        nonlocal total
        total += n

    for i in range(20):
        add(i)
        if i == 10:
            total = 1000
    return total


def case_decorator_with_closure():
    calls = []

    def traced(f):
        def inner(*args, **kwargs):
            calls.append((f.__name__, args, kwargs))
            return f(*args, **kwargs)

        return inner

    @traced
    def add(a, b=2):
        return a + b

    return add(1), add(1, b=5), calls


def case_comprehension_captures():
    fs = [lambda x, k=k: x + k + base for base in [100] for k in range(3)]
    base = None
    return [f(1) for f in fs]


def case_closure_survives_and_frees():
    log = []

    class Dies:
        def __del__(self):
            log.append("dead")

    def make():
        d = Dies()
        return lambda: d

    f = make()
    log.append("alive")
    f = None
    log.append("after")
    return log


def case_accumulator_with_default_list():
    def f(x, into=[]):
        into.append(x)
        return list(into)

    return f(1), f(2), f(3, []), f(4)


def case_many_cells():
    a, b, c, d, e = 1, 2, 3, 4, 5

    def f():
        nonlocal a, c, e
        a, c, e = e, a, c
        return a + b * c - d * e

    return f(), f(), f(), (a, b, c, d, e)


def case_swap_cells_with_exception():
    x = "start"

    def f():
        nonlocal x
        x = "changed"
        raise ValueError(x)

    try:
        f()
    except ValueError as error:
        return x, error.args


def case_locals_of_closures():
    x, y = 1, 2

    def f(z):
        w = x
        return sorted(locals().items())

    return f(3), sorted(k for k in locals())
