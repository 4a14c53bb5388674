#!/usr/bin/env bash
# Orlop's online collection beside the offline one of Debian's docker-registry (CNCF Distribution),
# on the same images in directories: how long each takes when 1 % of the images were deleted.
#
#   benches/offline_gc.sh [IMAGES...]      (default: 100 1000 10000)
#
# An image has ten blobs of its own of 1 KiB. The peer's store is laid out by hand, as it would be after pushes
# and deletes over HTTP; Orlop's is pushed and deleted over HTTP. The peer must not be pushed to
# meanwhile; Orlop's server runs. Needs curl, python3 and docker-registry. Builds the server unless
# ORLOP_BIN names one. Prints a markdown table.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d "${TMPDIR:-/tmp}/orlop.XXXXXX")
server=''

finish() {
    local status=$?
    trap - EXIT
    [[ ! $server ]] || kill -9 "$server" || true
    rm -rf "$work"
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM

if [[ ! ${ORLOP_BIN:-} ]]; then
    cargo build --release --bin orlop
    ORLOP_BIN=${CARGO_TARGET_DIR:-target}/release/orlop
fi

cat >"$work/peer.yml" <<END
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage:
  filesystem: {rootdirectory: $work/peer}
  delete: {enabled: true}
END

# seconds COMMAND...: how long it takes; its output goes to $work/out
seconds() {
    local start=$EPOCHREALTIME
    "$@" >"$work/out" 2>&1
    awk -v from="$start" -v to="$EPOCHREALTIME" 'BEGIN { printf "%.2f", to - from }'
}

printf '| images | blobs | garbage | orlop gc, online | garbage-collect, offline | ratio |\n'
printf '|---:|---:|---:|---:|---:|---:|\n'
for images in "${@:-100 1000 10000}"; do
    for count in $images; do
        rm -rf "$work/peer" "$work/orlop"
        "$ORLOP_BIN" serve --store "$work/orlop" --listen 127.0.0.1:0 >"$work/serve" 2>/dev/null &
        server=$!
        until grep -qs 'listens on' "$work/serve"; do sleep 0.05; done
        url=$(grep -o 'http://[0-9.:]*' "$work/serve")
        python3 benches/offline_gc.py "$count" "$work/peer" "$url"
        ours=$(seconds "$ORLOP_BIN" gc --store "$work/orlop" --lease 0s)
        deleted=$(grep -o 'deleted [0-9]* blobs' "$work/out" | grep -o '[0-9]*')
        theirs=$(seconds docker-registry garbage-collect "$work/peer.yml")
        left=$(find "$work/peer" -path '*/blobs/*' -name data | wc -l)
        [[ $((count * 11 - left)) == $((deleted + count / 100)) ]] || {
            echo "orlop deleted $deleted blobs, docker-registry left $left of $((count * 11))" >&2
            exit 1
        }
        awk -v n="$count" -v d="$deleted" -v a="$ours" -v b="$theirs" 'BEGIN {
            printf "| %d | %d | %d blobs | %s s | %s s | %.1f |\n", n, n * 10, d, a, b, b / a }'
        kill "$server"
        wait "$server" || true
        server=''
    done
done
