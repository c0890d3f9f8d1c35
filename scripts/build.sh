#!/usr/bin/env bash
# Builds the extension (release) and installs it into .venv, editable. The first build takes a few minutes, later ones
# seconds; cargo shows how far it is.
set -euo pipefail
cd "$(dirname "$0")/.."

# shellcheck source=/dev/null
[ -f "$HOME/.cargo/env" ] && . "$HOME/.cargo/env"
export VIRTUAL_ENV="$PWD/.venv"
export PATH="$VIRTUAL_ENV/bin:$PATH"
unset CONDA_PREFIX PYTHONHOME

if [ ! -d target/release ]; then
    echo "== Building the extension: about three minutes on two cores, the first time"
fi
llvm_arguments="$(scripts/llvm.sh arguments)"
# shellcheck disable=SC2086
exec maturin develop --release $llvm_arguments
