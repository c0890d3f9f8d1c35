"""Local variables that some ways through a loop assign and nobody reads afterwards: their objects live on until they are
assigned again or the function ends, whatever optimized code has forgotten of them."""

import sys
import weakref

from tests.cases import over

N = 60
log = []


class Loud:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        log.append(self.name)


class Watched:
    def __init__(self, number):
        self.number = number


def case_ends_when_assigned_again():
    log.clear()
    out = []
    for index in range(N):
        if index % 3 == 0:
            first = Loud(("first", index))
        if index % 5 == 1:
            second = Loud(("second", index))
        if index % 7 == 2:
            third = index * 1.5
        elif index % 7 == 3:
            third = Loud(("third", index))
        out.append(len(log))
    return out, list(log)


def steps(items, wanted):
    """Inlined where it is called: its locals are in no slots."""
    total = 0
    for item in items:
        if item is None:
            empty = [total]
            continue
        if item > wanted:
            above = str(item)
            total += 1
        elif item < wanted:
            below = Watched(item)
            total += below.number
        else:
            same = (item, total)
    return total


@over((0,), (3,), (2.5,))
def case_inlined(wanted):
    items = [1, None, 3, 5, 0, None, 2]
    total = 0
    for index in range(N):
        total += steps(items, wanted)
        items[index % 7] = index % 4
        if index % 11 == 5:
            items[index % 7] = None
    return total


def recursive(depth, flag):
    if depth == 0:
        return 0
    for step in (1, 2):
        if flag:
            found = [step]
        else:
            other = {step: depth}
            flag = not flag
    return recursive(depth - 1, not flag) + step


def case_typed_bodies():
    return [recursive(index % 9, index % 2 == 0) for index in range(N)]


def case_seen_from_outside():
    out = []
    for index in range(N):
        if index % 2:
            odd = Watched(index)
            seen = weakref.ref(odd)
        elif index % 4 == 2:
            even = [index]
        if index % 13 == 7:
            out.append(sorted(name for name in sys._getframe().f_locals))
            out.append((seen().number, locals().get("even")))
    return out, seen().number


def case_unbound():
    out = []
    for index in range(N):
        if index > 40:
            late = index
        if index % 5 == 0:
            often = str(index)
        if index % 20 == 19:
            try:
                out.append(late)
            except UnboundLocalError as error:
                out.append(error.args)
    del often
    try:
        out.append(often)
    except UnboundLocalError as error:
        out.append(error.args)
    return out


def case_numbers_at_home_or_not():
    log.clear()
    a = b = c = d = 0
    x = 0.5
    for index in range(N):
        if index % 2:
            a += 1
        if index % 3 == 1:
            b += index
            x = x * 1.25
        if index % 4 == 1:
            # Its end runs code, with the numbers in the frame.
            temporary = Loud((a, b, c, d, x))
            temporary = None
            c += 1
        elif index % 4 == 3:
            d -= 1
    return a, b, c, d, x, list(log), sys._getframe().f_locals["a"]


def rounds(items):
    for item in items:
        if item % 2:
            odd = [item]
        else:
            even = (item,)
        yield item


def case_generators():
    total = 0
    for index in range(N):
        for item in rounds(range(index % 6)):
            if item == 3:
                three = Watched(item)
            total += item
        total += sum(rounds([1, 2, 3, index]))
    return total


def leaves(items, at):
    try:
        for index, item in enumerate(items):
            if item == at:
                met = Loud(("met", index))
                raise ValueError(index)
            if item % 2:
                odd = Loud(("odd", index))
    except ValueError as error:
        return error.args
    return None


def case_exceptions():
    log.clear()
    out = []
    for index in range(N):
        out.append((leaves([1, 2, 3, 4], index % 7), len(log)))
    return out, log[-4:]
