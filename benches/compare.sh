#!/bin/sh
# Ringfence beside other proxies, interleaved in one run, against one canned upstream.
#
#   benches/compare.sh BINARY [--rounds N] [--seconds N] [--connections N] [--json FILE]
#
# BINARY is ringfence built with the profile `dist`; the peers are taken from beside it, built alike. What is missing
# (wrk, nginx, its Lua module) is installed from Debian, as root or with sudo.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
[ $# -ge 1 ] || { echo "usage: $0 BINARY [--rounds N] [--seconds N] [--connections N] [--json FILE]" >&2; exit 2; }
binary=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
shift

missing=
for package in wrk nginx-light libnginx-mod-http-lua lua-cjson util-linux python3; do
    dpkg -s "$package" >/dev/null 2>&1 || missing="$missing $package"
done
if [ -n "$missing" ]; then
    as_root=
    [ "$(id -u)" -eq 0 ] || as_root=sudo
    # shellcheck disable=SC2086 # one word per package
    { $as_root apt-get update -q && $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q $missing; } >&2
fi

peers=$(dirname "$binary")/examples/peers
[ -x "$peers" ] || {
    echo "$peers: missing; deploy/build.sh builds both alike" >&2
    exit 1
}
exec python3 "$here/compare.py" "$binary" "$peers" "$@"
