#!/bin/sh
# A gateway of many tenants beside one of ten, interleaved in one run.
#
#   benches/crowd.sh BINARY [--tenants N] [--keys N] [--warm SECONDS] [--rounds N] [--seconds N] [--least RATIO] [--json FILE]
#
# BINARY and the peers beside it are built as for compare.sh. What is missing (wrk) is installed from Debian, as root or
# with sudo.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
[ $# -ge 1 ] || { echo "usage: $0 BINARY [--tenants N] [--keys N] [--warm SECONDS] [--rounds N] [--seconds N] [--least RATIO] [--json FILE]" >&2; exit 2; }
binary=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
shift
peers=$(dirname "$binary")/examples/peers
[ -x "$peers" ] || {
    echo "$peers: missing; deploy/build.sh builds both alike" >&2
    exit 1
}
dpkg -s wrk >/dev/null 2>&1 || {
    as_root=
    [ "$(id -u)" -eq 0 ] || as_root=sudo
    { $as_root apt-get update -q && $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q wrk; } >&2
}
exec python3 "$here/crowd.py" "$binary" "$peers" "$@"
