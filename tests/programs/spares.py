"""Instances that end in compiled code and are used again for the next ones of their class: none of what the first had may be seen
in the second."""

import gc
import weakref

from tests.cases import over

N = 120


class Pair:
    def __init__(self, left, right):
        self.left = left
        self.right = right

    def swapped(self):
        return Pair(self.right, self.left)


class Late:
    pass


class Ends:
    ended = []

    def __init__(self, name):
        self.name = name

    def __del__(self):
        Ends.ended.append(self.name)


def keep(item, into):
    into.append(item)
    return item


@over((1,), (2.5,), ("text",), (None,), ([],))
def case_made_and_ended(value):
    found = []
    for at in range(N):
        kept = []
        pair = keep(Pair(at, value), kept)
        kept.clear()
        pair = keep(pair.swapped(), kept)
        found.append((list(vars(pair).items()) if at % 7 == 0 else pair.left, gc.is_tracked(pair)))
    return found


@over((0,), (3,))
def case_attributes_in_another_order(which):
    found = []
    for at in range(N):
        kept = []
        late = keep(Late(), kept)
        if at % 4 == which:
            late.b = at
        late.a = at + 1
        if at % 3 == 0:
            late.c = None
        found.append((hasattr(late, "b"), hasattr(late, "c"), late.a, sorted(late.__dict__) if at % 5 == 0 else ()))
        if at % 6 == 0:
            del late.a
        kept.clear()
    return found


WAYS = ("dictionary", "weak", "class", "finalizer", "cycle")


@over(*[(number,) for number in range(len(WAYS))])
def case_odd_ends(number):
    how = WAYS[number]
    found = []
    alive = []
    Ends.ended = []
    for at in range(N):
        kept = []
        pair = keep(Pair(keep(Pair(at, None), kept), at), kept)
        kept.clear()
        if how == "dictionary" and at % 3 == 0:
            alive.append(vars(pair))
            pair.more = at
        elif how == "weak" and at % 3 == 0:
            alive.append(weakref.ref(pair, lambda ref, at=at: found.append(("gone", at))))
        elif how == "class" and at % 3 == 0:
            pair.__class__ = Late
        elif how == "finalizer" and at % 3 == 0:
            pair.left.left = Ends(at)
        elif how == "cycle" and at % 3 == 0:
            pair.left.right = pair
        found.append((pair.right, type(pair).__name__, len(vars(pair)), len(Ends.ended)))
    pair = None
    gc.collect()
    return found, len(alive), Ends.ended, [one() if how == "weak" else one for one in alive[:3]]


@over((40,), (3000,), (60000,))
def case_chains(length):
    found = []
    for at in range(3):
        chain = None
        for link in range(length):
            chain = Pair(link, chain)
        found.append((chain.left, chain.right.left))
        chain = None
    return found


@over((True,), (False,))
def case_classes_come_and_go(slots):
    found = []
    for at in range(60):

        class Local:
            if slots:
                __slots__ = ("value",)

            def __init__(self, value):
                self.value = value

        gone = weakref.ref(Local)
        total = 0
        for index in range(20):
            total += keep(Local(index), []).value
        found.append((total, gone() is Local))
        del Local
        gc.collect() if at % 20 == 0 else None
    gc.collect()
    found.append(gone())
    return found


@over((1,), (2,))
def case_class_gets_a_finalizer(value):
    class Changing:
        def __init__(self, value):
            self.value = value

    found = []
    for at in range(N):
        kept = []
        keep(Changing(at), kept)
        if at == N - 20:
            Changing.__del__ = lambda self: found.append(("del", self.value))
        if at == N - 10:
            del Changing.__del__
            Changing.__init__ = lambda self, value: found.append(vars(self).copy())
        kept.clear()
    return found
