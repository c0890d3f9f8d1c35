#!/usr/bin/env bash
# The checks and tests, in the parts named as arguments:
#   lint-rust  rust  lint-python  python  conformance
# The Rust parts all use the release profile, which the extension is built with too, so that its dependencies compile once.
set -euo pipefail
cd "$(dirname "$0")/.."

python="$PWD/.venv/bin/python"
say() { printf '\n== %s\n' "$*"; }

# The whole workspace, or all of it that can be built here. lint_rust, which comes before the tests, looks which it is.
workspace=(--workspace)
select_workspace() {
    if ! scripts/llvm.sh found; then
        scripts/llvm.sh explain
        workspace=(--workspace --exclude justjit-llvm --no-default-features)
    fi
}

lint_rust() {
    select_workspace
    say "rustfmt"
    scripts/cargo.sh fmt --check
    say "clippy"
    scripts/cargo.sh clippy --release "${workspace[@]}" --all-targets -- -D warnings
}

# nextest where it is, or can be had; plain `cargo test` otherwise.
run_rust() {
    if ! scripts/cargo.sh nextest --version >/dev/null 2>&1; then
        say "Installing cargo-nextest (a few minutes, once)"
        scripts/cargo.sh install --locked --quiet cargo-nextest || true
    fi
    if scripts/cargo.sh nextest --version >/dev/null 2>&1; then
        say "cargo nextest"
        scripts/cargo.sh nextest run --release "${workspace[@]}" --no-tests=pass
    else
        say "cargo test"
        scripts/cargo.sh test --release "${workspace[@]}" --lib --bins --tests
    fi
    say "cargo test --doc"
    scripts/cargo.sh test --release "${workspace[@]}" --doc --quiet
}

lint_python() {
    say "ruff"
    "$python" -m ruff format --check
    "$python" -m ruff check
    say "mypy --strict"
    "$python" -m mypy --strict python/justjit
    say "stubtest"
    "$python" -m mypy.stubtest justjit._core
}

run_python() {
    say "pytest"
    "$python" -m pytest tests --ignore=tests/conformance --numprocesses auto --dist worksteal
}

run_conformance() {
    say "conformance (a part of it; make conformance runs all)"
    # shellcheck disable=SC2086
    "$python" -m tests.conformance ${CONFORMANCE_SHORT:-}
}

for part in "$@"; do
    case "$part" in
        lint-rust) lint_rust ;;
        rust)
            lint_rust
            run_rust
            ;;
        lint-python) lint_python ;;
        python) run_python ;;
        conformance) run_conformance ;;
        *)
            echo "test.sh: no part is called $part" >&2
            exit 2
            ;;
    esac
done
