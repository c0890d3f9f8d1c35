#!/usr/bin/env bash
# Sets up an optimized CPython 3.13 (Debian trixie's, built with PGO and LTO) in a folder of its own, beside whatever this system has,
# and prints the command that runs it. Needs root and debootstrap, since it unpacks a small Debian.
#
#   scripts/optimized-python.sh /var/tmp/trixie
#   python -m benchmarks.run --python /var/tmp/trixie/python3.13-optimized
#
# MIRROR names another Debian mirror than the one that this machine's apt sources name.
set -euo pipefail

target="${1:?usage: optimized-python.sh FOLDER}"
mkdir -p "$target"
target="$(cd "$target" && pwd)"
case "$(uname -m)" in
    x86_64) triplet=x86_64-linux-gnu loader=ld-linux-x86-64.so.2 ;;
    aarch64) triplet=aarch64-linux-gnu loader=ld-linux-aarch64.so.1 ;;
    *)
        echo "optimized-python.sh: no rule for $(uname -m)" >&2
        exit 1
        ;;
esac

mirror() {
    if [ -n "${MIRROR:-}" ]; then
        echo "$MIRROR"
        return
    fi
    # The first entry of either form of apt's lists that names Debian's own archive; not every system has all of these files.
    { cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null || true; } |
        sed -nE 's/^(URIs:|deb( \[[^]]*\])?) *([^ ]*\/debian)\/?( .*)?$/\3/p' | head -1
}

if [ ! -x "$target/usr/bin/python3.13" ]; then
    [ "$(id -u)" = 0 ] || { echo "optimized-python.sh: debootstrap needs root" >&2; exit 1; }
    command -v debootstrap >/dev/null || { apt-get update -qq || true; apt-get install -y -qq debootstrap; }
    source="$(mirror)"
    # Without a mirror here, debootstrap's own default.
    debootstrap --variant=minbase --include=python3.13,python3.13-venv trixie "$target" ${source:+"$source"} >&2
fi

# Its own loader and libraries, so that it needs neither chroot nor this system's C library.
wrapper="$target/python3.13-optimized"
cat >"$wrapper" <<END
#!/bin/sh
export PYTHONHOME="$target/usr"
exec "$target/usr/lib/$triplet/$loader" --library-path "$target/usr/lib/$triplet" --argv0 "$wrapper" "$target/usr/bin/python3.13" "\$@"
END
chmod +x "$wrapper"
"$wrapper" -c 'import sys; print(sys.version, file=sys.stderr)'
echo "$wrapper"
