"""The innermost loops of optimized code, read out of its intermediate code, and what each does in a round."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

_BLOCK = re.compile(r"b(\d+)\b")
_COLD = re.compile(r"^b(\d+)(?:\(.*\))? cold:", re.MULTILINE)
_OPERATION = re.compile(r"    (?:v\d+: \w+ = )?([a-z_]+)")


@dataclass(frozen=True)
class Loop:
    """An innermost loop."""

    statements: frozenset[str]
    """The source lines of its instructions."""
    calls: Counter[str]
    """Which functions of the runtime it calls, and how often a round may."""
    operations: Counter[str]
    """How many there are of each operation, by its name without what follows the first dot."""

    @property
    def cost(self) -> dict[str, int]:
        """What slow loops have more of than fast ones."""
        count = self.operations
        boxes = sum(number for name, number in count.items() if name.startswith("box_"))
        return {
            "calls": self.calls.total(),
            "boxes": boxes,
            "references": sum(number for name, number in count.items() if name.startswith(("incref", "decref"))),
            "guards": count["guard"] + sum(number for name, number in count.items() if name.endswith("_checked")),
            "memory": sum(number for name, number in count.items() if name.startswith(("load", "store"))),
        }


def innermost_loops(text: str) -> list[Loop]:
    """The innermost loops, without what is seldom run in them, of the function that `justjit.dump(function, "ir")` shows."""
    blocks = _blocks(text)
    successors = {block: _successors(lines) for block, lines in blocks.items()}
    loops = _natural_loops(successors)
    inner = [body for header, body in loops.items() if not any(other != header and other in body for other in loops)]
    cold = {int(block) for block in _COLD.findall(text)}
    return [_loop([line for block in sorted(body - cold) for line in blocks[block]]) for body in inner]


def _blocks(text: str) -> dict[int, list[str]]:
    blocks: dict[int, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        if start := re.match(r"b(\d+)(?:\(.*\))?(?: cold)?:", line):
            lines = blocks.setdefault(int(start[1]), [])
        elif line.startswith("    "):
            lines.append(line)
        elif line:
            # What stands behind the blocks.
            lines = []
    return blocks


def _successors(lines: list[str]) -> list[int]:
    ends = [line for line in lines if re.match(r"    (jump|branch)\b", line)]
    return [int(block) for line in ends for block in _BLOCK.findall(line)]


def _natural_loops(successors: dict[int, list[int]]) -> dict[int, set[int]]:
    order = _reverse_postorder(successors)
    number = {block: at for at, block in enumerate(order)}
    before: dict[int, list[int]] = {block: [] for block in order}
    for block in order:
        for one in successors[block]:
            before[one].append(block)
    parents = _immediate_dominators(order, number, before)
    loops: dict[int, set[int]] = {}
    for block in order:
        for header in successors[block]:
            at = block
            while number[at] > number[header]:
                at = parents[at]
            if at != header:
                continue
            body = loops.setdefault(header, {header})
            pending = [block]
            while pending:
                at = pending.pop()
                if at not in body:
                    body.add(at)
                    pending.extend(before[at])
    return loops


def _reverse_postorder(successors: dict[int, list[int]]) -> list[int]:
    order: list[int] = []
    entered = {0}
    pending = [(0, iter(successors[0]))]
    while pending:
        block, rest = pending[-1]
        following = next((one for one in rest if one not in entered), None)
        if following is None:
            order.append(block)
            pending.pop()
        else:
            entered.add(following)
            pending.append((following, iter(successors[following])))
    return order[::-1]


def _immediate_dominators(order: list[int], number: dict[int, int], before: dict[int, list[int]]) -> dict[int, int]:
    parents = {order[0]: order[0]}
    changed = True
    while changed:
        changed = False
        for block in order[1:]:
            known = [one for one in before[block] if one in parents]
            found = known[0]
            for other in known[1:]:
                while found != other:
                    if number[found] > number[other]:
                        found = parents[found]
                    else:
                        other = parents[other]
            if parents.get(block) != found:
                parents[block], changed = found, True
    return parents


def _loop(lines: list[str]) -> Loop:
    statements = {found[1].strip() for line in lines if (found := re.search(r"; line \d+: (.*)$", line))}
    calls: Counter[str] = Counter()
    operations: Counter[str] = Counter()
    for line in lines:
        if line.strip().startswith("at "):
            continue
        if found := _OPERATION.match(line):
            operations[found[1]] += 1
        if found := re.search(r"\bcall @(\S+)", line):
            calls[found[1].removeprefix("justjit_")] += 1
    return Loop(frozenset(statements), calls, operations)
