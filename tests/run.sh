#!/usr/bin/env bash
# All the tests, with real S3 servers: with the first of them all that there is, and with each other
# one, without building anything again, the backend's contract and the server over HTTP.
#
#   tests/run.sh [--server seaweedfs|moto|ceph]... [ARGUMENT OF CARGO TEST]...
#
# By default these are SeaweedFS and moto. Installs what is missing (see servers/common.sh).
set -euo pipefail
cd "$(dirname "$0")/.."

servers=()
while [[ ${1:-} == --server ]]; do
    case ${2:-} in
        seaweedfs | moto | ceph) servers+=("$2") ;;
        *)
            echo "expected --server seaweedfs, moto or ceph, found ${2:-nothing}" >&2
            exit 2
            ;;
    esac
    shift 2
done
[[ ${#servers[@]} -gt 0 ]] || servers=(seaweedfs moto)

work=$(mktemp -d "${TMPDIR:-/tmp}/orlop.XXXXXX")
server='' S3_PID=''

stop() {
    [[ ! $S3_PID ]] || kill -9 "$S3_PID" || true
    S3_PID=''
}

finish() {
    local status=$?
    trap - EXIT
    if [[ $status != 0 && $S3_PID ]]; then
        tail -n 5 "$work/$server"/*.log >&2 || true
        echo "FAILED tests/run.sh with $server" >&2
    fi
    stop
    rm -rf "$work" || { sleep 1 && rm -rf "$work"; } # it may have been writing still
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM

# Where nobody looks on, a test that hangs is to be named before everything is killed.
limit=()
[[ ! ${CI:-} ]] || limit=(timeout --kill-after=10 15m)

# Always of the whole workspace, so that nothing is built twice with other features.
cargo_test() {
    "${limit[@]}" cargo test --workspace "$@"
}

# Without the limit: how long it takes says nothing about the tests.
cargo test --workspace --no-run "$@"

tests=() stores='files s3'
for server in "${servers[@]}"; do
    printf '\n=== the tests with %s ===\n' "$server"
    eval "$("tests/servers/$server.sh" "$work/$server")"
    cargo_test "${tests[@]}" "$@"
    # The engine on other stores than memory.
    for store in $stores; do
        ORLOP_TEST_STORE=$store cargo_test --test engine
    done
    tests=(--test bucket --test http) stores=''
    stop
done
