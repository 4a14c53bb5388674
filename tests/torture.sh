#!/usr/bin/env bash
# All that may happen to a registry, at once: a churn (see churn.sh) and `skopeo` push, pull, delete
# and collect, in processes that are killed and stopped, with connections that are cut, while the
# disk fills up or cannot be written to, or SeaweedFS is killed or stopped. Fails if anything that
# was acknowledged is missing in the end or has another byte, or if anything else is left.
#
#   tests/torture.sh [SECONDS [files|s3 [SEED]]]      (default: 600 files, and any seed)
#
# Installs from Debian what is missing. Builds the server unless ORLOP_BIN names one. With files it
# needs root, and a file system of 2 GB of its own in a temporary directory (below TMPDIR).
set -euo pipefail
export LC_ALL=C # one order for every sort
cd "$(dirname "$0")/.."

readonly SECONDS_MAX=${1:-600} STORE=${2:-files} SEED=${3:-$RANDOM}
readonly QUIET=12 # seconds at the end without new trouble
readonly IMAGES=20
readonly SKOPEOS=2

RANDOM=$SEED
work=$(mktemp -d "${TMPDIR:-/tmp}/orlop.XXXXXX")
: >"$work/log" # of everything that clients and servers say
churn='' S3_PID='' clients=()

# shellcheck source=tests/common.sh
source tests/common.sh

finish() {
    local status=$? child
    trap - EXIT
    [[ ! $churn ]] || clients+=("-$churn") # and all that it started
    for child in "${clients[@]}" $(cat "$work/server") $S3_PID; do
        kill -9 -- "$child" || true
    done 2>/dev/null
    if [[ $status != 0 ]]; then
        grep -hE 'WRONG|FAILED' "$work"/*log | tail -n 20 >&2 || true
        echo "FAILED tests/torture.sh $SECONDS_MAX $STORE $SEED; see $work" >&2
    else
        if mountpoint -q "$work/disk"; then
            umount "$work/disk" || { sleep 1 && umount --lazy "$work/disk"; }
        fi
        rm -rf "$work" || { sleep 1 && rm -rf "$work"; } # it may have been writing still
    fi
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM

is_over() {
    ((SECONDS > SECONDS_MAX - QUIET))
}

# count WHAT: one more of it
count() {
    echo "$1" >>"$work/counts"
}

# --- what happens to the store ------------------------------------------------------------------

make_disk() {
    truncate --size 2G "$work/disk.img"
    mkfs.ext4 -q -m 0 "$work/disk.img"
    mkdir "$work/disk"
    mount -o loop "$work/disk.img" "$work/disk"
}

# For a second or two at a time: no room, or no writing.
trouble_disk() {
    while sleep $((2 + RANDOM % 6)) && ! is_over; do
        if ((RANDOM % 2)); then
            # More than there is, but for a few blocks, so that some small files still fit.
            local blocks=$(($(stat -f -c %a "$work/disk") - RANDOM % 8))
            fallocate --length $((blocks * $(stat -f -c %S "$work/disk"))) "$work/disk/ballast" || true
            count 'times that the disk was full'
            sleep "1.$RANDOM"
            rm -f "$work/disk/ballast"
        else
            # The superuser can write wherever it may, and he may not here.
            chattr -R +i "$store" 2>/dev/null || true # names come and go meanwhile
            count 'times that the directory was read-only'
            sleep "1.$RANDOM"
            chattr -R -i "$store"
        fi
    done
}

trouble_bucket() {
    while sleep $((3 + RANDOM % 12)) && ! is_over; do
        if ((RANDOM % 2)); then
            kill -9 "$S3_PID"
            sleep $((RANDOM % 3))
            eval "$(tests/servers/seaweedfs.sh "$work/s3")"
            count 'times that the bucket was killed'
        else
            kill -STOP "$S3_PID"
            sleep "1.$RANDOM"
            kill -CONT "$S3_PID"
            count 'times that the bucket was stopped for a while'
        fi
    done
}

# --- a real client, and its server --------------------------------------------------------------

# A server that is killed or stopped every few seconds. `$work/address` says where it is.
keep_server() {
    local listen=127.0.0.1:0
    while ! is_over; do
        if serve "$work/log" "$listen" "$store" --lease 1m; then
            listen=$address
            echo "$pid" >"$work/server"
            echo "$address" >"$work/address"
            sleep $((2 + RANDOM % 6))
            if ((RANDOM % 3 == 0)); then
                kill -STOP "$pid"
                sleep 2
                kill -CONT "$pid"
            fi
            kill -9 "$pid"
            count "times that skopeo's server was killed"
        else
            kill -9 "$pid" || true
        fi
        wait "$pid" || true
    done
    : >"$work/server"
}

# use_skopeo NAME: pushes images under new tags, and pulls what was acknowledged before. What fails
# is tried again; `$work/NAME.digests` says what has succeeded.
use_skopeo() {
    local name=$1 tag=0 digest line
    : >"$work/$name.digests"
    while ! is_over; do
        address=$(cat "$work/address" 2>/dev/null) || { sleep 0.1 && continue; }
        tag=$((tag + 1))
        if digest=$(push_image "v$((RANDOM % IMAGES + 1))" "$address/$name:$tag" "$name"); then
            echo "$tag $digest" >>"$work/$name.digests"
            count 'pushes by skopeo'
        else
            count 'pushes by skopeo that failed'
        fi
        line=$(shuf -n 1 "$work/$name.digests")
        if [[ $line ]] && pull_known "$name" "$line"; then count 'pulls by skopeo'; fi
    done
}

# pull_known NAME LINE: notes what is wrong; a server that is not there is not
pull_known() {
    local status=0 tag=${2% *} digest=${2#* }
    pull_image "$address/$1:$tag" "$digest" "$work/$1.pulled" || status=$?
    [[ $status != 1 ]] || echo "WRONG $1:$tag is not $digest" >>"$work/wrong"
    return "$status"
}

# Every image that skopeo was told is there.
check_skopeo() {
    local name line pulled=0
    serve "$work/log" 127.0.0.1:0 "$store"
    disown "$pid"
    echo "$pid" >"$work/server"
    for name in "${names[@]}"; do
        while read -r line; do
            pull_known "$name" "$line" || echo "WRONG $name:$line cannot be pulled" >>"$work/wrong"
            pulled=$((pulled + 1))
        done <"$work/$name.digests"
    done
    echo "$pulled images by skopeo are there" >>"$work/counts.last"
}

for command in skopeo umoci jq; do install "$command"; done
find_orlop
export ORLOP_BIN=$orlop RUST_LOG=warn
cargo build --package orlop-tests --example churn
make_images "$IMAGES" >>"$work/log" 2>&1
case $STORE in
    files)
        make_disk
        store=$work/disk/registry
        trouble=trouble_disk
        ;;
    s3)
        eval "$(tests/servers/seaweedfs.sh "$work/s3")"
        store=$ORLOP_TEST_S3/torture
        trouble=trouble_bucket
        ;;
    *)
        echo "expected files or s3, found $STORE" >&2
        exit 2
        ;;
esac

SECONDS=0
setsid "${CARGO_TARGET_DIR:-target}/debug/examples/churn" "$SECONDS_MAX" "$work" "$store" "$SEED" \
    failing keep 2>"$work/churn.log" &
churn=$!
keep_server >>"$work/log" 2>&1 &
clients+=($!)
names=()
for ((client = 0; client < SKOPEOS; client++)); do
    names+=("skopeo-$client")
    use_skopeo "skopeo-$client" >>"$work/log" 2>&1 &
    clients+=($!)
done
$trouble
for client in "${clients[@]}"; do wait "$client" || true; done
clients=()
status=0
wait "$churn" || status=$?
churn=''
check_skopeo >>"$work/log" 2>&1
sort "$work/counts" | uniq -c
cat "$work/counts.last"
[[ ! -e $work/wrong ]] || { cat "$work/wrong" >&2 && status=1; }
(exit "$status")
