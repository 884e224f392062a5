#!/bin/bash
# Everything that has to hold: form, lints, documentation, every test on both databases, the official SDKs, the demo.
# A part that is missing is an error, never a skip. The first failure ends the run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

command -v cargo >/dev/null || PATH="$HOME/.cargo/bin:$PATH"
# A changed snapshot is a failure, not a new file.
export INSTA_UPDATE=no
# Most tests wait most of their time: for what is late, slow or never comes.
export RUST_TEST_THREADS=${RUST_TEST_THREADS:-$(($(nproc) * 3))}
binary=${CARGO_TARGET_DIR:-target}/debug/ringfence
summary=()
name=start

# Runs one step and notes how long it took.
step() {
    name=$1
    local started=$SECONDS
    echo "=== $name"
    "${@:2}"
    summary+=("$(printf '%5d s  %s' $((SECONDS - started)) "$name")")
}

report() {
    local status=$?
    echo
    [ "${#summary[@]}" -eq 0 ] || printf '%s\n' "${summary[@]}"
    if [ "$status" -eq 0 ]; then
        echo "all of it holds: ${#summary[@]} steps in $SECONDS s"
    else
        echo "FAILED at: $name, after $SECONDS s"
    fi
}
trap report EXIT

# What shows when several replicas or many callers meet says little on a machine that has others to serve: by itself, and
# the rest without it.
timed=(cluster:: replicas:: upstream::budget:: upstream::storm::)
others=()
for module in "${timed[@]}"; do
    others+=(--skip "$module")
done

by_itself() {
    RUST_TEST_THREADS=3 tests/postgres.sh cargo test --locked --test it -- "${timed[@]}"
}

on_sqlite() {
    RINGFENCE_TEST_STORE=sqlite tests/postgres.sh cargo test --locked --test it -- "${others[@]}"
}

# But for what no database could change: how requests arrive, what is asked of Genesys and what is made of its answers, by the hour, ten thousand
# times; and for what chooses its databases itself, both or PostgreSQL. With SQLite all of it has run.
on_postgres() {
    local skipped=()
    for module in gateway::{generated,noninterference,filters,conformance,guarding,masks,lenient} \
        gateway::{edge,bad_input,crowds,http2,tls,attacks,unread} \
        gateway::scoping::{aggregates,codes,conversation,conversations,fields,forms,jobs,members,membership} \
        simulator catalog upstream policy documents architecture demo running store cluster replicas; do
        skipped+=(--skip "$module::")
    done
    RINGFENCE_TEST_STORE=postgres tests/postgres.sh cargo test --locked --test it -- "${skipped[@]}"
}

step "setup: what is missing is installed" tests/setup.sh
step "cargo fmt" cargo fmt --check
step "cargo clippy" cargo clippy --all-targets --locked -- -D warnings
step "cargo doc" env RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --document-private-items --locked
step "cargo build" cargo build --locked
step "cargo test, units" cargo test --locked --lib --bins --examples
step "cargo test, documentation" cargo test --locked --doc
step "cargo test, SQLite" on_sqlite
step "cargo test, PostgreSQL" on_postgres
step "cargo test, what is timed" by_itself
# As few samples say nothing: that it runs is what is held here.
step "timing of verdicts, briefly" cargo run --quiet --locked --example timing -- --samples 2000
step "official Python and JavaScript SDKs" tests/sdk/run.sh "$binary"
step "demo" "$binary" demo --once
# Last: what it builds stands where the program stood.
step "planted holes turn tests red, planted defects are answered" tests/holes.sh
