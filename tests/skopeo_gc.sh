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

# install COMMAND
install() {
    command -v "$1" >/dev/null && return
    local sudo=''
    [[ $EUID == 0 ]] || sudo=sudo
    [[ ${updated:-} ]] || $sudo apt-get update -qq
    updated=yes
    $sudo env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "$1" >>"$work/log" 2>&1
}

start_server() {
    : >"$work/ready"
    RUST_LOG=warn "$orlop" serve --store "$work/store" --listen 127.0.0.1:0 --lease "$LEASE" \
        >"$work/ready" 2>>"$work/log" &
    server=$!
    for _ in {1..200}; do
        address=$(sed -n 's|^orlop listens on http://\([^ ]*\) .*|\1|p' "$work/ready")
        if [[ $address ]]; then return; fi
        kill -0 "$server" 2>/dev/null || break
        sleep 0.05
    done
    echo "FAILED expected a server with a ready line, found: $(cat "$work/ready")" >&2
    exit 1
}

# Makes the OCI layout $work/layout with the images v1 to v$IMAGES: each has one of two bases, and a
# layer of its own.
make_images() {
    local options=(--history.created 2026-01-01T00:00:00Z) image
    [[ $EUID == 0 ]] || options+=(--rootless)
    umoci init --layout "$work/layout"
    umoci new --image "$work/layout:v0"
    # layer FROM TO BYTES
    layer() {
        head -c "$3" /dev/urandom >"$work/file"
        umoci insert "${options[@]}" --image "$work/layout:$1" --tag "$2" "$work/file" "/$2"
    }
    layer v0 base1 3000000
    layer base1 base2 500000
    for ((image = 1; image <= IMAGES; image++)); do
        layer "base$((image % 2 + 1))" "v$image" $((image * 50000))
    done
}

# check_pull REFERENCE DIGEST DIR: pulls with the client, and hashes all that came
check_pull() {
    local file found
    rm -rf "$3"
    skopeo --insecure-policy copy --quiet --src-tls-verify=false "docker://$1" "dir:$3"
    found=sha256:$(sha256sum <"$3/manifest.json" | sed 's/ .*//')
    [[ $found == "$2" ]] || { echo "FAILED $1: expected $2, pulled $found" >&2 && return 1; }
    for file in $(jq -r '.config.digest, .layers[].digest' "$3/manifest.json"); do
        sha256sum --check --quiet <<<"${file#sha256:}  $3/${file#sha256:}"
    done
}

# push_and_delete NAME: until the time is over, and then once more pulls what is left
push_and_delete() {
    local name=$1 tags=() pushes=0 pulls=0 deletes=0 tag
    declare -A digests=()
    while ((SECONDS < SECONDS_MAX)); do
        pushes=$((pushes + 1))
        tag=t-$pushes
        skopeo --insecure-policy copy --quiet --dest-tls-verify=false --digestfile "$work/$name.digest" \
            "oci:$work/layout:v$((pushes % IMAGES + 1))" "docker://$address/$name:$tag"
        digests[$tag]=$(cat "$work/$name.digest")
        tags+=("$tag")
        tag=${tags[RANDOM % ${#tags[@]}]}
        check_pull "$address/$name:$tag" "${digests[$tag]}" "$work/$name.pulled"
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
        check_pull "$address/$name:$tag" "${digests[$tag]}" "$work/$name.pulled"
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
if [[ ${ORLOP_BIN:-} ]]; then
    orlop=$ORLOP_BIN
else
    cargo build --release --bin orlop
    orlop=${CARGO_TARGET_DIR:-target}/release/orlop
fi
make_images >>"$work/log" 2>&1
start_server
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
