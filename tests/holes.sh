#!/bin/bash
# Plants known holes in a copy of the tree, and demands that the non-interference test turns red: a test that cannot fail
# proves nothing. Then plants those that the generated suite is to find, all at once, and demands that it tells each of
# them (`Found as:`, at the head of each). Then plants defects, and demands that they are answered and
# recorded.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}
export RINGFENCE_TEST_STORE=sqlite
mkdir -p "$CARGO_TARGET_DIR"
copy=$(mktemp -d "$CARGO_TARGET_DIR/holes.XXXXXX")
log=$copy.log
# What was built from the copy stands in the program's place: at the end it is put back.
trap 'rm -rf "$copy" "$log"; [ -n "${CI:-}" ] || cargo build --locked --quiet' EXIT
git ls-files -z | xargs -0 cp --parents --target-directory="$copy"

holes=0
for hole in "$PWD"/tests/holes/*.patch; do
    (cd "$copy" && patch -s --no-backup-if-mismatch -p1 <"$hole")
    holes=$((holes + 1))
done
if (cd "$copy" && cargo test --locked --test it gateway::noninterference::a_tenants) >"$log" 2>&1; then
    echo "the non-interference test stayed green" >&2
    exit 1
fi
if ! grep -q "an answer depends on other divisions' data" "$log"; then
    echo "the non-interference test failed, but not for the holes:" >&2
    tail -n 40 "$log" >&2
    exit 1
fi
for hole in "$PWD"/tests/holes/*.patch; do
    echo "hole $(basename "$hole" .patch): planted with the others; red, as it must be"
    (cd "$copy" && patch -s --no-backup-if-mismatch -R -p1 <"$hole")
done

for hole in "$PWD"/tests/holes/generated/*.patch; do
    (cd "$copy" && patch -s --no-backup-if-mismatch -p1 <"$hole")
done
if (cd "$copy" && cargo test --locked --test it gateway::generated::every_enabled) >"$log" 2>&1; then
    echo "the generated suite stayed green" >&2
    exit 1
fi
for hole in "$PWD"/tests/holes/generated/*.patch; do
    name=$(basename "$hole" .patch)
    while read -r found; do
        if ! grep -q "^$found" "$log"; then
            echo "hole $name: not told by the generated suite: $found" >&2
            tail -c 20000 "$log" >&2
            exit 1
        fi
    done < <(sed -n 's/^Found as: //p' "$hole" | grep .)
    echo "hole $name: told by the generated suite"
    (cd "$copy" && patch -s --no-backup-if-mismatch -R -p1 <"$hole")
    holes=$((holes + 1))
done
echo "$holes holes planted, $holes found"

for defect in "$PWD"/tests/defects/*.patch; do
    name=$(basename "$defect" .patch)
    (cd "$copy" && patch -s --no-backup-if-mismatch -p1 <"$defect")
    if ! (cd "$copy" && cargo test --locked --test it -- --ignored gateway::defects) >"$log" 2>&1 \
        || ! grep -q "test result: ok. 1 passed" "$log"; then
        echo "defect $name: not answered as it must be:" >&2
        tail -n 40 "$log" >&2
        exit 1
    fi
    echo "defect $name: answered and recorded"
    (cd "$copy" && patch -s --no-backup-if-mismatch -R -p1 <"$defect")
done
