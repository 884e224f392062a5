#!/bin/bash
# Runs a command beside a PostgreSQL of its own, which is gone afterwards:
#
#   tests/postgres.sh cargo test --test it store::
#
# The server listens on a free port of 127.0.0.1 with a random password, keeps its data in a temporary directory, and
# runs as another user when started by root, which PostgreSQL refuses to be. RINGFENCE_TEST_POSTGRES is its URL.
set -euo pipefail

[ $# -gt 0 ] || { echo "usage: $0 COMMAND [ARGUMENT…]" >&2; exit 2; }

# Debian keeps the server's programs off the PATH; the newest version wins.
binaries=$(compgen -G '/usr/lib/postgresql/*/bin' | sort -V | tail -n 1 || true)
if [ -z "$binaries" ]; then
    initdb=$(command -v initdb) || { echo "$0: PostgreSQL is not installed: tests/setup.sh does it" >&2; exit 1; }
    binaries=$(dirname "$(readlink -f "$initdb")")
fi

directory=$(mktemp -d "${TMPDIR:-/tmp}/ringfence-postgres.XXXXXX")
as_server=()
if [ "$(id -u)" -eq 0 ]; then
    user=$(id -un postgres 2>/dev/null || echo nobody)
    as_server=(runuser -u "$user" --)
    chown "$user" "$directory"
fi

# Runs one of PostgreSQL's programs as the server's user, from a directory that the user may enter.
postgres() {
    (cd "$directory" && "${as_server[@]}" "$binaries/$1" "${@:2}") >>"$log" 2>&1
}

stop() {
    postgres pg_ctl -D "$directory/data" -m immediate stop || true
    rm -rf "$directory" "$log"
}

log=$(mktemp)
trap stop EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
printf '%s\n' "$password" | "${as_server[@]}" tee "$directory/password" >/dev/null
if ! postgres initdb -D "$directory/data" -U postgres -A scram-sha-256 --pwfile "$directory/password" \
    -E UTF8 --locale=C.UTF-8 --no-sync; then
    cat "$log" >&2
    exit 1
fi

# Nothing here needs to survive a power cut. The port is free if the server can listen on it.
settings="-c listen_addresses=127.0.0.1 -c unix_socket_directories=$directory -c max_connections=300
    -c fsync=off -c full_page_writes=off -c synchronous_commit=off"
for _ in 1 2 3 4 5 6 7 8 9 10; do
    port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
    if postgres pg_ctl -D "$directory/data" -l "$directory/log" -o "-p $port $settings" -w -t 30 start; then
        export RINGFENCE_TEST_POSTGRES="postgres://postgres:$password@127.0.0.1:$port/postgres"
        status=0
        "$@" || status=$?
        exit "$status"
    fi
done
cat "$log" "$directory/log" >&2
echo "$0: PostgreSQL does not start" >&2
exit 1
