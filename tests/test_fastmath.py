"""`@jit(fastmath=True)`: the one option that lets results differ."""

import justjit
import pytest

from tests.optimized_programs import has_llvm, namespace, optimizing  # noqa: F401 (a fixture)

FAST = """
    def dot(a, b):
        total = 0.0
        for x, y in zip(a, b):
            total += x * y / 3.0
        return total
    """


def test_fastmath_is_for_whom_asks() -> None:
    a = [0.1 * n for n in range(1000)]
    b = [1.0 / (n + 1) for n in range(1000)]
    exact = namespace(FAST, jitted=False)["dot"]
    plain = justjit.jit(namespace(FAST, jitted=False)["dot"])
    fast = justjit.jit(namespace(FAST, jitted=False)["dot"], fastmath=True)
    for _ in range(3):
        assert plain(a, b) == exact(a, b)
        assert fast(a, b) == pytest.approx(exact(a, b), rel=1e-12)
    nothing = float("nan"), float("inf")
    for bad in nothing:
        assert repr(fast([1.0, bad], [1.0, 1.0])) == repr(bad)
    if justjit.config().backend == "llvm":
        assert "reassoc" in justjit.dump(fast, "llvm")
    assert "reassoc" not in (justjit.dump(plain, "llvm") if has_llvm() else "")


@pytest.mark.parametrize("wrong", [1, "yes"])
def test_wrong_fastmath(wrong: object) -> None:
    with pytest.raises(TypeError, match="fastmath"):
        justjit.jit(fastmath=wrong)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="fastmath"):
        justjit.config(fastmath=True)  # type: ignore[call-arg]
