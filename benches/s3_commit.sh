#!/usr/bin/env bash
# How long a commit takes after the last byte, on S3, for blobs of 64 MiB, 1 GiB and 6 GiB.
#
#   benches/s3_commit.sh [ROUNDS [ROUNDS-WITH-6-GIB]]      (default: 5 3)
#
# Each blob is pushed in PATCHes of 64 MiB to a server of its own; then the closing PUT is timed,
# and the blob is pulled and compared. One more of 1 GiB comes as a single PATCH of unknown length.
# A proxy counts what a commit asks of S3, and times it; it adds some 0.2 ms to a request.
#
# Needs curl, openssl, python3, half an hour, and 10 GB below TMPDIR, because each round has a
# SeaweedFS of its own. Builds the server unless ORLOP_BIN names one. Prints a markdown table, and
# fails if a pull differs, if the server takes more than 96 MiB or a commit more than a second, or
# if a commit takes more requests for a larger blob.
# shellcheck source-path=SCRIPTDIR
source "${BASH_SOURCE%/*}/s3_common.sh"

readonly CHUNK_BYTES=$((64 << 20))
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

# Adds to $work/CONTESTANT the seconds of the commit, the milliseconds of completing the multipart
# upload, the requests of the commit, the seconds of all before it, and the server's peak memory.
measure() {
    local start before expected=${digests[$mib]} found requests complete
    prefixes=$((prefixes + 1))
    start_orlop "$proxy_url" "$prefixes"
    start=$EPOCHREALTIME
    send POST "$orlop_url/v2/commit/blobs/uploads/" -H 'Content-Length: 0'
    "push_$way" "$bytes" < <(generate "$mib" "$bytes")
    before=$(awk -v from="$start" -v to="$EPOCHREALTIME" 'BEGIN { printf "%.1f", to - from }')
    : >"$work/requests"
    send_end "$location" "$expected"
    sleep 0.2 # for the proxy, which writes down what is over
    requests=$(wc -l <"$work/requests")
    complete=$(awk -F '\t' '$1 == "CompleteMultipartUpload" { print $5 }' "$work/requests")
    found=$(curl -fsS --noproxy '*' "$orlop_url/v2/commit/blobs/$expected" | sha256)
    if [[ $found != "$expected" ]]; then
        echo "FAILED pull of $contestant: expected $expected, found $found" >&2
        exit 1
    fi
    echo "$seconds $complete $requests $before $(peak orlop)" | tee -a "$work/$contestant" |
        sed "s/^/$contestant: /" >&2
    stop orlop
}

# row CONTESTANT NAME
row() {
    local commit least most complete requests before memory
    read -r commit least most < <(median "$work/$1" 1)
    read -r complete _ < <(median "$work/$1" 2)
    read -r _ _ requests < <(median "$work/$1" 3)
    read -r before _ < <(median "$work/$1" 4)
    read -r _ _ memory < <(median "$work/$1" 5)
    awk -v commit="$commit" -v least="$least" -v most="$most" -v complete="$complete" \
        -v requests="$requests" -v before="$before" -v memory="$memory" -v name="$2" 'BEGIN {
            printf "| %s | %.0f ms | %.0f to %.0f ms | %.0f ms | %d | %.0f s | %d MiB |\n", name,
                commit * 1000, least * 1000, most * 1000, complete, requests, before, memory
        }'
    [[ ${requests_expected:=$requests} == "$requests" ]] || failed=yes
    ((memory < MEMORY_MAX)) || failed=yes
    awk -v most="$most" -v max="$COMMIT_MAX" 'BEGIN { exit most > max }' || failed=yes
}

need curl openssl python3
build_orlop
declare -A digests=()
for contestant in chunks-64 chunks-1024 chunks-6144; do
    read_contestant
    digests[$mib]=$(generate "$mib" "$bytes" | sha256)
done

for ((round = 1; round <= rounds; round++)); do
    contestants=(chunks-64 chunks-1024)
    ((round > large_rounds)) || contestants+=(chunks-6144)
    ((round > 1)) || contestants+=(stream-1024)
    start_s3
    start_proxy
    for contestant in $(shuf -e "${contestants[@]}"); do
        read_contestant
        measure
    done
    stop proxy
    stop_s3
done

echo '| blob | commit | least and most | of it, completing | requests | all before | peak memory |'
echo '|---|---:|---:|---:|---:|---:|---:|'
row chunks-64 '64 MiB'
row chunks-1024 '1 GiB'
row chunks-6144 '6 GiB'
row stream-1024 '1 GiB, as one PATCH of unknown length'
cat "$work/orlop.log" >&2
[[ ! $failed ]]
