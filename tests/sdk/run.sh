#!/bin/sh
# The official Python SDK, unmodified, against Ringfence before a simulated organisation.
#
#   tests/sdk/run.sh BINARY
#
# Needs python3 with venv. The environment is kept under target/ (SDK_VENV puts it elsewhere; SDK_PIP_ARGUMENTS are
# handed to pip, such as `--find-links DIRECTORY` for a place without a network).
set -eu

here=$(cd "$(dirname "$0")" && pwd)
[ $# -eq 1 ] || { echo "usage: $0 BINARY" >&2; exit 2; }
binary=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
[ -x "$binary" ] || { echo "$binary: not a program" >&2; exit 2; }

venv=${SDK_VENV:-$here/../../target/sdk-venv}
if ! cmp -s "$here/requirements.txt" "$venv/installed.txt"; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    # shellcheck disable=SC2086 # several arguments are meant
    "$venv/bin/pip" install --quiet --disable-pip-version-check ${SDK_PIP_ARGUMENTS:-} -r "$here/requirements.txt"
    cp "$here/requirements.txt" "$venv/installed.txt"
fi
# A directory of its own as home: the SDK reads a configuration file from there.
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
HOME=$home PYTHONDONTWRITEBYTECODE=1 "$venv/bin/python" "$here/run.py" "$binary"
