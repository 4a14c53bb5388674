#!/usr/bin/env bash
# A soak: 16 servers on one bucket of SeaweedFS, which is killed and started again in between. Ends
# with an audit, and fails if anything is missing that was acknowledged.
#
#   tests/soak.sh [SECONDS [SERVERS [SEED]]]      (default: 180 16, and any seed)
#
# Builds the server unless ORLOP_BIN names one. Works in a temporary directory (below TMPDIR), which
# needs some GB for long soaks.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly SECONDS_MAX=${1:-180}
work=$(mktemp -d "${TMPDIR:-/tmp}/orlop.XXXXXX")
soak='' S3_PID=''

finish() {
    local status=$?
    trap - EXIT
    if [[ $status != 0 ]]; then
        grep -v ' ERROR \| WARN ' "$work/soak.log" | tail -n 20 >&2 || true
        tail -n 5 "$work"/s3/*.log >&2 || true
        echo "FAILED tests/soak.sh" >&2
    fi
    [[ ! $soak ]] || kill -9 -- "-$soak" || true # and its servers
    [[ ! $S3_PID ]] || kill -9 "$S3_PID" || true
    rm -rf "$work" || { sleep 1 && rm -rf "$work"; } # it may have been writing still
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM

target=${CARGO_TARGET_DIR:-target}
if [[ ! ${ORLOP_BIN:-} ]]; then
    cargo build --release --bin orlop
    export ORLOP_BIN=$target/release/orlop
fi
cargo build --package orlop-tests --example soak

eval "$(tests/servers/seaweedfs.sh "$work/s3")"
setsid "$target/debug/examples/soak" "$SECONDS_MAX" "${2:-16}" ${3:+"$3"} 2>"$work/soak.log" &
soak=$!

kills=0
ends=$((SECONDS + SECONDS_MAX - 15))
while sleep $((10 + RANDOM % 20)) && ((SECONDS < ends)) && kill -0 "$soak" 2>/dev/null; do
    kill -9 "$S3_PID"
    sleep $((RANDOM % 4))
    eval "$(tests/servers/seaweedfs.sh "$work/s3")"
    kills=$((kills + 1))
done
status=0
wait "$soak" || status=$?
soak=''
echo "the store was killed $kills times"
(exit "$status")
