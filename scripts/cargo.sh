#!/usr/bin/env bash
# cargo, with the virtual environment's Python as the one that PyO3 builds for, and its library where test programs find it.
set -euo pipefail
cd "$(dirname "$0")/.."

export PYO3_PYTHON="$PWD/.venv/bin/python"
libdir="$("$PYO3_PYTHON" -c 'import sysconfig; print(sysconfig.get_config_var("LIBDIR") or "")')"
export LD_LIBRARY_PATH="$libdir${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
export DYLD_FALLBACK_LIBRARY_PATH="$libdir${DYLD_FALLBACK_LIBRARY_PATH:+:$DYLD_FALLBACK_LIBRARY_PATH}"
# shellcheck source=/dev/null
[ -f "$HOME/.cargo/env" ] && . "$HOME/.cargo/env"
exec cargo "$@"
