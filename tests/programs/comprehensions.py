"""Comprehensions, inlined and not, and generator expressions."""

from tests.cases import over


@over((5,), (0,), ("x",))
def case_list(n):
    return [i * i for i in range(n)]


@over(([3, 1, 2],), ("hello",), ({"a": 1},), (5,))
def case_set_and_dict(items):
    return sorted({x for x in items}), {k: v for v, k in enumerate(items)}


@over((10,))
def case_conditions(n):
    return [i for i in range(n) if i % 2 if i % 3], [i if i % 2 else -i for i in range(n)]


@over((3, 4))
def case_nested_loops(a, b):
    return [(i, j) for i in range(a) for j in range(b) if i != j]


@over((3,))
def case_nested_comprehensions(n):
    return [[i * j for j in range(i)] for i in range(n + 1)], {i: {j for j in range(i)} for i in range(n)}


def case_variable_does_not_leak():
    i = "outer"
    values = [i for i in range(3)]
    return i, values


def case_variable_unbound_after():
    values = [q for q in range(3)]
    try:
        return q
    except NameError as error:
        return str(error)


def case_uses_outer_variables():
    factor = 10
    out = [x * factor for x in range(3)]
    factor = 20
    return out + [x * factor for x in range(3)]


def case_walrus_leaks():
    values = [last := i for i in range(4)]
    return values, last


def case_first_iterable_evaluated_outside():
    class A:
        items = [1, 2, 3]
        doubled = [x * 2 for x in items]
        try:
            bad = [y for x in items for y in items]
        except NameError as error:
            bad = str(error)

    return A.doubled, A.bad


def case_lambda_in_comprehension():
    return [f() for f in [lambda: i for i in range(3)]], [f(1) for f in [lambda x, i=i: x + i for i in range(3)]]


def case_cell_in_comprehension():
    x = 5
    fs = [lambda: x for x in range(3)]
    return x, [f() for f in fs]


def case_exception_restores_variable():
    i = "outer"
    try:
        [10 // i for i in (1, 0)]
    except ZeroDivisionError:
        return i


def case_exception_leaves_unbound():
    try:
        [10 // z for z in (1, 0)]
    except ZeroDivisionError:
        pass
    try:
        return z
    except UnboundLocalError as error:
        return str(error)


def case_unpacking_targets():
    return [a + b for a, b in [(1, 2), (3, 4)]], [c for _, *c in ["abc", "de"]]


def case_generator_expression():
    g = (i * i for i in range(5))
    return next(g), list(g), sum(x for x in range(10)), any(x > 3 for x in range(5)), dict((k, 1) for k in "ab")


def case_generator_is_lazy():
    log = []

    def f(x):
        log.append(x)
        return x

    g = (f(x) for x in range(3))
    log.append("made")
    return list(g), log


def case_generator_first_iterable_eager():
    try:
        (x for x in undefined_name)
    except NameError as error:
        return str(error)


def case_dict_evaluation_order():
    log = []

    def f(x):
        log.append(x)
        return x

    return {f(("k", i)): f(("v", i)) for i in range(2)}, log


def case_dict_duplicate_keys():
    return {i % 3: i for i in range(10)}


def case_unhashable():
    return {[i] for i in range(2)}


def case_iterator_raises():
    class It:
        def __iter__(self):
            return self

        n = 0

        def __next__(self):
            self.n += 1
            if self.n == 3:
                raise KeyError("next")
            return self.n

    return [x for x in It()]


def case_locals_in_comprehension():
    x = 1
    return [sorted(locals()) for _ in range(1)], sorted(locals())


def case_mutation_while_iterating():
    items = [1, 2, 3]
    out = [items.append(x * 10) or x for x in items if len(items) < 8]
    return out, items


def case_dict_items():
    d = {"a": 1, "b": 2}
    return {v: k for k, v in d.items()}, [k for k in d], [v for v in d.values()], [f"{k}={v}" for k, v in d.items()]


def case_strings_and_bytes():
    return [c.upper() for c in "añ€"], [b for b in b"ab"], "".join(c for c in "a1b2" if c.isdigit())


def case_enumerate_zip():
    return [(i, a, b) for i, (a, b) in enumerate(zip("ab", [1, 2]))], list(map(lambda x: x + 1, filter(None, [0, 1, 2])))


def case_many_in_one_expression():
    return [x for x in range(2)] + [y for y in range(2)] + [x for x in "ab"], {x: [y for y in range(x)] for x in range(3)}


def case_in_condition_and_call():
    if [x for x in range(3) if x > 1]:
        return max([x * x for x in range(-3, 2)]), sorted([x for x in (3, 1, 2)], key=lambda v: [-v for _ in range(1)])


def case_star_in_comprehension_source():
    return [x for x in [*range(2), *"ab"]], [*(x for x in range(3))]


def case_sieve():
    n = 60
    flags = [True] * n
    for i in range(2, n):
        if flags[i]:
            for j in range(i * i, n, i):
                flags[j] = False
    return [i for i in range(2, n) if flags[i]]


def case_matrix():
    m = [[1, 2], [3, 4]]
    return [[sum(a * b for a, b in zip(row, col)) for col in zip(*m)] for row in m], [x for row in m for x in row]


def case_nested_scope_with_same_name():
    x = "outer"
    return [[x for x in range(x)] for x in range(3)], x
