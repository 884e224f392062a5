#!/bin/sh
# Ringfence beside idle and slow connections, which must not slow the others.
#
#   benches/idle.sh BINARY [--connections N] [--slow N] [--calls N] [--most RATIO]
#
# BINARY and the peers beside it are built as for compare.sh. As many descriptors are needed as connections: `ulimit -Hn`.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
[ $# -ge 1 ] || { echo "usage: $0 BINARY [--connections N] [--slow N] [--calls N] [--most RATIO]" >&2; exit 2; }
binary=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
shift
peers=$(dirname "$binary")/examples/peers
[ -x "$peers" ] || {
    echo "$peers: missing; deploy/build.sh builds both alike" >&2
    exit 1
}
exec python3 "$here/idle.py" "$binary" "$peers" "$@"
