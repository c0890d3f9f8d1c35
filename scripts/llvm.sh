#!/usr/bin/env bash
# Whether LLVM 22 is here to build with.
#   found       says so by its exit status
#   explain     says what is missing, and how to get it
#   arguments   prints what cargo and maturin have to be told: nothing, or to build without it
set -euo pipefail

found() {
    [ -n "${LLVM_SYS_221_PREFIX:-}" ] && return 0
    local config
    config="$(command -v llvm-config-22)" || return 1
    # The static libraries, and those that they need, are packages of their own in some distributions: link something with them.
    "$config" --link-static --libs core orcjit passes native >/dev/null 2>&1 || return 1
    # shellcheck disable=SC2046
    echo 'int main(void) { return 0; }' |
        cc -o /dev/null -x c - -x none -L"$("$config" --libdir)" -lPolly -lPollyISL \
            $("$config" --link-static --system-libs) -lstdc++ >/dev/null 2>&1
}

explain() {
    cat <<'END'
== No LLVM 22 here: building WITHOUT the optimizing tier. All else works. To have it, install LLVM's static libraries:
     apt install llvm-22-dev libpolly-22-dev libzstd-dev zlib1g-dev libxml2-dev libffi-dev   (https://apt.llvm.org)
     brew install llvm@22 zstd      (then LLVM_SYS_221_PREFIX="$(brew --prefix llvm@22)")
   or name the folder where it is: LLVM_SYS_221_PREFIX=/path/to/llvm
END
}

case "${1:-}" in
    found) found ;;
    explain) explain ;;
    arguments)
        if ! found; then
            explain >&2
            echo "--no-default-features"
        fi
        ;;
    *)
        echo "usage: llvm.sh found|explain|arguments" >&2
        exit 2
        ;;
esac
