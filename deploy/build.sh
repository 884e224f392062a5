#!/bin/sh
# Builds Ringfence as it is released: with the profile `dist`, and laid out by what a load shows to be hot
# (profile-guided optimisation). Takes two builds and a minute of load between them.
#
#   deploy/build.sh
#
# The program is then target/guided/ringfence, and the benchmark's peers, built alike, stand in examples/ beside it.
# LLVM's `llvm-profdata` is rustup's (`rustup component add llvm-tools`) or Debian's, which is installed if none is there.
set -eu
cd "$(dirname "$0")/.."

out=${CARGO_TARGET_DIR:-target}/guided
mkdir -p "$out"
out=$(cd "$out" && pwd)
host=$(rustc -vV | sed -n 's/^host: //p')

# It must be at least as new as the form of profile that this compiler writes: LLVM 19's.
find_profdata() {
    for tool in "$(rustc --print target-libdir)/../bin/llvm-profdata" \
        $(ls /usr/lib/llvm-*/bin/llvm-profdata 2>/dev/null | sort -rV); do
        version=$("$tool" --version 2>/dev/null | sed -n 's/.*LLVM version \([0-9]*\).*/\1/p')
        [ "${version:-0}" -lt 19 ] || { echo "$tool"; return; }
    done
}

profdata=$(find_profdata)
if [ -z "$profdata" ]; then
    as_root=
    [ "$(id -u)" -eq 0 ] || as_root=sudo
    { $as_root apt-get update -q && $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q llvm-19; } >&2 || true
    profdata=$(find_profdata)
fi
[ -n "$profdata" ] || { echo "no llvm-profdata of LLVM 19 or later: rustup component add llvm-tools" >&2; exit 1; }

# Flags of rustc's, and where it goes. Named by its host, so that build scripts and macros are built without the flags.
build() {
    RUSTFLAGS=$1 CARGO_TARGET_DIR=$2 \
        cargo build --locked --profile dist --target "$host" --bin ringfence --example peers
}

echo "=== 1 of 4: a build that counts"
rm -rf "$out/counts"
build "-Cprofile-generate=$out/counts" "$out/counting"

echo "=== 2 of 4: a load"
LLVM_PROFILE_FILE=$out/counts/%p-%m.profraw \
    benches/compare.sh "$out/counting/$host/dist/ringfence" --rounds 2 --seconds 4 >/dev/null

echo "=== 3 of 4: what it counted"
"$profdata" merge -o "$out/counts.profdata" "$out"/counts/*.profraw

echo "=== 4 of 4: the build"
build "-Cprofile-use=$out/counts.profdata" "$out/built"
mkdir -p "$out/examples"
cp "$out/built/$host/dist/ringfence" "$out/ringfence"
cp "$out/built/$host/dist/examples/peers" "$out/examples/peers"
echo "$out/ringfence"
