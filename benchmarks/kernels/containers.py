"""Containers."""

from __future__ import annotations

from benchmarks.kernels import kernel


@kernel("containers")
def list_index(n):
    values = [1, 2, 3, 4, 5, 6, 7, 8]
    total = 0
    for i in range(n):
        total += values[i & 7]
    return total


@kernel("containers")
def list_index_negative(n):
    values = [1, 2, 3, 4]
    total = 0
    for _ in range(n):
        total += values[-1]
    return total


@kernel("containers")
def list_store(n):
    values = [0] * 8
    for i in range(n):
        values[i & 7] = i
    return values


@kernel("containers")
def list_add_inplace_item(n):
    values = [0] * 8
    for i in range(n):
        values[i & 7] += i
    return values


@kernel("containers")
def list_of_lists(n):
    grid = [[1, 2, 3, 4] for _ in range(4)]
    total = 0
    for i in range(n):
        total += grid[i & 3][i & 1]
    return total


@kernel("containers")
def tuple_index(n):
    values = (1, 2, 3, 4)
    total = 0
    for i in range(n):
        total += values[i & 3]
    return total


@kernel("containers")
def str_index(n):
    text = "abcdefgh"
    count = 0
    for i in range(n):
        if text[i & 7] == "c":
            count += 1
    return count


@kernel("containers")
def bytes_index(n):
    data = b"abcdefgh"
    total = 0
    for i in range(n):
        total += data[i & 7]
    return total


@kernel("containers")
def dict_index_str(n):
    table = {"alpha": 1, "beta": 2}
    total = 0
    for _ in range(n):
        total += table["alpha"] + table["beta"]
    return total


@kernel("containers")
def dict_index_int(n):
    table = {i: i for i in range(16)}
    total = 0
    for i in range(n):
        total += table[i & 15]
    return total


@kernel("containers")
def dict_store(n):
    table = {}
    for i in range(n):
        table[i & 15] = i
    return table


@kernel("containers")
def dict_get(n):
    table = {1: 2, 3: 4}
    total = 0
    for i in range(n):
        total += table.get(i & 3, 0)
    return total


@kernel("containers")
def list_append(n):
    values = []
    for i in range(n):
        values.append(i)
    return len(values)


@kernel("containers")
def list_append_pop(n):
    values = [1]
    for i in range(n):
        values.append(i)
        values.pop()
    return values


@kernel("containers")
def list_slice(n):
    values = [1, 2, 3, 4, 5, 6, 7, 8]
    total = 0
    for _ in range(n):
        total += len(values[2:5])
    return total


@kernel("containers")
def build_tuple_list(n):
    count = 0
    for i in range(n):
        count += len((i, count)) + len([i, i, i])
    return count


@kernel("containers")
def build_dict(n):
    count = 0
    for i in range(n):
        count += len({"a": i, "b": count})
    return count


@kernel("containers")
def unpack_tuple(n):
    pair = (1, 2)
    total = 0
    for _ in range(n):
        a, b = pair
        total += a + b
    return total


@kernel("containers")
def unpack_list_of_three(n):
    triple = [1, 2, 3]
    total = 0
    for _ in range(n):
        a, b, c = triple
        total += a + b + c
    return total


@kernel("containers")
def unpack_star(n):
    values = (1, 2, 3, 4)
    total = 0
    for _ in range(n):
        first, *rest = values
        total += first + len(rest)
    return total


@kernel("containers")
def swap(n):
    a, b, c = 1, 2, 3
    for _ in range(n):
        a, b, c = b, c, a
    return a, b, c
