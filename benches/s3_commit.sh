#!/usr/bin/env bash
# How long a commit takes after the last byte, on S3, for blobs of 64 MiB, 1 GiB and 6 GiB.
#
#   benches/s3_commit.sh [ROUNDS [ROUNDS-WITH-6-GIB]]      (default: 5 3)
#
# Each blob is pushed in PATCHes of 64 MiB to a server of its own; then the closing PUT is timed,
# and the blob is pulled and compared. One more of 1 GiB comes as a single PATCH of unknown length.
# Blobs are a megabyte longer than they are called, so that a commit has a rest to send, as it has
# in life. In one more round, which is not timed, a proxy counts the requests of each commit.
#
# Needs curl, openssl, python3, half an hour, and 10 GB below TMPDIR, because each round has a
# SeaweedFS of its own. Builds the server unless ORLOP_BIN names one. Prints a markdown table, and
# fails if a pull differs, if the server takes more than 96 MiB or a commit more than a second, or
# if a commit takes more requests for a larger blob.
# shellcheck source-path=SCRIPTDIR
source "${BASH_SOURCE%/*}/s3_common.sh"

readonly CHUNK_BYTES=$((64 << 20)) REST_BYTES=1000003
readonly MEMORY_MAX=96 COMMIT_MAX=1 # MiB, seconds

rounds=${1:-5} large_rounds=${2:-3}
failed=''
prefixes=0

# push_chunks BYTES: from stdin
push_chunks() {
    local at=0 length
    while ((at < $1)); do
        length=$(($1 - at < CHUNK_BYTES ? $1 - at : CHUNK_BYTES))
        # curl does not know how long its stdin is, and would send it as a stream.
        send PATCH "$location" -T - -H 'Transfer-Encoding:' -H "Content-Length: $length" \
            -H "Content-Range: $at-$((at + length - 1))" < <(head -c $length)
        at=$((at + length))
    done
}

# push_stream BYTES: from stdin
push_stream() { send PATCH "$location" -T -; }

# Sets the parts of `contestant`, which is WAY-MIB.
read_contestant() {
    way=${contestant%-*} mib=${contestant#*-}
    bytes=$(((mib << 20) + REST_BYTES))
}

# Adds to $work/CONTESTANT the seconds of the commit, the seconds of all before it, and the server's
# peak memory; or with a proxy to $work/CONTESTANT-requests what a commit asks of S3.
measure() {
    local start before commit expected=${digests[$mib]} found memory from=0
    prefixes=$((prefixes + 1))
    start_orlop "$1" "$prefixes"
    start=$EPOCHREALTIME
    send POST "$orlop_url/v2/commit/blobs/uploads/" -H 'Content-Length: 0'
    "push_$way" "$bytes" < <(generate "$mib" "$bytes")
    before=$(awk -v from="$start" -v to="$EPOCHREALTIME" 'BEGIN { printf "%.1f", to - from }')
    [[ ! -e $work/requests ]] || from=$(wc -l <"$work/requests")
    send_end "$location" "$expected"
    commit=$seconds
    if [[ -e $work/requests ]]; then
        tail -n "+$((from + 1))" "$work/requests" >"$work/$contestant-requests"
    fi
    found=$(curl -fsS --noproxy '*' "$orlop_url/v2/commit/blobs/$expected" | sha256)
    if [[ $found != "$expected" ]]; then
        echo "FAILED pull of $contestant: expected $expected, found $found" >&2
        exit 1
    fi
    memory=$(peak orlop)
    stop orlop
    echo "$commit $before $memory" >>"$work/$contestant$2"
    echo "$contestant$2: commit $commit s, before $before s, $memory MiB" >&2
}

# row CONTESTANT NAME
row() {
    local name=$2 commit least most before memory requests complete
    read -r commit least most < <(median "$work/$1" 1)
    read -r before _ < <(median "$work/$1" 2)
    read -r _ _ memory < <(median "$work/$1" 3)
    requests=$(wc -l <"$work/$1-requests")
    complete=$(awk -F '\t' '$1 == "CompleteMultipartUpload" { print $5 }' "$work/$1-requests")
    awk -v name="$name" -v commit="$commit" -v least="$least" -v most="$most" -v memory="$memory" \
        -v before="$before" -v requests="$requests" -v complete="$complete" 'BEGIN {
            printf "| %s | %.0f ms | %.0f to %.0f ms | %d | %.0f ms | %.0f s | %d MiB |\n", name,
                commit * 1000, least * 1000, most * 1000, requests, complete, before, memory
        }'
    ((memory <= MEMORY_MAX && requests == $(wc -l <"$work/chunks-64-requests"))) || failed=yes
    awk -v most="$most" -v max="$COMMIT_MAX" 'BEGIN { exit most > max }' || failed=yes
}

build_orlop
declare -A digests=()
for contestant in chunks-64 chunks-1024 chunks-6144; do
    read_contestant
    digests[$mib]=$(generate "$mib" "$bytes" | sha256)
done

for ((round = 0; round <= rounds; round++)); do
    contestants=(chunks-64 chunks-1024)
    ((round > 1)) || contestants+=(stream-1024)
    ((round > large_rounds)) || contestants+=(chunks-6144)
    start_s3
    ((round > 0)) || start_proxy
    for contestant in $(shuf -e "${contestants[@]}"); do
        read_contestant
        if ((round == 0)); then measure "$proxy_url" -proxied; else measure "$s3_url" ''; fi
    done
    if ((round == 0)); then
        stop proxy
        rm "$work/requests"
    fi
    stop_s3
done

echo '| blob | commit | least and most | requests | completing alone | all before | peak memory |'
echo '|---|---:|---:|---:|---:|---:|---:|'
row chunks-64 '64 MiB'
row chunks-1024 '1 GiB'
((large_rounds == 0)) || row chunks-6144 '6 GiB'
row stream-1024 '1 GiB, as one PATCH of unknown length'
cat "$work/orlop.log" >&2
[[ ! $failed ]]
