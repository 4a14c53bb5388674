#!/usr/bin/env bash
# A real client beside collections: two of them push images that share layers, pull them, and delete
# them again, while `orlop gc` runs without a pause. No push fails, and every pull is right.
#
#   tests/skopeo_gc.sh [SECONDS]      (default: 120)
#
# Installs from Debian what is missing. Builds the server unless ORLOP_BIN names one. Works in a
# temporary directory (below TMPDIR).
set -eEuo pipefail
export LC_ALL=C # one order for every sort
cd "$(dirname "$0")/.."

readonly SECONDS_MAX=${1:-120}
readonly LEASE=20s # longer than any of these pushes takes
readonly IMAGES=60 # so many that a blob's lease is over when it comes again
readonly KEPT=4

server='' collector='' pushers=()
work=$(mktemp -d "${TMPDIR:-/tmp}/orlop.XXXXXX")
: >"$work/log" # of everything that clients and servers say

finish() {
    local status=$?
    trap - EXIT ERR
    if [[ $status != 0 ]]; then
        tail -n 20 "$work/log" >&2
        echo "FAILED tests/skopeo_gc.sh" >&2
    fi
    for child in $server $collector "${pushers[@]}"; do
        kill -9 "$child" || true
        wait "$child" || true
    done 2>/dev/null
    rm -rf "$work" || { sleep 1 && rm -rf "$work"; } # one of them may have been writing still
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM
trap 'echo "FAILED tests/skopeo_gc.sh:$LINENO: expected success of: $BASH_COMMAND" >&2' ERR

# shellcheck source=tests/common.sh
source tests/common.sh

# push_and_delete NAME: until the time is over, and then once more pulls what is left
push_and_delete() {
    local name=$1 tags=() pushes=0 pulls=0 deletes=0 tag
    declare -A digests=()
    while ((SECONDS < SECONDS_MAX)); do
        pushes=$((pushes + 1))
        tag=t-$pushes
        digests[$tag]=$(push_image "v$((pushes % IMAGES + 1))" "$address/$name:$tag" "$name")
        tags+=("$tag")
        tag=${tags[RANDOM % ${#tags[@]}]}
        pull_image "$address/$name:$tag" "${digests[$tag]}" "$work/$name.pulled"
        pulls=$((pulls + 1))
        if ((${#tags[@]} == KEPT)); then
            tag=${tags[0]}
            tags=("${tags[@]:1}")
            if ((RANDOM % 4)); then
                skopeo delete --tls-verify=false "docker://$address/$name:$tag" # and its manifest
            else
                curl -sSf -X DELETE "http://$address/v2/$name/manifests/$tag"
            fi
            deletes=$((deletes + 1))
        fi
    done
    for tag in "${tags[@]}"; do
        pull_image "$address/$name:$tag" "${digests[$tag]}" "$work/$name.pulled"
    done
    echo "$name: $pushes pushes, $pulls pulls, $deletes deletes" >>"$work/summary"
}

collect() {
    local runs=0
    while ((SECONDS < SECONDS_MAX)); do
        "$orlop" gc --store "$work/store" --lease "$LEASE" --upload-idle "$LEASE" --json
        runs=$((runs + 1))
    done >"$work/collected"
    jq -s -r '"'"$runs"' collections, \(map(.blobs) | add) blobs deleted"' "$work/collected" \
        >>"$work/summary"
}

for command in skopeo umoci jq curl; do install "$command"; done
find_orlop
make_images "$IMAGES" >>"$work/log" 2>&1
export RUST_LOG=warn
serve "$work/log" 127.0.0.1:0 "$work/store" --lease "$LEASE"
server=$pid
SECONDS=0
for name in team/app team/other; do
    mkdir -p "$work/team"
    push_and_delete "$name" >>"$work/log" &
    pushers+=($!)
done
collect &
collector=$!
for child in "${pushers[@]}" $collector; do wait "$child"; done
pushers=() collector=''
cat "$work/summary"
