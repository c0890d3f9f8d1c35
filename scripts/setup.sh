#!/usr/bin/env bash
# Sets up what developing takes: finds CPython 3.13, Rust and LLVM 22 (and says how to get them), makes .venv, and installs the
# dependency groups of pyproject.toml that are named as arguments (default: all). Does nothing the second time.
#
#   PYTHON=/path/to/python3.13 scripts/setup.sh     uses that interpreter
set -euo pipefail
cd "$(dirname "$0")/.."

groups=("$@")
[ ${#groups[@]} -gt 0 ] || groups=(all)

say() { echo "== $*"; }
fail() {
    echo "$1" >&2
    shift
    [ $# -eq 0 ] || printf '%s\n' "$@" >&2
    exit 1
}

can_apt() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

apt_updated=
apt_install() {
    say "Installing $* (apt)"
    if [ -z "$apt_updated" ]; then
        # A list that cannot be fetched is no reason to stop: the packages may be in another.
        apt-get update -qq || true
        apt_updated=1
    fi
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# --- Python ----------------------------------------------------------------------------------------------------------

# A CPython 3.13 with the GIL that can make virtual environments. Prints its real path.
probe='
import sys, sysconfig
ok = sys.implementation.name == "cpython" and sys.version_info[:2] == (3, 13) and not sysconfig.get_config_var("Py_GIL_DISABLED")
if ok:
    import venv
    print(sys.executable)
sys.exit(not ok)
'

candidates() {
    [ -z "${PYTHON:-}" ] || echo "$PYTHON"
    command -v python3.13 || true
    local folder
    for folder in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.13*/bin; do
        echo "$folder/python3.13"
    done
    if command -v uv >/dev/null; then
        uv python find 3.13 2>/dev/null || true
    fi
    for folder in /usr/local/bin /opt/homebrew/bin /Library/Frameworks/Python.framework/Versions/3.13/bin /usr/bin; do
        echo "$folder/python3.13"
    done
    command -v python3 || true
}

find_python() {
    local candidate
    while read -r candidate; do
        [ -x "$candidate" ] || continue
        if "$candidate" -c "$probe" 2>/dev/null; then
            return 0
        fi
    done < <(candidates)
    return 1
}

ensure_python() {
    if python="$(find_python)"; then
        return
    fi
    if can_apt; then
        apt-get update -qq || true
        apt_updated=1
        if apt-cache show python3.13-venv >/dev/null 2>&1; then
            apt_install python3.13 python3.13-venv
            if python="$(find_python)"; then
                return
            fi
        fi
    fi
    fail "No CPython 3.13 found: neither python3.13 on PATH, nor one of pyenv's versions, nor one that uv knows." \
        "Get one in any of these ways, then run this again:" \
        "  pyenv install 3.13            (https://github.com/pyenv/pyenv)" \
        "  uv python install 3.13        (https://docs.astral.sh/uv)" \
        "  apt install python3.13 python3.13-venv    (Debian 13, Ubuntu 25.04 and later)" \
        "  brew install python@3.13      (macOS)" \
        "or name one: PYTHON=/path/to/python3.13 make demo"
}

# --- Rust and a linker -----------------------------------------------------------------------------------------------

ensure_linker() {
    if command -v cc >/dev/null; then
        return
    fi
    if can_apt; then
        apt_install gcc libc6-dev
        return
    fi
    fail "No C compiler found (cc); Rust links with it. Install one, then run this again:" \
        "  apt install gcc libc6-dev   |   dnf install gcc   |   xcode-select --install"
}

ensure_rust() {
    # shellcheck source=/dev/null
    [ -f "$HOME/.cargo/env" ] && . "$HOME/.cargo/env"
    if ! command -v cargo >/dev/null || ! command -v rustc >/dev/null; then
        fail "No Rust found (cargo, rustc). Install it with rustup, then run this again:" \
            "  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal -c rustfmt,clippy" \
            "See https://rustup.rs"
    fi
    local have need
    if ! have="$(rustc --version 2>/dev/null | cut -d' ' -f2)"; then
        fail "rustc is there but does not run; most likely no toolchain is chosen:" "  rustup default stable"
    fi
    need="$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)"
    if [ "$(printf '%s\n' "$need" "${have%%-*}" | sort -V | head -1)" != "$need" ]; then
        fail "Rust $have is too old: $need or later is needed." "  rustup update stable"
    fi
}

# --- LLVM ------------------------------------------------------------------------------------------------------------

# The static libraries, and those that they need. Where they cannot be had, everything works but for the optimizing tier.
ensure_llvm() {
    if scripts/llvm.sh found; then
        return
    fi
    if can_apt; then
        [ -n "$apt_updated" ] || apt-get update -qq || true
        apt_updated=1
        if apt-cache show llvm-22-dev >/dev/null 2>&1; then
            apt_install llvm-22-dev libpolly-22-dev libzstd-dev zlib1g-dev libxml2-dev libffi-dev g++ || true
        fi
    fi
    scripts/llvm.sh found || scripts/llvm.sh explain >&2
}

# --- The virtual environment -----------------------------------------------------------------------------------------

ensure_venv() {
    if [ -x .venv/bin/python ] && .venv/bin/python -c "$probe" >/dev/null 2>&1; then
        return
    fi
    ensure_python
    say "Making .venv with $python ($("$python" -V))"
    if ! "$python" -c 'import ensurepip' 2>/dev/null; then
        if can_apt; then
            apt_install python3.13-venv
        else
            fail "$python cannot make virtual environments (no ensurepip)." "  apt install python3.13-venv"
        fi
    fi
    "$python" -m venv --clear .venv
}

# `pip install --group` came with pip 25.1.
install_groups() {
    local group wanted stamp missing=()
    wanted="$(cksum <pyproject.toml)"
    for group in "${groups[@]}"; do
        stamp=".venv/.group-$group"
        if [ ! -f "$stamp" ] || [ "$(cat "$stamp")" != "$wanted" ]; then
            missing+=("$group")
        fi
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    say "Installing Python packages (${missing[*]})"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check "pip>=25.1"
    local arguments=()
    for group in "${missing[@]}"; do
        arguments+=(--group "$group")
    done
    .venv/bin/python -m pip install --disable-pip-version-check "${arguments[@]}"
    for group in "${missing[@]}"; do
        echo "$wanted" >".venv/.group-$group"
    done
}

ensure_linker
ensure_rust
ensure_llvm
ensure_venv
install_groups
