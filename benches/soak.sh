#!/bin/sh
# Ringfence under millions of requests: memory and descriptors must stay where they are.
#
#   benches/soak.sh BINARY [--requests N] [--seconds N] [--connections N]
#
# BINARY and the peers beside it are built as for compare.sh, which also installs what is missing.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
[ $# -ge 1 ] || { echo "usage: $0 BINARY [--requests N] [--seconds N] [--connections N]" >&2; exit 2; }
binary=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
shift
exec python3 "$here/soak.py" "$binary" "$(dirname "$binary")/examples/peers" "$@"
