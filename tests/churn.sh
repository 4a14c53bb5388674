#!/usr/bin/env bash
# A churn: four servers, four pushers with shared layers, two deleters, two pullers and two
# collectors that never pause, on one store, with leases of a second and of none. All of them are
# killed and stopped at random, and so is SeaweedFS if the store is a bucket of it. Fails if
# anything is missing in the end that was acknowledged and not deleted, or if anything else is left.
#
#   tests/churn.sh [SECONDS [files|s3 [keep|collect [SEED]]]]   (default: 180 files keep, any seed)
#
# `collect` says that manifests without a tag are garbage, too.
#
# Builds the server unless ORLOP_BIN names one. Works in a temporary directory (below TMPDIR), which
# stays if something went wrong.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly SECONDS_MAX=${1:-180} STORE=${2:-files} UNTAGGED=${3:-keep} SEED=${4:-$RANDOM}
work=$(mktemp -d "${TMPDIR:-/tmp}/orlop.XXXXXX")
churn='' S3_PID=''

finish() {
    local status=$?
    trap - EXIT
    [[ ! $churn ]] || kill -9 -- "-$churn" || true # and all that it started
    [[ ! $S3_PID ]] || kill -9 "$S3_PID" || true
    if [[ $status != 0 ]]; then
        grep WRONG "$work/churn.log" | tail -n 20 >&2 || true
        echo "FAILED tests/churn.sh $SECONDS_MAX $STORE $UNTAGGED $SEED; see $work" >&2
    else
        rm -rf "$work" || { sleep 1 && rm -rf "$work"; } # it may have been writing still
    fi
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM

target=${CARGO_TARGET_DIR:-target}
if [[ ! ${ORLOP_BIN:-} ]]; then
    cargo build --release --bin orlop
    export ORLOP_BIN=$target/release/orlop
fi
cargo build --package orlop-tests --example churn

case $STORE in
    files) store=$work/store medium=steady ;;
    s3)
        eval "$(tests/servers/seaweedfs.sh "$work/s3")"
        store=$ORLOP_TEST_S3/churn medium=failing
        ;;
    *)
        echo "expected files or s3, found $STORE" >&2
        exit 2
        ;;
esac
setsid "$target/debug/examples/churn" "$SECONDS_MAX" "$work" "$store" "$SEED" "$medium" "$UNTAGGED" \
    2>"$work/churn.log" &
churn=$!

kills=0
RANDOM=$SEED
ends=$((SECONDS + SECONDS_MAX - 15))
while [[ $S3_PID ]] && sleep $((10 + RANDOM % 20)) && ((SECONDS < ends)) &&
    kill -0 "$churn" 2>/dev/null; do
    kill -9 "$S3_PID"
    sleep $((RANDOM % 4))
    eval "$(tests/servers/seaweedfs.sh "$work/s3")"
    kills=$((kills + 1))
done
status=0
wait "$churn" || status=$?
churn=''
[[ ! $S3_PID ]] || echo "the store was killed $kills times"
(exit "$status")
