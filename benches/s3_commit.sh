#!/usr/bin/env bash
# How long a commit takes after the last byte, on S3, for blobs of 64 MiB, 1 GiB and 6 GiB.
#
#   benches/s3_commit.sh [ROUNDS [ROUNDS-WITH-6-GIB]]      (default: 5 3)
#
# Each blob is pushed in PATCHes of 64 MiB to a server of its own; then the closing PUT is timed,
# and the blob is pulled and compared. One more of 1 GiB comes as a single PATCH of unknown length.
# All blobs have some bytes more than they are named after, so that a commit has a rest to send, as
# it has in life.
#
# Uses the bucket that ORLOP_TEST_S3 and AWS_* name, and leaves everything there, or else starts
# SeaweedFS, afresh for each round, so that 8 GB below TMPDIR are enough. Builds the server unless
# ORLOP_BIN names one. Prints a markdown table, and fails if a pull differs, if the server takes
# more than 96 MiB, or if the time of a commit grows with the blob.
set -eEuo pipefail
cd "$(dirname "$0")/.."

readonly CHUNK_BYTES=$((64 << 20)) REST_BYTES=1000003
readonly SIZES=(64 1024 6144) # MiB
readonly MEMORY_MAX=96        # MiB
readonly GROWTH_MAX=2         # times, from the smallest to the largest

rounds=${1:-5} large_rounds=${2:-3}
server='' S3_PID=''
work=$(mktemp -d "${TMPDIR:-/tmp}/orlop.XXXXXX")
stop() {
    if [[ $1 ]]; then kill -9 "$1" && wait "$1"; fi 2>/dev/null || true
}
finish() {
    trap - EXIT ERR
    stop "$server"
    stop "$S3_PID"
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM
trap 'echo "FAILED benches/s3_commit.sh:$LINENO: $BASH_COMMAND" >&2' ERR

# Sets `server` to a new one on an empty store, and `blobs` to the URL of all its blobs.
start_server() {
    stores=$((stores + 1))
    "$orlop" serve --store "$bucket/$stores" --listen 127.0.0.1:0 >"$work/ready" 2>"$work/log" &
    server=$!
    until blobs=$(sed -n 's|^orlop listens on \(http://[^ ]*\) .*|\1/v2/commit/blobs|p' "$work/ready")
        [[ $blobs ]]; do
        kill -0 "$server"
        sleep 0.05
    done
}

# generate BYTES: the same ones each time
generate() {
    openssl enc -aes-128-ctr -K 0 -iv 0 -in /dev/zero 2>/dev/null | head -c "$1" || true
}

sha256() { openssl dgst -sha256 -r | sed 's/ .*//; s/^/sha256:/'; }

# send METHOD URL CURL-ARGUMENT...: sets `location` to where to go on, and `seconds` to the time
# from the request to its answer
send() {
    local times
    times=$(curl -fsS --noproxy '*' -X "$1" -H 'Content-Type: application/octet-stream' \
        -D "$work/head" -o /dev/null -w '%{time_starttransfer} %{time_pretransfer}' "${@:3}" "$2")
    seconds=$(awk '{ printf "%.6f", $1 - $2 }' <<<"$times")
    location=${blobs%/v2/*}$(tr -d '\r' <"$work/head" | sed -n 's|^location: \(/.*\)|\1|ip')
}

# push_chunks BYTES: from stdin
push_chunks() {
    local at=0 length
    while ((at < $1)); do
        length=$(($1 - at < CHUNK_BYTES ? $1 - at : CHUNK_BYTES))
        # curl does not know how long its stdin is, and would send it as a stream.
        send PATCH "$location" -T <(head -c $length) -H 'Transfer-Encoding:' \
            -H "Content-Length: $length" -H "Content-Range: $at-$((at + length - 1))"
        at=$((at + length))
    done
}

# push_stream BYTES: from stdin
push_stream() { send PATCH "$location" -T -; }

# measure WAY MIB: adds to $work/WAY-MIB the seconds of the push, those of the commit, and the
# server's peak memory in MiB
measure() {
    local bytes=$(($2 * (1 << 20) + REST_BYTES)) start=$EPOCHREALTIME push commit peak found
    start_server
    send POST "$blobs/uploads/" -H 'Content-Length: 0'
    "push_$1" "$bytes" < <(generate "$bytes")
    push=$(awk -v from="$start" -v to="$EPOCHREALTIME" 'BEGIN { print to - from }')
    send PUT "$location?digest=${digests[$2]}" -H 'Content-Length: 0'
    commit=$seconds
    found=$(curl -fsS --noproxy '*' "$blobs/${digests[$2]}" | sha256)
    if [[ $found != "${digests[$2]}" ]]; then
        echo "FAILED pull: expected ${digests[$2]}, found $found" >&2
        exit 1
    fi
    peak=$(awk '/^VmHWM/ { printf "%.0f", $2 / 1024 }' "/proc/$server/status")
    ((peak < MEMORY_MAX)) || failed=yes
    echo "$push $commit $peak" >>"$work/$1-$2"
    stop "$server"
    server=''
    echo "$1, $2 MiB: pushed in $push s, committed in $commit s, peak $peak MiB" >&2
    sed 's/^/  /' "$work/log" >&2
}

# column FILE NUMBER: sorted
column() { cut -d ' ' -f "$2" "$1" | sort -n; }

median() { awk '{ all[NR] = $1 } END { print (all[int((NR + 1) / 2)] + all[int(NR / 2) + 1]) / 2 }'; }

# row FILE NAME
row() {
    local times
    times=$(column "$1" 2)
    awk -v name="$2" -v n="$(wc -l <<<"$times")" -v commit="$(median <<<"$times")" \
        -v least="$(head -n 1 <<<"$times")" -v most="$(tail -n 1 <<<"$times")" \
        -v push="$(column "$1" 1 | median)" -v peak="$(column "$1" 3 | tail -n 1)" 'BEGIN {
            printf "| %s | %d | %.0f ms | %.0f to %.0f ms | %.1f s | %d MiB |\n",
                name, n, commit * 1000, least * 1000, most * 1000, push, peak
        }'
}

if [[ ${ORLOP_BIN:-} ]]; then
    orlop=$ORLOP_BIN
else
    cargo build --release --bin orlop
    orlop=${CARGO_TARGET_DIR:-target}/release/orlop
fi
declare -A digests=()
for mib in "${SIZES[@]}"; do digests[$mib]=$(generate $((mib * (1 << 20) + REST_BYTES)) | sha256); done
own_s3=''
[[ ${ORLOP_TEST_S3:-} ]] || own_s3=yes
failed='' stores=0

for ((round = 1; round <= rounds; round++)); do
    if [[ $own_s3 ]]; then eval "$(tests/servers/seaweedfs.sh "$work/s3")"; fi
    bucket=${ORLOP_TEST_S3%/}/${work##*.}
    contestants=(chunks-64 chunks-1024)
    ((round > 1)) || contestants+=(stream-1024)
    ((round > large_rounds)) || contestants+=(chunks-6144)
    for contestant in $(printf '%s\n' "${contestants[@]}" | shuf); do
        measure "${contestant%-*}" "${contestant#*-}"
    done
    if [[ $own_s3 ]]; then
        stop "$S3_PID"
        S3_PID=''
        rm -rf "$work/s3" || { sleep 1 && rm -rf "$work/s3"; } # it may have been writing still
    fi
done

echo '| blob | runs | commit | least and most | all before it | peak memory |'
echo '|---|---:|---:|---:|---:|---:|'
row "$work/chunks-64" '64 MiB, in PATCHes of 64 MiB'
row "$work/chunks-1024" '1 GiB, in PATCHes of 64 MiB'
((large_rounds == 0)) || row "$work/chunks-6144" '6 GiB, in PATCHes of 64 MiB'
row "$work/stream-1024" '1 GiB, as one PATCH of unknown length'
