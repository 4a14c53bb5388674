# shellcheck shell=bash
# What s3.sh and s3_commit.sh share: servers with what they need, a client, and medians. `work` is
# a directory that goes at the end, together with the processes in `children`.
# shellcheck disable=SC2034 # what functions set is for whoever sources this
set -eEuo pipefail
export LC_ALL=C # one order for every sort, and points in numbers
cd "${BASH_SOURCE%/*}/.."

work=$(mktemp -d "${TMPDIR:-/tmp}/orlop.XXXXXX")
declare -A children=() # process ids, by name
key=$(openssl rand -hex 16) # of the bytes of this run

# By how much large blobs are longer than they are called, so that a commit has a rest to send, as
# it has in life.
readonly REST_BYTES=1000003

finish() {
    local status=$? name
    trap - EXIT ERR
    if [[ $status != 0 ]]; then tail -n 20 "$work"/*.log >&2 2>/dev/null || true; fi
    for name in "${!children[@]}"; do stop "$name"; done
    remove "$work"
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM
trap 'echo "FAILED $0:$LINENO: expected success of: $BASH_COMMAND" >&2' ERR

# remove DIR: in which a process that was killed may be writing still
remove() {
    rm -rf "$1" || { sleep 1 && rm -rf "$1"; }
}

# stop NAME
stop() {
    kill -9 "${children[$1]}" || true
    wait "${children[$1]}" || true
    unset "children[$1]"
} 2>/dev/null

# need COMMAND...
need() {
    local command
    for command; do
        command -v "$command" >/dev/null || { echo "FAILED $0: expected $command" >&2 && exit 1; }
    done
}

build_orlop() {
    if [[ ${ORLOP_BIN:-} ]]; then
        orlop=$ORLOP_BIN
    else
        cargo build --release --bin orlop
        orlop=${CARGO_TARGET_DIR:-target}/release/orlop
    fi
}

# Starts an empty S3 server.
start_s3() {
    eval "$(tests/servers/seaweedfs.sh "$work/s3")"
    children[s3]=$S3_PID
    s3_url=$AWS_ENDPOINT_URL
}

stop_s3() {
    stop s3
    remove "$work/s3"
}

# Starts a proxy before the S3 server, which writes every request to $work/requests; sets
# `proxy_url`.
start_proxy() {
    : >"$work/proxy-url"
    python3 benches/s3_proxy.py "$s3_url" "$work/requests" >"$work/proxy-url" 2>"$work/proxy.log" &
    children[proxy]=$!
    until [[ -s $work/proxy-url ]]; do
        kill -0 "${children[proxy]}"
        sleep 0.05
    done
    proxy_url=$(cat "$work/proxy-url")
}

# start_orlop S3-URL PREFIX: sets `orlop_url`
start_orlop() {
    : >"$work/ready" # of one that was here before
    AWS_ENDPOINT_URL=$1 RUST_LOG=${RUST_LOG:-warn} "$orlop" serve \
        --store "${ORLOP_TEST_S3%/}/$2" --listen 127.0.0.1:0 >"$work/ready" 2>>"$work/orlop.log" &
    children[orlop]=$!
    until orlop_url=$(sed -n 's|^orlop listens on \(http://[^ ]*\) .*|\1|p' "$work/ready")
        [[ $orlop_url ]]; do
        kill -0 "${children[orlop]}"
        sleep 0.05
    done
}

# peak NAME: the most memory that the process had, in MiB
peak() { awk '/^VmHWM/ { printf "%.0f\n", $2 / 1024 }' "/proc/${children[$1]}/status"; }

# generate SEED BYTES: bytes that do not compress, the same ones each time in this run
generate() {
    openssl enc -aes-128-ctr -K "$key" -iv "$1" -in /dev/zero 2>/dev/null | head -c "$2" || true
}

sha256() { openssl dgst -sha256 -r | sed 's/ .*//; s/^/sha256:/'; }

# send METHOD URL [CURL-ARGUMENT...]: sets `location` to where to go on, and `seconds` to the time
# from being connected to the end of the answer
send() {
    local times
    # No client of registries waits for "100 Continue" before it sends.
    times=$(curl -fsS --noproxy '*' -X "$1" -H 'Content-Type: application/octet-stream' \
        -H 'Expect:' -D "$work/head" -o /dev/null -w '%{time_total} %{time_connect}' \
        "${@:3}" "$2")
    seconds=$(awk '{ printf "%.6f", $1 - $2 }' <<<"$times")
    location=$(tr -d '\r' <"$work/head" | sed -n 's/^location: //ip')
    case $location in /*) location=$(grep -o '^[a-z]*://[^/]*' <<<"$2")$location ;; esac
}

# send_end URL DIGEST: ends an upload
send_end() {
    local mark='?'
    [[ $1 != *\?* ]] || mark='&'
    send PUT "$1${mark}digest=$2" -H 'Content-Length: 0'
}

# median FILE COLUMN: the median, the least and the greatest
median() {
    cut -d ' ' -f "$2" "$1" | sort -n | awk '{ all[NR] = $1 } END {
        print (all[int((NR + 1) / 2)] + all[int(NR / 2) + 1]) / 2, all[1], all[NR]
    }'
}
