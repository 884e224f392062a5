#!/bin/sh
# The official Python and JavaScript SDKs, unmodified, against Ringfence before a simulated organisation.
#
#   tests/sdk/run.sh BINARY
#
# Needs python3 with venv, node and npm. What they install is kept under target/ (SDK_VENV and SDK_MODULES put it
# elsewhere; SDK_PIP_ARGUMENTS and SDK_NPM_ARGUMENTS are handed to pip and npm, such as `--find-links DIRECTORY` and
# `--offline` for a place without a network).
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
modules=${SDK_MODULES:-$here/../../target/sdk-modules}
if ! cmp -s "$here/package-lock.json" "$modules/installed.json"; then
    rm -rf "$modules"
    mkdir -p "$modules"
    cp "$here/package.json" "$here/package-lock.json" "$modules"
    # The lock file has the hash of each package; none may run a program of its own.
    # shellcheck disable=SC2086 # several arguments are meant
    npm ci --prefix "$modules" --ignore-scripts --no-audit --no-fund --silent ${SDK_NPM_ARGUMENTS:-}
    cp "$here/package-lock.json" "$modules/installed.json"
fi
cp "$here/checks.js" "$modules"
# A directory of its own as home: the SDK reads a configuration file from there.
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
HOME=$home PYTHONDONTWRITEBYTECODE=1 "$venv/bin/python" "$here/run.py" "$binary" "$modules"
