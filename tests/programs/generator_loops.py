"""Generators that run long: hot code with fast paths and replacement while it runs, with resumes of all kinds between."""

import itertools

from tests.cases import act, finish, outcome, over, plain_list, plain_yield_from, steps


def case_ints():
    def g(n):
        total, i = 0, 0
        while i < n:
            total += i * 3 - (i >> 1)
            i += 1
            yield total

    return sum(g(700)), [x for x in g(500)][-1], max(plain_list(g(600)))


def case_floats():
    def g(n):
        x = 1.0
        for i in range(n):
            x = x * 1.01 - i / (x + 1.0)
            yield x

    return sum(g(700)), [x for x in g(300)][-1]


@over((10,), (600,))
def case_inner_loop_without_yield(n):
    def g():
        for k in range(3):
            total = 0
            for i in range(n):
                total += i ^ k
            yield total

    return list(g()), plain_list(g())


def case_yield_only_now_and_then():
    def g(n):
        found = 0
        for i in range(n):
            if i % 97 == 0:
                got = yield i, found
                found += got or 0
            found += i & 3
        return found

    return finish(g(900), 1, 2, 3, 4)


def case_attributes():
    class P:
        def __init__(self, x):
            self.x, self.y = x, 0

        def step(self):
            self.y += self.x
            return self.y

    def g(points, n):
        for i in range(n):
            p = points[i % len(points)]
            p.x += 1
            yield p.step() + p.y

    return sum(g([P(1), P(2.5), P(3)], 600)), list(g([P(4)], 3))


def case_types_change_midway():
    def g(items):
        total = items[0]
        for item in items[1:]:
            total = total + item
            yield total

    mixed = [1] * 300 + [1.5] * 300 + [2**62] * 20 + [-0.5] * 10
    return list(g(mixed))[-1], list(g([1] * 320))[-1], "".join(g(["a"] * 4)), list(g([(1,), (2,)]))


def case_lists_dicts_strings():
    def g(words):
        counts, order = {}, []
        for i, word in enumerate(words):
            counts[word] = counts.get(word, 0) + 1
            if counts[word] == 1:
                order.append(word)
            yield word[0] + str(counts[word]), len(order)

    words = ["alpha", "beta", "gamma", "alpha"] * 150
    found = list(g(words))
    return found[-1], len(found), found[:5]


def case_calls_in_the_loop():
    def add(a, b, c=1):
        return a + b * c

    def g(n):
        x = 0
        for i in range(n):
            x = add(x, i, c=2) % 1000 + max(i, 3) + len(str(i))
            yield add(x, 1)

    return sum(g(600))


def case_closures_in_the_loop():
    def outer(n):
        count = 0

        def bump(by):
            nonlocal count
            count += by
            return count

        for i in range(n):
            yield bump(i) + count

    return sum(outer(500))


def case_try_in_the_loop():
    def g(n):
        errors = 0
        for i in range(n):
            try:
                yield 100 // (i % 5)
            except ZeroDivisionError:
                errors += 1
                yield -errors

    return sum(g(500))


def case_many_short_lives():
    def g(n):
        for i in range(n):
            yield i

    total = 0
    for k in range(400):
        for x in g(3):
            total += x
    return total


def case_left_early_many_times():
    def g(log):
        try:
            for i in itertools.count():
                yield i
        finally:
            log.append(i)

    log = []
    for k in range(300):
        for x in g(log):
            if x == k % 4:
                break
    return sum(log), len(log)


@over((0,), (3,), (250,))
def case_resumes_of_all_kinds_in_turn(start):
    """Compiled, interpreted and C resumers, throws among them, at each yield of one object."""

    def g():
        total, kinds = 0, []
        for i in range(800):
            try:
                total += (yield i, total) or i
            except KeyError as error:
                total += error.args[0]
                kinds.append(i)
        return total, kinds[:10], len(kinds)

    def compiled_for(h, n):
        found = None
        for found in h:
            n -= 1
            if n == 0:
                return found

    def compiled_delegate(h, n):
        def part():
            for _ in range(n):
                yield next(h)

        return list(part())[-1]

    h = g()
    found = [outcome(next, h)]
    for k in range(start, start + 400):
        match k % 8:
            case 0:
                found.append(next(h, "end"))
            case 1:
                found.append(outcome(h.send, k))
            case 2:
                found.append(compiled_for(h, 2))
            case 3:
                found.append(plain_list(h, 2)[-1:])
            case 4:
                found.append(outcome(h.throw, KeyError(1000 + k)))
            case 5:
                found.append(list(itertools.islice(h, 2)))
            case 6:
                found.append(outcome(compiled_delegate, h, 2))
            case _:
                found.append(list(zip(h, range(1)))[0])
        if isinstance(found[-1], list) and found[-1] and found[-1][0] == "raised":
            break
    return found[:20], found[-3:], list(h)[-1:]


def case_alternating_with_interpreted_delegation():
    def leaf(n):
        total = 0
        for i in range(n):
            total += (yield total) or i
        return total

    def middle(n):
        result = yield from leaf(n)
        result += yield from plain_yield_from(leaf(n))
        return result

    g = plain_yield_from(middle(300))
    found = []
    for i in range(605):
        found.append(outcome(next, g) if i % 3 else act(g, (i or None,)))
    return found[-8:], sum(x for x in found if type(x) is int)


def case_two_hot_generators_in_step():
    def evens(n):
        for i in range(0, n, 2):
            yield i

    def odds(n):
        i = 1
        while i < n:
            yield i
            i += 2

    total = 0
    for a, b in zip(evens(1200), odds(1200)):
        total += a * b % 7
    merged = [x for pair in zip(evens(30), odds(30)) for x in pair]
    return total, merged


def case_pipeline():
    def numbers(n):
        for i in range(n):
            yield i

    def squares(source):
        for x in source:
            yield x * x

    def odd(source):
        for x in source:
            if x & 1:
                yield x

    return sum(odd(squares(numbers(900)))), sum(plain_list(odd(squares(numbers(500)))))


def case_send_driven_average():
    def average():
        total, count, value = 0.0, 0, None
        while True:
            got = yield value
            if got is None:
                return count, total
            total += got
            count += 1
            value = total / count

    g = average()
    next(g)
    for i in range(700):
        last = g.send(i * 0.5)
    return last, outcome(g.send, None)


@over((150,), (400,))
def case_globals_rebound_between_resumes(when):
    def g(n):
        for i in range(n):
            yield helper_value() + len("ab")

    def helper_value():
        return rebound

    global rebound
    rebound = 1
    found = []
    for i, x in enumerate(g(600)):
        if i == when:
            rebound = 100
        found.append(x)
    return sum(found), found[when], found[when + 1]


def case_class_changed_between_resumes():
    class A:
        step = 1

        def move(self):
            return self.step

    def g(a, n):
        for i in range(n):
            yield a.move() + a.step

    a, found = A(), []
    for i, x in enumerate(g(a, 900)):
        if i == 300:
            A.step = 5
        if i == 500:
            A.move = lambda self: 1000
        if i == 700:
            a.step = 7
        found.append(x)
    return found[300:302], found[500:502], found[700:702], sum(found)


def case_builtin_shadowed_between_resumes():
    def g(n):
        for i in range(n):
            yield abs(-i)

    found = []
    try:
        for i, x in enumerate(g(600)):
            if i == 400:
                globals()["abs"] = lambda x: "shadowed"
            found.append(x)
    finally:
        globals().pop("abs", None)
    return found[399:403]


def case_locals_written_from_outside_while_hot():
    def g(n):
        total, step = 0, 1
        for i in range(n):
            total += step
            yield total

    h, found = g(900), []
    for i, x in enumerate(h):
        if i == 500:
            h.gi_frame.f_locals["step"] = 10
        if i == 600:
            h.gi_frame.f_locals["total"] = 0.5
        found.append(x)
    return found[500:502], found[600:602], found[-1]


def case_locals_grow_in_place_across_yields():
    """Numbers are written over in place where nobody else holds them: who got one at a yield holds it."""

    def g(n):
        x, y = 10**6, 0.25
        for i in range(n):
            x += 1000
            y += 0.25
            yield x
            yield y

    kept = list(g(400))
    return kept[:4], kept[-2:], len(set(map(id, kept[:100]))), sum(kept)


def case_loop_variable_kept_outside():
    def g(n):
        for i in range(1000, 1000 + n):
            yield i
            yield i + 0.5

    kept = [x for x in g(400)]
    return kept[:3], kept[-1], sum(kept)


def case_sent_numbers_are_not_written_over():
    def g():
        total = 0
        while True:
            got = yield total
            got += 1000
            total = got

    h = g()
    next(h)
    sent = [10**6 + i for i in range(400)]
    answers = [h.send(x) for x in sent]
    return sent[:2], sent[-1], answers[:2], answers[-1]


def case_string_grows_across_yields():
    def g(n):
        s = ""
        for i in range(n):
            s += str(i % 10)
            yield s

    kept = [x for x in g(300)]
    return kept[5], len(kept[-1]), kept[17] == kept[-1][:18]


def case_deep_stack_in_hot_loop():
    def g(n):
        for i in range(n):
            yield [i, (i + 1, (yield i), [(yield i * 2), {i: (yield)}])][1][0]

    return sum(x or 0 for x in g(200)), sum(x or 0 for x in plain_list(g(150)))


def case_recursive_tree_hot():
    class Node:
        def __init__(self, value, left=None, right=None):
            self.value, self.left, self.right = value, left, right

        def __iter__(self):
            if self.left:
                yield from self.left
            yield self.value
            if self.right:
                for x in self.right:
                    yield x

    def grow(low, high):
        if low >= high:
            return None
        middle = (low + high) // 2
        return Node(middle, grow(low, middle), grow(middle + 1, high))

    return list(grow(0, 120)) == list(range(120)), sum(grow(0, 90))
