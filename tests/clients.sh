#!/usr/bin/env bash
# The reference server with real clients: push, list, kill -9, start again, pull, compare, delete.
#
#   tests/clients.sh [skopeo|podman|buildah|docker]...      (default: skopeo; docker needs root)
#
# Installs from Debian what is missing. Builds the server unless ORLOP_BIN names one. Works in a
# temporary directory (below TMPDIR), which needs about 4 GB for clients other than skopeo.
set -eEuo pipefail
export LC_ALL=C # one order for every sort
cd "$(dirname "$0")/.."

readonly LARGE_LAYER_MIN=50000000 # bytes, compressed

exec 3>&1 4>&2
passed=0
server='' dockerd=''
work=$(mktemp -d "${TMPDIR:-/tmp}/orlop.XXXXXX")
: >"$work/log" # of everything that clients and servers say

finish() {
    local status=$?
    trap - EXIT ERR
    exec >&3 2>&4 # it may be called with the log in their place
    if [[ $status != 0 ]]; then
        tail -n 20 "$work/log" >&2
        echo "$passed passed, 1 failed"
    fi
    for child in $server $dockerd; do
        if [[ $child != "$dockerd" ]]; then kill -9 "$child" || true; else kill "$child" || true; fi
        wait "$child" || true
    done 2>/dev/null
    rm -rf "$work"
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM
trap 'echo "FAILED tests/clients.sh:$LINENO: expected success of: $BASH_COMMAND" >&2' ERR

# check WHAT EXPECTED FOUND
check() {
    if [[ $2 != "$3" ]]; then
        printf 'FAILED %s\n  expected: %s\n  found:    %s\n' "$1" "$2" "$3" >&2
        exit 1
    fi
    passed=$((passed + 1))
    echo "ok     $1"
}

# shellcheck source=tests/common.sh
source tests/common.sh

# --- the server ---------------------------------------------------------------------------------

# start_server STORE: sets `server` to its process and `address` to where it listens
start_server() {
    serve "$work/log" 127.0.0.1:0 "$1"
    server=$pid
}

kill_server() {
    kill -9 "$server"
    wait "$server" 2>/dev/null || true
    server=''
}

# get PATH [CURL ARGUMENT...]
get() {
    local accept=(-H 'Accept: application/vnd.oci.image.manifest.v1+json'
        -H 'Accept: application/vnd.docker.distribution.manifest.v2+json')
    curl -sS "${accept[@]}" "http://$address/v2/$1" "${@:2}"
}

# tags NAME: a JSON list, or the code of an error
tags() {
    get "$1/tags/list" | jq -c '.tags // .errors[0].code'
}

# check_blobs CLIENT NAME TAG: fetches all that the manifest names, and hashes it
check_blobs() {
    local digest
    get "$2/manifests/$3" -f -D "$work/head" >"$work/manifest"
    digest=$(tr -d '\r' <"$work/head" | sed -n 's/^docker-content-digest: //ip')
    check "$1: the manifest of $3 has the digest in its header" "$digest" "$(sha256 "$work/manifest")"
    for digest in $(jq -r '.config.digest, .layers[].digest' "$work/manifest"); do
        check "$1: a blob of $3 is what its digest says" "$digest" \
            "$(get "$2/blobs/$digest" -fL | sha256sum | sed 's/ .*//; s/^/sha256:/')"
    done
}

# --- the image ----------------------------------------------------------------------------------

# take DIR MEGABYTES FIND-ARGUMENT...: copies the first files that `find` finds, in a fixed order
take() {
    mkdir -p "$work/files/$1"
    find "${@:3}" -type f -printf '%s %p\n' | sort -k2 |
        awk -v max="${2}000000" '(sum += $1) <= max { print substr($0, index($0, " ") + 1) }' |
        tar --create --files-from=- 2>/dev/null | tar --extract --directory="$work/files/$1"
}

# Makes the OCI layout $work/layout with the image v1, and v2: the same with one more layer.
make_image() {
    local options=(--history.created 2026-01-01T00:00:00Z)
    [[ $EUID == 0 ]] || options+=(--rootless)
    take include 5 /usr/include
    take share 20 /usr/share
    take bin 40 /usr/bin
    take lib 260 /usr/lib -size +256k
    umoci init --layout "$work/layout"
    umoci new --image "$work/layout:v1"
    for layer in include share bin lib; do
        umoci insert "${options[@]}" --image "$work/layout:v1" "$work/files/$layer" "/$layer"
    done
    umoci insert "${options[@]}" --image "$work/layout:v1" --tag v2 "$work/files/include" /more
    rm -rf "$work/files"
}

# --- the clients --------------------------------------------------------------------------------
# ready_X         makes the image known to client X
# push_X TAG REF  pushes $work/layout:TAG as REF, and writes the manifest's digest to $work/pushed
# pull_X REF      pulls REF into a fresh place; writes the manifest's digest to $work/pulled, and
#                 the hash of each blob (skopeo) or unpacked layer (the others) to $work/hashes

ready_skopeo() { :; }

push_skopeo() {
    skopeo --insecure-policy copy --quiet --dest-tls-verify=false --digestfile "$work/pushed" \
        "oci:$work/layout:$1" "docker://$2"
}

pull_skopeo() {
    rm -rf "$work/fresh"
    skopeo --insecure-policy copy --quiet --src-tls-verify=false "docker://$1" "oci:$work/fresh:it"
    jq -r '.manifests[0].digest' "$work/fresh/index.json" >"$work/pulled"
    sha256 "$work"/fresh/blobs/sha256/* >"$work/hashes"
}

# storage TOOL DIR ARGUMENT...: podman or buildah with all that it keeps in DIR
storage() {
    "$1" --root "$work/$2/root" --runroot "$work/$2/run" --storage-driver vfs "${@:3}"
}

# discard_storage TOOL DIR
discard_storage() {
    if [[ -d $work/$2 ]]; then
        storage "$1" "$2" rmi --all --force >>"$work/log" 2>&1
        rm -rf "${work:?}/$2"
    fi
}

# hash_layers ARCHIVE: the hash of each layer of a docker-archive, bottom first
hash_layers() {
    rm -rf "$work/archive"
    mkdir "$work/archive"
    tar -xf "$1" -C "$work/archive"
    rm "$1"
    jq -r '.[0].Layers[]' "$work/archive/manifest.json" | while read -r layer; do
        sha256 "$work/archive/$layer"
    done >"$work/hashes"
    rm -rf "$work/archive"
}

ready_podman() (
    cd "$work" # takes the path for a name, which must be in lower case
    for tag in v1 v2; do
        storage podman podman pull --quiet "oci:layout:$tag" | tail -n 1 >"podman-$tag"
    done
)

push_podman() {
    storage podman podman push --quiet --tls-verify=false --digestfile "$work/pushed" \
        "$(cat "$work/podman-$1")" "docker://$2"
}

pull_podman() {
    discard_storage podman fresh
    storage podman fresh pull --quiet --tls-verify=false "docker://$1"
    storage podman fresh image inspect --format '{{.Digest}}' "$1" >"$work/pulled"
    storage podman fresh save --quiet --format docker-archive -o "$work/archive.tar" "$1"
    hash_layers "$work/archive.tar"
}

ready_buildah() (
    cd "$work" # takes the path for a name, which must be in lower case
    for tag in v1 v2; do
        storage buildah buildah pull --quiet "oci:layout:$tag" | tail -n 1 >"buildah-$tag"
    done
)

push_buildah() {
    storage buildah buildah push --quiet --tls-verify=false --digestfile "$work/pushed" \
        "$(cat "$work/buildah-$1")" "docker://$2"
}

pull_buildah() {
    discard_storage buildah fresh
    storage buildah fresh pull --quiet --tls-verify=false "docker://$1"
    storage buildah fresh inspect --type image "$1" | jq -r .FromImageDigest >"$work/pulled"
    storage buildah fresh push --quiet "$1" "docker-archive:$work/archive.tar"
    hash_layers "$work/archive.tar"
}

ready_docker() {
    export DOCKER_HOST="unix://$work/docker.sock" DOCKER_CONFIG="$work/docker-config"
    if [[ ! $dockerd ]]; then start_dockerd; fi
    for tag in v1 v2; do
        skopeo --insecure-policy copy --quiet "oci:$work/layout:$tag" \
            "docker-archive:$work/archive.tar:image:$tag"
        docker load --quiet --input "$work/archive.tar"
        rm "$work/archive.tar"
    done
}

# A real engine, that needs neither a network nor the files of another one.
start_dockerd() {
    dockerd --host "$DOCKER_HOST" --data-root "$work/docker" --exec-root "$work/docker-exec" \
        --pidfile "$work/docker.pid" --iptables=false --ip6tables=false --bridge=none \
        --storage-driver vfs >>"$work/log" 2>&1 &
    dockerd=$!
    for _ in {1..300}; do
        docker info >/dev/null 2>&1 && break
        kill -0 "$dockerd" 2>/dev/null || break
        sleep 0.1
    done
    docker info
}

push_docker() {
    docker tag "image:$1" "$2"
    docker push "$2" >"$work/docker-out" || return
    sed -n 's/.* digest: \(sha256:[0-9a-f]*\) .*/\1/p' "$work/docker-out" >"$work/pushed"
}

# The engine has one place only: it is fresh when every image is gone.
pull_docker() {
    docker image ls --quiet | sort -u | xargs docker image rm --force
    docker pull --quiet "$1"
    docker image inspect --format '{{index .RepoDigests 0}}' "$1" | sed 's/.*@//' >"$work/pulled"
    docker save --output "$work/archive.tar" "$1"
    hash_layers "$work/archive.tar"
}

# --- the test -----------------------------------------------------------------------------------

# check_pull CLIENT NAME TAG: pulls with the client, and compares with what it has pushed
check_pull() {
    "pull_$1" "$address/$2:$3" >>"$work/log" 2>&1
    check "$1: the pulled manifest is the pushed one" "$(cat "$work/pushed")" "$(cat "$work/pulled")"
    local config expected
    get "$2/manifests/$3" -f >"$work/manifest"
    config=$(jq -r .config.digest "$work/manifest")
    if [[ $1 == skopeo ]]; then
        expected=$(jq -r '.config.digest, .layers[].digest' "$work/manifest")
        expected=$(sort -u <<<"$expected"$'\n'"$(cat "$work/pushed")")
    else
        expected=$(get "$2/blobs/$config" -fL | jq -r '.rootfs.diff_ids[]')
    fi
    check "$1: what was pulled has the same bytes" "$expected" "$(cat "$work/hashes")"
}

test_client() {
    local client=$1 name=$1/app store=$work/store-$1 status=0 layers large
    "ready_$client" >>"$work/log" 2>&1

    start_server "$store"
    "push_$client" v1 "$address/$name:v1" >>"$work/log" 2>&1
    check "$client: the tag is listed" '["v1"]' "$(tags "$name")"
    check "$client: the repository is listed" "[\"$name\"]" "$(get _catalog | jq -c .repositories)"
    get "$name/manifests/v1" -f >"$work/manifest"
    layers=$(jq '.layers | length' "$work/manifest")
    large=$(jq "[.layers[] | select(.size > $LARGE_LAYER_MIN)] | length" "$work/manifest")
    check "$client: the image has four layers, one of them large" '4 1' "$layers $large"

    kill_server
    start_server "$store"
    check "$client: after kill -9 the tag is listed" '["v1"]' "$(tags "$name")"
    check_blobs "$client" "$name" v1

    "push_$client" v2 "$address/$name:v2" >>"$work/log" 2>&1
    check "$client: both tags are listed" '["v1","v2"]' "$(tags "$name")"
    check_pull "$client" "$name" v2
    skopeo delete --tls-verify=false "docker://$address/$name:v2" >>"$work/log" 2>&1
    check "$client: the deleted tag is gone" '["v1"]' "$(tags "$name")"
    check_blobs "$client" "$name" v1
    kill_server

    # Again, with the server killed in the middle of the push.
    "ready_$client" >>"$work/log" 2>&1
    start_server "$store-cut"
    { trap - ERR; "push_$client" v1 "$address/$name:v1"; } >>"$work/log" 2>&1 &
    local push=$!
    until (($(du -sb "$store-cut" 2>/dev/null | cut -f 1) > 8000000)); do
        kill -0 "$push" 2>/dev/null || break
        sleep 0.01
    done
    kill_server
    wait "$push" || status=$?
    check "$client: a push to a server that dies fails" yes "$([[ $status != 0 ]] && echo yes)"
    start_server "$store-cut"
    check "$client: half a push is no repository" '"NAME_UNKNOWN"' "$(tags "$name")"
    "push_$client" v1 "$address/$name:v1" >>"$work/log" 2>&1
    check "$client: the second push is listed" '["v1"]' "$(tags "$name")"
    check_blobs "$client" "$name" v1
    check_pull "$client" "$name" v1
    kill_server

    for tool in podman buildah; do
        for dir in "$tool" fresh; do
            [[ $client != "$tool" ]] || discard_storage "$tool" "$dir"
        done
    done
    rm -rf "$store" "$store-cut"
}

[[ $# -gt 0 ]] || set -- skopeo
for client in "$@"; do
    case $client in
        skopeo | podman | buildah) install "$client" "$client" ;;
        docker) install dockerd docker.io ;;
        *)
            echo "expected skopeo, podman, buildah or docker, found $client" >&2
            exit 2
            ;;
    esac
done
for command in skopeo umoci jq curl; do install "$command" "$command"; done
find_orlop
make_image >>"$work/log" 2>&1
for client in "$@"; do test_client "$client"; done
echo "$passed passed, 0 failed"
