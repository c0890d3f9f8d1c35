"""for and while over everything, and what happens when the iterated thing changes."""

from tests.cases import over

RANGES = ((0,), (5,), (-5,), (2, 8), (8, 2), (0, 10, 3), (10, 0, -3), (0, 10, -1), (5, 5), (-3, 3), (0, -10, -2))
HUGE = (
    (2**62, 2**62 + 3),
    (2**63 - 2, 2**63 + 2),
    (-(2**63) - 2, -(2**63) + 2),
    (2**63, 2**63 - 3, -1),
    (0, 2**70, 2**69),
    (2**70, 0, -(2**69)),
    (10**30, 10**30 + 3),
    (-(2**62), 2**62, 2**61),
    (2**62, -(2**62), -(2**61)),
    (2**63 - 1, -(2**63), -(2**63 - 1)),
)


@over(*[(r,) for r in RANGES + HUGE])
def case_range(arguments):
    out = []
    for i in range(*arguments):
        out.append(i)
    return out


@over(*[(r,) for r in RANGES + HUGE])
def case_range_variable_after(arguments):
    i = "unset"
    for i in range(*arguments):
        pass
    else:
        return i, "else"


@over((True,), ("a",), (1.5,), (None,), (0,))
def case_range_of_other(n):
    return [i for i in range(n)]


def case_range_zero_step():
    for i in range(0, 5, 0):
        pass


def case_range_object_reused():
    r = range(3)
    return [(i, j) for i in r for j in r], r[1], len(r), 2 in r, r == range(0, 3)


def case_range_variable_rebound_in_body():
    out = []
    for i in range(5):
        i *= 10
        out.append(i)
    return out, i


def case_range_iterator_shared():
    it = iter(range(10))
    out = []
    for i in it:
        out.append(i)
        if i == 4:
            break
    for i in it:
        out.append(-i)
        next(it, None)
    return out


@over(([1, 2, 3],), ((1, 2),), ("añ😀",), ({"a": 1, "b": 2},), ({1},), (b"ab",), (range(3),), (5,), (None,), (iter([1, 2]),))
def case_over(items):
    out = []
    for x in items:
        out.append(x)
    return out


def case_polymorphic_for():
    out = []
    for items in ([1, 2], (3, 4), "ab", range(2), {5: 6}, {7}, [8], b"c", iter([9]), (x for x in [10])) * 2:
        for x in items:
            out.append(x)
    return out


@over((0,), (3,), (10,))
def case_break_continue_else(n):
    log = []
    for i in range(n):
        if i == 1:
            continue
        if i == 5:
            break
        log.append(i)
    else:
        log.append("else")
    while n > 0:
        n -= 1
        if n == 7:
            break
        if n % 2:
            continue
        log.append(n)
    else:
        log.append("while else")
    return log


def case_list_grows():
    items = [1, 2]
    for x in items:
        if len(items) < 10:
            items.append(x + 10)
    return items


def case_list_shrinks():
    items = list(range(10))
    seen = []
    for x in items:
        seen.append(x)
        items.remove(x)
    return seen, items


def case_list_cleared():
    items = [1, 2, 3]
    seen = []
    for x in items:
        seen.append(x)
        items.clear()
    return seen


def case_list_replaced_by_slice():
    items = [1, 2, 3]
    seen = []
    for x in items:
        seen.append(x)
        if x == 2:
            items[:] = [7, 8, 9, 10]
    return seen


def case_list_iterator_exhausted_then_grows():
    items = [1]
    it = iter(items)
    out = [next(it), next(it, "end")]
    items.append(2)
    out.append(next(it, "still end"))
    return out


def case_last_reference_to_list_dropped():
    items = [1, 2, 3]
    out = []
    for x in items:
        items = None
        out.append(x)
    return out


def case_dict_grows():
    d = {1: 1}
    for k in d:
        d[k + 1] = 1


def case_dict_shrinks():
    d = {1: 1, 2: 2}
    for k in d:
        del d[k]


def case_dict_changed_same_size():
    d = {1: 1, 2: 2, 3: 3}
    out = []
    for k in d:
        out.append((k, d[k]))
        d[3] = "changed"
    return out


def case_dict_key_swapped():
    d = {1: 1, 2: 2}
    out = []
    for k in d:
        out.append(k)
        if k == 1:
            del d[1]
            d[9] = 9
    return out


def case_dict_views():
    d = {"a": 1, "b": 2}
    out = []
    for k, v in d.items():
        out.append((k, v))
    for v in d.values():
        out.append(v)
    for k in reversed(d):
        out.append(k)
    return out


def case_dict_items_changed_size():
    d = {1: 1}
    for k, v in d.items():
        d["new"] = 1


def case_set_changed():
    s = {1, 2}
    for x in s:
        s.add(x + 10)


def case_custom_iterator():
    class Count:
        def __init__(self, n):
            self.n, self.i = n, 0

        def __iter__(self):
            return self

        def __next__(self):
            if self.i >= self.n:
                raise StopIteration
            self.i += 1
            return self.i

    out = []
    for x in Count(4):
        out.append(x)
    return out, list(Count(2)), [*Count(1)]


def case_iterator_raises():
    class Bad:
        def __iter__(self):
            return self

        def __next__(self):
            raise ValueError("next")

    for x in Bad():
        pass


def case_iter_raises():
    class Bad:
        def __iter__(self):
            raise ValueError("iter")

    for x in Bad():
        pass


def case_iter_returns_no_iterator():
    class Bad:
        def __iter__(self):
            return 5

    for x in Bad():
        pass


def case_stop_iteration_subclass():
    class Stop(StopIteration):
        pass

    class It:
        n = 0

        def __iter__(self):
            return self

        def __next__(self):
            self.n += 1
            if self.n > 2:
                raise Stop("sub")
            return self.n

    return [x for x in It()]


def case_generator_loop():
    def gen(n):
        try:
            for i in range(n):
                yield i
        finally:
            log.append("closed")

    log = []
    for i in gen(10):
        if i == 3:
            break
    log.append(i)
    for i in gen(2):
        log.append(i)
    return log


def case_nested_with_labels():
    out = []
    for i in range(5):
        for j in range(5):
            if j == i:
                break
            if (i + j) % 2:
                continue
            out.append((i, j))
        else:
            out.append("full")
            break
    return out


def case_while_with_condition_expressions():
    a, b, n = 48, 18, 0
    while a and b and n < 100:
        if a > b:
            a %= b
        else:
            b %= a
        n += 1
    return a, b, n


def case_while_true():
    n = 0
    while True:
        n += 1
        if n > 1000:
            return n


def case_while_walrus():
    items = [1, 2, 3, 0, 5]
    out = []
    while x := items.pop(0):
        out.append(x)
    return out, items


@over((10,), (27,))
def case_collatz(n):
    steps = 0
    while n != 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        steps += 1
    return steps


def case_accumulates_floats_and_ints():
    total, mean = 0, 0.0
    for i in range(100):
        total += i * i
        mean += (i - mean) / (i + 1)
    return total, mean


def case_enumerate_zip_reversed():
    out = []
    for i, (a, b) in enumerate(zip([1, 2, 3], "abc"), start=5):
        out.append((i, a, b))
    for x in reversed([1, 2, 3]):
        out.append(x)
    for x in sorted("cab"):
        out.append(x)
    return out


def case_del_in_loop_calls_finalizers():
    log = []

    class Dies:
        def __init__(self, n):
            self.n = n

        def __del__(self):
            log.append(self.n)

    for i in range(4):
        d = Dies(i)
        log.append(f"round {i}")
    del d
    return log


def case_loop_variable_finalizers():
    log = []

    class Dies:
        def __init__(self, n):
            self.n = n

        def __del__(self):
            log.append(self.n)

    for d in [Dies(i) for i in range(3)]:
        log.append("body")
    d = None
    return log


def case_finalizer_changes_the_list():
    items = []

    class Dies:
        def __del__(self):
            items.append("from del")

    for i in range(5):
        x = Dies()
        x = i
        items.append(i)
    return items


def case_target_is_attribute_or_item():
    class Box:
        pass

    box, items, out = Box(), [0], []
    for box.v in range(3):
        out.append(box.v)
    for items[0] in "ab":
        out.append(items[0])
    return out


def case_modifying_global_range_name():
    out = []
    for i in range(3):
        out.append([j for j in range(i)])
    return out


def case_bubble_sort():
    a = [5, 3, 9, 1, 7, 2**70, -1, 0.5]
    n = len(a)
    for i in range(n):
        for j in range(n - 1 - i):
            if a[j] > a[j + 1]:
                a[j], a[j + 1] = a[j + 1], a[j]
    return a


def case_nqueens():
    def solve(n, row=0, cols=(), found=0):
        if row == n:
            return 1
        for c in range(n):
            for r, k in enumerate(cols):
                if k == c or abs(k - c) == row - r:
                    break
            else:
                found += solve(n, row + 1, cols + (c,))
        return found

    return solve(6)


def case_string_building():
    s = ""
    for c in "hello world":
        if c in "aeiou":
            s += c.upper()
        elif c == " ":
            s += "_"
        else:
            s = c + s
    return s


def case_iterating_subclass_of_list():
    class L(list):
        def __iter__(self):
            return iter(["own", "iter"])

    out = []
    for x in L([1, 2]):
        out.append(x)
    return out, list(L([1, 2])), [*L([1])]


def case_iterating_subclass_of_dict_and_str():
    class D(dict):
        def __iter__(self):
            return iter(["own"])

    class S(str):
        pass

    return [k for k in D(a=1)], [c for c in S("ab")], [type(c) for c in S("a")]
