"""``in`` for ints and strings in lists and tuples, also in generators that are inlined: items whose ``__eq__`` is Python's."""

from tests.cases import over

N = 90


class Equal:
    asked = 0

    def __init__(self, to):
        self.to = to

    def __eq__(self, other):
        Equal.asked += 1
        return self.to == other

    __hash__ = None


class Number(int):
    def __eq__(self, other):
        return True

    __hash__ = int.__hash__


class Raises:
    def __eq__(self, other):
        raise ValueError(other)


ODD = [(1.0,), (True,), (2**70,), (Number(5),), (Equal(3),), (None,), ("a",), (float("nan"),), (3 + 0j,), (-(2**63),)]


@over(*ODD)
def case_int_in_list(odd):
    found = []
    for at in range(N):
        Equal.asked = 0
        row = [7, at, None, "x"] if at < N - 5 else [at + 1, odd, 4]
        found.append((1 in row, 3 in row, at in row, 2**40 in row, 4 not in row, Equal.asked))
        found.append((1 in tuple(row), -5 in tuple(row), 2**63 - 1 in (*row, 2**63 - 1)))
    return found


@over(*ODD)
def case_odd_in_list(odd):
    found = []
    row = [1, 2, 3, "a", None, 2**70, odd]
    for at in range(N):
        item = at if at < N - 5 else odd
        found.append((item in row, item in row[:5], item not in tuple(row[:3])))
    return found


@over(*ODD)
def case_string_in_list(odd):
    found = []
    for at in range(N):
        row = ["b", "ab"[:1], 3, None] if at < N - 5 else ["c", odd, "d"]
        text = "ab"[at % 2 :][:1]
        found.append((text in row, "d" in row, "missing" + str(at) not in row, "é" in row))
    return found


@over((None,), (0,), (1,))
def case_raises_in_the_middle(which):
    found = []
    for at in range(N):
        row = [1, 2, 3]
        if which is not None and at > N - 5:
            row.insert(which, Raises())
        try:
            found.append(sum(1 if v in row else 0 for v in (1, 2, 9)))
        except ValueError as error:
            found.append(error.args)
    return found


@over((Equal(2),), (2,), (None,))
def case_counted_in_generators(odd):
    found = []
    for at in range(N):
        cells = [list(range(size)) for size in range(5)]
        if at > N - 5:
            cells[2].append(odd)
        for v in range(4):
            found.append(sum((1 if v in cell else 0) for cell in cells))
            found.append(any(v in cell for cell in cells))
            found.append([v for cell in cells if v in cell])
    return found


@over((3, None), (2, 1.5), (2, 2**80), (1, "x"))
def case_many_shapes(rounds, odd):
    # Loops in loops whose variables are of other types from time to time: what they go over stays known.
    found = []
    for at in range(N):
        a = b = c = d = None
        for i in range(rounds):
            for j in [1, 2.5, 3][: 2 + i % 2]:
                a = i if j == 1 else j
                for k, one in enumerate((a, j, "text"[i])):
                    b = one if k else c
                    for x, y in zip([k, j], (i, odd if at > N - 4 else a)):
                        c = x
                        d = y if d is None else d
            found.append((a, b, c, sum(1 if i in row else 0 for row in ([i], [j], (a, b), [])), d))
    return found
