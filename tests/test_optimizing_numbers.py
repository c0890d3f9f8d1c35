"""Characters, membership in constants, numbers in lists: what optimized code keeps in registers or writes over in place."""

import pytest

from tests.edges import Check, check  # noqa: F401 (a fixture)

TEXTS = [
    "'hello world'",
    "''",
    "'x'",
    "'\\n'",
    "'na\\xefve'",
    "'\\xff\\x80'",
    "'\\u03b1\\u03b2\\u03b3'",
    "'a\\u03b1'",
    "'\\U0001f600!'",
    "'\\ud800\\udfff'",
    "'a\\0b'",
]


class TestCharacters:
    def test_iteration(self, check: Check) -> None:
        source = """
            def f(text):
                found = []
                for letter in text:
                    found.append(letter)
                return found, "".join(found)
        """
        check(source, "'usual text'", *TEXTS, "['a', 'bc']", "('x',)", "b'ab'")

    def test_subclass(self, check: Check) -> None:
        source = """
            class Text(str):
                def __iter__(self):
                    return iter([1, "two"])

                def __getitem__(self, index):
                    return index

            def f(text, make):
                text = Text(text) if make else text
                return [letter for letter in text], text[0], text[-1]
        """
        check(
            source, "'usual', False", "'usual', True", "'\\u03b1\\u03b2', True", "'\\u03b1\\u03b2', False", "'', False"
        )

    def test_index(self, check: Check) -> None:
        indices = ["0", "1", "-1", "5", "-6", "2**64", "True", "1.0"]
        edges = [f"{text}, {index}" for text in TEXTS for index in indices]
        check("def f(text, index):\n    return text[index]", "'usual', 2", *edges)

    @pytest.mark.parametrize("operator", ["==", "!=", "<", "<=", ">", ">="])
    def test_comparisons(self, check: Check, operator: str) -> None:
        source = f"""
            def f(text, other):
                found = []
                for letter in text:
                    found.append((
                        letter {operator} "l", "l" {operator} letter, letter {operator} other[0],
                        letter {operator} other, other {operator} letter,
                        letter {operator} "", letter {operator} "lo", letter {operator} "\\u03b1",
                    ))
                return found
        """
        check(
            source, "'hello', 'lo'", *(f"{text}, {other}" for text in TEXTS for other in ("'l'", "'\\u03b1'", "'lo'"))
        )

    def test_comparison_with_other_types(self, check: Check) -> None:
        source = """
            def f(text, other):
                found = []
                for letter in text:
                    found.append((letter == 1, letter != None, letter == other, other == letter))
                return found
        """
        check(source, "'hello', 'l'", "'hello', 1", "'hello', None", "'hello', b'l'", "'hello', ['l']")

    def test_ord_and_chr(self, check: Check) -> None:
        source = """
            def f(text, by):
                total = 0
                made = []
                for letter in text:
                    total = (total * 31 + ord(letter)) & 0xFFFFFFFF
                    made.append(chr(ord(letter) + by))
                return total, made, [ord(chr(ord(letter) + by)) for letter in text]
        """
        edges = [
            "'a', 2**20",
            "'a', 0x10ffff - 97",
            "'a', 0x110000 - 97",
            "'a', -97",
            "'a', -98",
            "'a', 2**63",
            "'a', 2**64",
        ]
        check(source, "'hello', 1", *(f"{text}, 1" for text in TEXTS), *edges, "'a', 1.5")
        check("def f(x):\n    return ord(x)", "'a'", *TEXTS, "b'a'", "5")
        check(
            "def f(x):\n    return chr(x)",
            "97",
            "0",
            "-1",
            "255",
            "256",
            "0x10ffff",
            "0x110000",
            "True",
            "2**70",
            "'a'",
        )

    def test_truth_length_and_sums(self, check: Check) -> None:
        source = """
            def f(text):
                found = []
                for letter in text:
                    if letter:
                        found.append((len(letter), letter + "!", letter * 2, letter.upper(), f"<{letter}>", {letter: 1}))
                return found
        """
        check(source, "'hello'", *TEXTS)

    def test_identity(self, check: Check) -> None:
        source = """
            def f(text):
                found = []
                for index in range(len(text)):
                    letter = text[index]
                    other = letter
                    found.append((letter is other, letter is text[index], letter is not other, letter is "l"))
                return found
        """
        check(source, "'hello'", *TEXTS)

    def test_locals_that_are_characters_at_times(self, check: Check) -> None:
        source = """
            import sys

            def f(text, at):
                last = None
                runs = 0
                for index, letter in enumerate(text):
                    if letter != last:
                        runs += 1
                    if index == at:
                        letter = sys._getframe().f_locals["letter"] * 2
                    last = letter
                return runs, last, letter, index
        """
        check(source, "'aabbbc', -1", "'aabbbc', 3", "'\\u03b1\\u03b1b', 1", "'a', 0", "'', 0")

    def test_iterators_that_are_left(self, check: Check) -> None:
        source = """
            def f(text, other, value):
                pairs = []
                total = 0
                for letter, second in zip(text, other):
                    pairs.append((letter, second))
                    total += value
                    for third in text:
                        if third == second:
                            break
                    else:
                        pairs.append(third)
                    total += value
                return pairs, total
        """
        edges = [
            "'abc', 'abd', 2**62",
            "'abc', [1, 2], 1",
            "'\\u03b1b', 'ab', 2**62",
            "'a', '', 1",
            "'abc', 'xyz', 1.5",
        ]
        check(source, "'abc', 'cba', 1", *edges)

    def test_exception_in_the_loop(self, check: Check) -> None:
        source = """
            def f(text, limit):
                seen = []
                try:
                    for letter in text:
                        seen.append(1 // (limit - len(seen)))
                except ZeroDivisionError:
                    return letter, seen
                return letter, len(seen)
        """
        check(source, "'hello', 50", "'hello', 3", "'\\u03b1\\u03b2\\u03b3', 2", "'', 1")


class TestMembership:
    @pytest.mark.parametrize(
        "container",
        [
            "'aeiouAEIOU'",
            "''",
            "'\\u03b1\\u03b2'",
            "'a\\0\\xff\\U0010ffff'",
            "('l', 'o', 'he', None, 1)",
            "{'l', 'o', '\\u03b1'}",
            "('l', 1.5)",
        ],
    )
    def test_characters(self, check: Check, container: str) -> None:
        source = f"""
            def f(text):
                return [(letter in {container}, letter not in {container}) for letter in text]
        """
        check(source, "'hello'", *TEXTS, "['l', 'he', '']", "[1, None, 1.5]", "[[]]")

    def test_in_a_string(self, check: Check) -> None:
        source = """
            def f(text, other):
                found = 0
                for letter in text:
                    if letter in other:
                        found += 1
                return found
        """
        others = ["'lo'", "''", "'\\u03b1'", "['l']", "{'l': 1}", "5", "b'l'"]
        check(source, "'hello', 'lo'", *(f"{text}, {other}" for text in TEXTS for other in others))

    @pytest.mark.parametrize(
        "container",
        [
            "(1, 2, 3, 70, -5)",
            "{1, 5, 9}",
            "(2**63 - 1, -(2**63), 0)",
            "(9223372036854775807, -9223372036854775808, 3)",
            "(18446744073709551616, 1)",
            "(1, None, 'a', True)",
            "(1.0, 2)",
            "()",
            "tuple(range(0, 3000, 100))",
        ],
    )
    def test_ints(self, check: Check, container: str) -> None:
        source = f"""
            def f(a, b):
                x = a + b
                return x in {container}, x not in {container}
        """
        sums = [
            "1",
            "0",
            "3",
            "63",
            "64",
            "65",
            "70",
            "-5",
            "2**63 - 1",
            "-(2**63)",
            "2**64",
            "1.0",
            "'a'",
            "(1,)",
            "100",
        ]
        check(source, "1, 1", *(f"{value}, type({value})()" for value in sums))


class TestNumbersInLists:
    def test_written_over(self, check: Check) -> None:
        source = """
            def f(items, value, rounds):
                kept = []
                for _ in range(rounds):
                    for index in range(len(items)):
                        if index == 1:
                            kept.append(items[index])
                        items[index] = items[index] + value
                return items, kept
        """
        edges = [
            "[1.5, 2.5, 3.5], 1.0, 3",
            "[300, 5, 2**30, 2**31, -300], 1, 3",
            "[2**30 - 2] * 4, 1, 4",
            "[-3, 255, 256], 1, 4",
        ]
        edges += [
            "[2**62, 1], 2**61, 3",
            "[0.0, -0.0], -0.0, 2",
            "[float('nan'), float('inf')], 1.0, 2",
            "[1.0] * 5, 0.5, 3",
        ]
        edges += [
            "[1000] * 5, -1000, 2",
            "[True, 1, 2.0], 1, 2",
            "[1, 'a'], 1, 2",
            "[2**70, 1], 1, 2",
            "[300], 2**70, 2",
        ]
        check(source, "[1000, 2000, 3000], 7, 3", *edges)
        check(source, "[1.5, 2.5, 3.5], 0.25, 3", *edges, "[1, 2], 1, 3")

    def test_two_names_for_one_object(self, check: Check) -> None:
        source = """
            def f(items, other, by):
                for index in range(len(items)):
                    other[index] = items[index]
                    items[index] = items[index] * by
                    items[index] = items[index] * by
                return items, other
        """
        check(
            source,
            "[1.5, 2.5], [0.0, 0.0], 2.0",
            "[1000, 2000], [500, 600], 3",
            "[1.5, 2], [0.0, 'x'], 2.5",
            "[1, 2], [3], 2",
        )
        check(source, "[1000, 2000], [500, 600], 3", "[1.5, 2.5], [0.0, 0.0], 2.0", "[0, 2**40], [1, 2**50], 2**30")

    def test_list_changes_in_the_loop(self, check: Check) -> None:
        source = """
            class Changes:
                def __init__(self, items):
                    self.items = items

                def __radd__(self, other):
                    self.items.clear()
                    return other

            def f(items, value, rounds):
                try:
                    for i in range(rounds):
                        items[i] = items[i] + value
                        items[i] += 1.0
                except IndexError as error:
                    return str(error), items
                return items
        """
        check(source, "[1.5, 2.5, 3.5], 2.0, 3", "[1.5], 2.0, 3", "(lambda x: (x, Changes(x)))([1.5, 2.5])[0], 1, 2")

    def test_bools(self, check: Check) -> None:
        source = """
            def f(flags, step):
                for index in range(0, len(flags), step):
                    flags[index] = False
                    flags[-1] = True
                return flags, sum(flags)
        """
        check(source, "[True] * 9, 2", "[], 1", "[1, 0, 1], 1", "[None] * 3, 1", "['a', True], 1", "[1.5, [], True], 1")


class TestLeast:
    @pytest.mark.parametrize("name", ["min", "max"])
    def test_of_three_and_more(self, check: Check, name: str) -> None:
        source = f"""
            def f(items):
                best = []
                for i in range(len(items) - 3):
                    best.append({name}(items[i], items[i + 1], items[i + 2]))
                    best.append({name}(items[i], items[i + 1], items[i + 2], items[i + 3]))
                return best
        """
        edges = ["[1.5, 1.5, -0.0, 0.0, 2.0]", "[float('nan'), 1.0, 2.0, float('nan'), 0.5]", "[1, 2.0, 1.0, 1, True]"]
        edges += [
            "[2**70, 1, -(2**70), 5]",
            "['a', 'b', 'c', 'd']",
            "[1, 'a', 2, 3]",
            "[3, 3, 3, 3]",
            "[True, False, 2, 3]",
        ]
        edges += ["[0.0, -0.0, 0.0, -0.0]", "[1, None, 2, 3]", "[]"]
        check(source, "[3, 1, 2, 5, 4]", *edges)
        check(source, "[3.5, 1.5, 2.5, 5.5, 4.5]", *edges)


class TestSizes:
    def test_lengths_in_arithmetic(self, check: Check) -> None:
        source = """
            def f(items, by):
                n = len(items)
                return n - by, -n, n // 2, n % 3, (n - 5) // 2, (n - 5) % 3, n < by, items[n - 1], items[n // 2]
        """
        check(source, "[1, 2, 3, 4], 2", "[1], 2", "'abc', 9", "(1, 2), -1", "[5] * 7, 2**63", "[], 1", "'\\u03b1', 1")


class TestLoopEntries:
    """Loops that are entered in the middle, where locals have no value in the first round and one of some type later."""

    def test_locals_of_later_rounds(self, check: Check) -> None:
        source = """
            import sys

            def f(rounds, values, at):
                seen = []
                total = 0
                for i in range(rounds):
                    for j in range(60):
                        total += j
                    if i == at:
                        seen.append(sorted(sys._getframe().f_locals))
                    later = values[i % len(values)]
                    for k in range(60):
                        total += k
                    other = later
                return total, seen, later, other
        """
        edges = ["9, [1, 2.5, 'x', None], 0", "9, [[1], (2,)], 1", "1, [1], 0", "0, [1], 0", "30, [2**70, 1.5], 3"]
        check(source, "4, [1, 2], -1", *edges)

    def test_value_of_an_earlier_round_is_not_there(self, check: Check) -> None:
        source = """
            def f(rounds, at, gone):
                total = 0
                for i in range(rounds):
                    for j in range(60):
                        total += j
                    try:
                        if i >= at:
                            total += len(later)
                        if gone:
                            del later
                    except UnboundLocalError as error:
                        total += 100_000
                    later = [i]
                return total
        """
        check(source, "4, 1, False", "4, 0, False", "4, 1, True", "9, 5, True", "0, 0, True")

    def test_finalizer_of_what_an_earlier_round_left(self, check: Check) -> None:
        source = """
            LOG = []

            class D:
                def __init__(self, name):
                    self.name = name

                def __del__(self):
                    LOG.append(self.name)

            def f(rounds, make):
                LOG.clear()
                total = 0
                for i in range(rounds):
                    for j in range(60):
                        total += j
                    LOG.append(-i)
                    later = D(i) if make else i
                    LOG.append("behind")
                    for j in range(60):
                        total += j
                later = None
                return total, list(LOG)
        """
        check(source, "4, False", "4, True", "9, True", "0, True", optimized=False)

    def test_paths_that_were_not_seen(self, check: Check) -> None:
        source = """
            def f(table, limit):
                found = []
                for i in range(len(table)):
                    best = abs(table[i][i])
                    for j in range(80):
                        best += j
                    if table[i][0] > limit:
                        found.append((i, best))
                    scale = 1.0 / (table[i][i] or 1.0)
                    for j in range(len(table)):
                        table[i][j] *= scale
                return found, table
        """
        edges = [
            "[[1.5, 2], [3, 4.5]], 0",
            "[[2, 1], [1, 2]], 9",
            "[[0.0]], 0",
            "[[True]], 0",
            "[[2.0, 'x'], [1.0, 2.0]], 0",
        ]
        check(source, "[[2.0, 1.0], [1.0, 3.0]], 1.5", *edges)

    def test_builtins_that_give_their_argument_back(self, check: Check) -> None:
        """What somebody has already is the same object afterwards."""
        source = """
            import math

            def which(found, known):
                return [[any(one is other for other in known) for one in part] for part in found if type(part) is tuple]

            def f(a, b, items):
                found = []
                for x in items:
                    found.append((min(a, x), max(a, x), min(x, b + 1), max(x, a - 1), abs(x), int(x), math.floor(a), min(a, x, b)))
                    found.append(float(b) if type(b) is float else b)
                    least = min(a, x)
                    found.append(least + 1)
                return found, which(found, [a, b] + items)
        """
        usual = "1000, 2000, [int('500'), int('1000'), int('3000'), int('-700')]"
        edges = [
            "1000, 2000, [int('500'), 2**70, True, 2.5]",
            "1000, 2.5, [1, 2]",
            "-(2**63), 0, [-(2**63), 2**63 - 1]",
        ]
        check(source, usual, *edges)
        floats = "1000.5, 2000.5, [float('500.5'), float('1000.5'), -0.0, 0.0]"
        check(source, floats, "1.5, 2.5, [float('nan'), float('inf'), 2]", "float('nan'), 2.0, [1.0, 2.0]")
