#!/bin/bash
# Runs every fuzz target for some seconds each: fuzz/run.sh [SECONDS]   (default 60)
# Installs cargo-fuzz if it is not there. Works with a stable toolchain.
set -euo pipefail
cd "$(dirname "$0")"
seconds=${1:-60}
command -v cargo-fuzz > /dev/null || cargo install cargo-fuzz --locked
export RUSTC_BOOTSTRAP=1 # the fuzzer's flags are not stable yet
cargo fuzz build --sanitizer none
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for target in $(cargo fuzz list); do
    mkdir -p "corpus/$target"
    if ! cargo fuzz run --sanitizer none "$target" "corpus/$target" "seeds/$target" -- \
        -max_total_time="$seconds" -print_final_stats=1 > "$log" 2>&1; then
        tail -n 60 "$log"
        echo "fuzz: $target has a finding, see above and fuzz/artifacts/$target"
        exit 1
    fi
    executed=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    echo "fuzz: $target executed ${executed:-no} inputs in $seconds s without a finding"
done
