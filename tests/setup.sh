#!/bin/bash
# Installs from Debian what the tests need and the machine does not have: a C compiler and linker, PostgreSQL, Redis,
# Python with venv, Node.js with npm. Needs root or sudo only if something is missing.
set -euo pipefail

fail() {
    echo "setup: $1" >&2
    exit 1
}

find_cargo() {
    command -v cargo >/dev/null || fail "there is no cargo: install a Rust toolchain from https://rustup.rs"
}

# Prints the Debian packages that are missing.
missing() {
    command -v cc >/dev/null || echo gcc
    [ -e /usr/include/stdio.h ] || echo libc6-dev
    compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null || echo postgresql
    command -v patch >/dev/null || echo patch
    command -v redis-server >/dev/null || echo redis-server
    python3 -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
    command -v node >/dev/null || echo nodejs
    command -v npm >/dev/null || echo npm
}

install_packages() {
    local as_root=()
    command -v apt-get >/dev/null || fail "install these by hand, this is not Debian: $*"
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || fail "run as root or install sudo; missing: $*"
        as_root=(sudo)
    fi
    echo "installing $*"
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
}

find_cargo
mapfile -t packages < <(missing)
if [ "${#packages[@]}" -gt 0 ]; then
    install_packages "${packages[@]}"
    mapfile -t packages < <(missing)
    [ "${#packages[@]}" -eq 0 ] || fail "still missing after installing: ${packages[*]}"
fi
