#!/usr/bin/env bash
# The server's peak resident memory, while 2 GiB are pushed and pulled in all the ways there are.
#
#   benches/memory.sh      (needs curl, openssl and 5 GB below TMPDIR)
#
# Builds the server unless ORLOP_BIN names one; each row is a server of its own, on a filesystem
# store. Prints a markdown table of VmHWM, and fails if a limit is passed: 64 MiB for one client,
# whatever it sends, and 256 MiB for 32 at once.
set -eEuo pipefail
cd "$(dirname "$0")/.."

readonly BLOB_BYTES=$((2 << 30)) CHUNK_BYTES=$((16 << 20)) STREAMS=32
readonly ONE_MAX=64 MANY_MAX=256 # MiB

server=''
work=$(mktemp -d "${TMPDIR:-/tmp}/orlop.XXXXXX")
finish() {
    if [[ $server ]]; then kill -9 "$server"; fi
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM
trap 'echo "FAILED benches/memory.sh:$LINENO: $BASH_COMMAND" >&2' ERR

# Sets `server` to a new one on an empty store, and `blobs` to the URL of all its blobs.
start_server() {
    rm -rf "$work/store"
    SECONDS=0
    "$orlop" serve --store "$work/store" --listen 127.0.0.1:0 >"$work/ready" 2>"$work/log" &
    server=$!
    until blobs=$(sed -n 's|^orlop listens on \(http://[^ ]*\) .*|\1/v2/memory/blobs|p' "$work/ready")
        [[ $blobs ]]; do
        kill -0 "$server"
        sleep 0.05
    done
}

# stop_server WHAT LIMIT: adds a row to the table
stop_server() {
    local peak
    peak=$(awk '/^VmHWM/ { printf "%.0f", $2 / 1024 }' "/proc/$server/status")
    printf '| %s | %s | %s | %s |\n' "$1" "$peak" "$2" $SECONDS
    ((peak <= $2)) || failed=yes
    kill -9 "$server"
    wait "$server" 2>/dev/null || true
    server=''
}

sha256() { openssl dgst -sha256 -r | sed 's/ .*//; s/^/sha256:/'; }

# send METHOD URL CURL-ARGUMENT...: prints where to go on
send() {
    curl -fsS -X "$1" -H 'Content-Type: application/octet-stream' -D - -o /dev/null "${@:3}" "$2" |
        tr -d '\r' | sed -n "s|^location: \(/.*\)|${blobs%/v2/*}\1|ip"
}

# finish_upload URL DIGEST
finish_upload() { send PUT "$1?digest=$2" -H 'Content-Length: 0' >/dev/null; }

# part START LENGTH: that part of the blob
part() { tail -c "+$(($1 + 1))" "$work/blob" | head -c "$2" || true; }

push_chunks() {
    local at=0 url
    url=$(send POST "$blobs/uploads/" -H 'Content-Length: 0')
    while ((at < BLOB_BYTES)); do
        part $at $CHUNK_BYTES >"$work/chunk"
        url=$(send PATCH "$url" -T "$work/chunk" -H "Content-Range: $at-$((at + CHUNK_BYTES - 1))")
        at=$((at + CHUNK_BYTES))
    done
    finish_upload "$url" "$digest"
}

push_stream() {
    local url
    url=$(send POST "$blobs/uploads/" -H 'Content-Length: 0')
    url=$(send PATCH "$url" -T - <"$work/blob")
    finish_upload "$url" "$digest"
}

push_whole() {
    local url
    url=$(send POST "$blobs/uploads/" -H 'Content-Length: 0')
    send PUT "$url?digest=$digest" -T "$work/blob" >/dev/null
}

pull() {
    local found
    found=$(curl -fsS "$blobs/$digest" | sha256)
    if [[ $found != "$digest" ]]; then
        echo "FAILED pull: expected $digest, found $found" >&2
        exit 1
    fi
}

# push_part NUMBER DIGEST: one of STREAMS that run at once
push_part() {
    local url
    url=$(send POST "$blobs/uploads/" -H 'Content-Length: 0')
    url=$(part $(($1 * part_bytes)) $part_bytes | send PATCH "$url" -T -)
    finish_upload "$url" "$2"
}

if [[ ${ORLOP_BIN:-} ]]; then
    orlop=$ORLOP_BIN
else
    cargo build --release --bin orlop
    orlop=${CARGO_TARGET_DIR:-target}/release/orlop
fi
openssl enc -aes-128-ctr -K 0 -iv 0 -in /dev/zero 2>/dev/null | head -c $BLOB_BYTES >"$work/blob" || true
digest=$(sha256 <"$work/blob")
failed=''

echo '| 2 GiB, pushed and pulled | peak MiB | limit | seconds |'
echo '|---|---:|---:|---:|'
for way in 'push_chunks|in PATCHes of 16 MiB' 'push_stream|one PATCH of unknown length' \
    'push_whole|POST, then PUT of it all'; do
    start_server
    "${way%|*}"
    pull
    stop_server "${way#*|}" $ONE_MAX
done

part_bytes=$((BLOB_BYTES / STREAMS))
digests=()
for ((i = 0; i < STREAMS; i++)); do digests+=("$(part $((i * part_bytes)) $part_bytes | sha256)"); done
start_server
pids=()
for ((i = 0; i < STREAMS; i++)); do
    push_part $i "${digests[i]}" &
    pids+=($!)
done
for pid in "${pids[@]}"; do wait "$pid"; done
stop_server "$STREAMS uploads of $((part_bytes >> 20)) MiB at once" $MANY_MAX
[[ ! $failed ]]
