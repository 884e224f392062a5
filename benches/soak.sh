#!/bin/sh
# Ringfence under millions of requests: memory and descriptors must stay where they are.
#
#   benches/soak.sh BINARY [--requests N] [--seconds N] [--connections N]
#
# BINARY and the peers beside it are built as for compare.sh, which installs wrk. A million requests take about a gigabyte of disk.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
[ $# -ge 1 ] || { echo "usage: $0 BINARY [--requests N] [--seconds N] [--connections N]" >&2; exit 2; }
binary=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
shift
peers=$(dirname "$binary")/examples/peers
[ -x "$peers" ] || {
    echo "$peers: missing; deploy/build.sh builds both alike" >&2
    exit 1
}
command -v wrk >/dev/null || { echo "wrk is not installed: run compare.sh once" >&2; exit 1; }
exec python3 "$here/soak.py" "$binary" "$peers" "$@"
