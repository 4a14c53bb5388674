#!/bin/bash
# Builds every fuzz target and runs each for some seconds, or only those that are named:
#
#   fuzz/run.sh [SECONDS] [TARGET]...      (default: 60 seconds, all of them)
#
# Installs cargo-fuzz if it is not there. Works with a stable toolchain. What is found later does
# not depend on what was built before: the targets that run are copies.
set -euo pipefail
cd "$(dirname "$0")"
seconds=${1:-60}
[[ $seconds =~ ^[0-9]+$ ]] || {
    echo "expected a number of seconds, found $seconds" >&2
    exit 2
}
shift || true
command -v cargo-fuzz > /dev/null || cargo install cargo-fuzz --locked
[[ -f Cargo.lock ]] || cp ../Cargo.lock . # what the project is built of
export RUSTC_BOOTSTRAP=1                  # the fuzzer's flags are not stable yet
cargo fuzz build --sanitizer none
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
targets=("$@")
[[ ${#targets[@]} -gt 0 ]] || mapfile -t targets < <(cargo fuzz list)
host=$(rustc -vV | sed -n 's/^host: //p')
cp "${targets[@]/#/target/$host/release/}" "$work"
for target in "${targets[@]}"; do
    mkdir -p "corpus/$target" "artifacts/$target"
    if ! "$work/$target" "corpus/$target" "seeds/$target" \
        -artifact_prefix="artifacts/$target/" -timeout=25 -rss_limit_mb=2048 \
        -max_total_time="$seconds" -print_final_stats=1 > "$work/log" 2>&1; then
        tail -n 60 "$work/log"
        echo "fuzz: $target has a finding, see above and fuzz/artifacts/$target"
        exit 1
    fi
    executed=$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/log")
    echo "fuzz: $target executed ${executed:-no} inputs in $seconds s without a finding"
done
