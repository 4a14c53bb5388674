#!/usr/bin/env bash
# Real clients, and two servers on one bucket: each connection goes to the one or the other. Push,
# pull, compare; with kill -9 for one or both in the middle of a push; with redirects to the bucket.
#
#   tests/s3_clients.sh [skopeo|podman]...      (default: skopeo)
#
# Uses the bucket that ORLOP_TEST_S3 and AWS_* name, or else starts SeaweedFS (see servers/).
# Installs from Debian what is missing. Builds the server unless ORLOP_BIN names one. Works in a
# temporary directory (below TMPDIR), which needs about 1 GB.
set -eEuo pipefail
export LC_ALL=C # one order for every sort
cd "$(dirname "$0")/.."

readonly LARGE_LAYER=120000000 # bytes, which do not compress

exec 3>&1 4>&2
passed=0
proxy='' proxied='' push='' S3_PID=''
declare -A servers=() addresses=() # of a and b
work=$(mktemp -d "${TMPDIR:-/tmp}/orlop.XXXXXX")
: >"$work/log" # of everything that clients and the proxy say; a.log and b.log are the servers'

finish() {
    local status=$?
    trap - EXIT ERR
    exec >&3 2>&4 # it may be called with the log in their place
    if [[ $status != 0 ]]; then
        tail -n 20 "$work"/*log "$work"/s3/*.log >&2 2>/dev/null || true
        echo "$passed passed, 1 failed"
    fi
    for child in $push $proxy "${servers[@]}" $S3_PID; do
        kill -9 "$child" || true
        wait "$child" || true
    done 2>/dev/null
    rm -rf "$work" || { sleep 1 && rm -rf "$work"; } # the last one may have been writing still
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM
trap 'echo "FAILED tests/s3_clients.sh:$LINENO: expected success of: $BASH_COMMAND" >&2' ERR

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

# --- the servers --------------------------------------------------------------------------------

# start_server a|b STORE [ARGUMENT...]: where that one has listened before, or else anywhere
start_server() {
    RUST_LOG=info serve "$work/$1.log" "${addresses[$1]:-127.0.0.1:0}" "${@:2}"
    servers[$1]=$pid
    addresses[$1]=$address
}

kill_server() {
    kill -9 "${servers[$1]}"
    wait "${servers[$1]}" 2>/dev/null || true
    unset "servers[$1]"
}

# Knows nothing of HTTP, and of its servers only whether they take a connection. Sets `proxied` to
# where it listens.
start_proxy() {
    for _ in {1..20}; do
        proxied=127.0.0.1:$((10000 + RANDOM % 20000))
        cat >"$work/proxy.cfg" <<EOF
global
    maxconn 200
defaults
    mode tcp
    balance roundrobin
    option redispatch 1
    timeout connect 5s
    timeout client 5m
    timeout server 5m
listen orlop
    bind $proxied
    server a ${addresses[a]}
    server b ${addresses[b]}
EOF
        haproxy -db -f "$work/proxy.cfg" >>"$work/log" 2>&1 &
        proxy=$!
        for _ in {1..100}; do
            kill -0 "$proxy" 2>/dev/null || continue 2 # somebody else has the port
            (: <"/dev/tcp/${proxied/:/\/}") 2>/dev/null && return
            sleep 0.05
        done
    done
    return 1
}

# start_all STORE [ARGUMENT...]: two fresh servers of it, with the proxy before them
start_all() {
    rm -f "$work"/[ab].log
    addresses=()
    start_server a "$@"
    start_server b "$@"
    start_proxy
}

stop_all() {
    kill -9 "$proxy"
    wait "$proxy" 2>/dev/null || true
    proxy=''
    kill_server a
    kill_server b
}

# answered SERVERS PATTERN: how many such requests these servers have answered
answered() {
    # shellcheck disable=SC2086 # they are a pattern, too
    cat "$work"/$1.log | grep -c "answered.*$2" || true
}

# uploads a|b: how the ids of uploads begin for which the server has answered a request: where a POST
# has led, and where the first bytes have led from there, they begin alike
uploads() {
    sed -n 's|.*/blobs/uploads/\([a-z2-7]\{12\}\).*|\1|p' "$work/$1.log" | sort -u
}

# --- the image ----------------------------------------------------------------------------------

# Makes the OCI layout $work/layout with the image v1.
make_image() {
    local options=(--history.created 2026-01-01T00:00:00Z) layers=0
    [[ $EUID == 0 ]] || options+=(--rootless)
    umoci init --layout "$work/layout"
    umoci new --image "$work/layout:v1"
    for size in 1000 70000 6000000 20000000 $LARGE_LAYER; do
        layers=$((layers + 1))
        head -c "$size" /dev/urandom >"$work/file"
        umoci insert "${options[@]}" --image "$work/layout:v1" "$work/file" "/layer-$layers"
    done
    rm "$work/file"
}

# --- the clients --------------------------------------------------------------------------------
# ready_X     makes the image known to client X
# push_X REF  pushes the image as REF, and writes the manifest's digest to $work/pushed
# pull_X REF  pulls REF into a fresh place; writes the manifest's digest to $work/pulled, and the
#             hash of each blob (skopeo) or unpacked layer (podman) to $work/hashes

ready_skopeo() { :; }

push_skopeo() {
    skopeo --insecure-policy copy --quiet --dest-tls-verify=false --digestfile "$work/pushed" \
        "oci:$work/layout:v1" "docker://$1"
}

pull_skopeo() {
    rm -rf "$work/fresh"
    skopeo --insecure-policy copy --quiet --src-tls-verify=false "docker://$1" "oci:$work/fresh:it"
    jq -r '.manifests[0].digest' "$work/fresh/index.json" >"$work/pulled"
    sha256 "$work"/fresh/blobs/sha256/* >"$work/hashes"
}

# store DIR ARGUMENT...: podman with all that it keeps in DIR
store() {
    podman --root "$work/$1/root" --runroot "$work/$1/run" --storage-driver vfs "${@:2}"
}

ready_podman() (
    cd "$work" # takes the path for a name, which must be in lower case
    store podman pull --quiet oci:layout:v1 | tail -n 1 >podman-image
)

push_podman() {
    store podman push --quiet --tls-verify=false --digestfile "$work/pushed" \
        "$(cat "$work/podman-image")" "docker://$1"
}

pull_podman() {
    if [[ -d $work/fresh-podman ]]; then store fresh-podman rmi --all --force; fi
    store fresh-podman pull --quiet --tls-verify=false "docker://$1"
    store fresh-podman image inspect --format '{{.Digest}}' "$1" >"$work/pulled"
    store fresh-podman save --quiet --format docker-archive -o "$work/archive.tar" "$1"
    tar -xOf "$work/archive.tar" manifest.json | jq -r '.[0].Layers[]' | while read -r layer; do
        tar -xOf "$work/archive.tar" "$layer" | sha256
    done >"$work/hashes"
    rm "$work/archive.tar"
}

# --- the test -----------------------------------------------------------------------------------

# get ADDRESS PATH [CURL ARGUMENT...]
get() {
    curl -sS --noproxy '*' -H 'Accept: application/vnd.oci.image.manifest.v1+json' \
        "http://$1/v2/$2" "${@:3}"
}

# check_image CLIENT NAME: what was pushed last as NAME:v1 is in both servers, and can be pulled
check_image() {
    local server digest expected pushed
    pushed=$(cat "$work/pushed")
    for server in a b; do
        check "$1: server $server lists the tag" '["v1"]' \
            "$(get "${addresses[$server]}" "$2/tags/list" | jq -c '.tags // .errors[0].code')"
        check "$1: server $server has the manifest that was pushed" "$pushed" \
            "$(get "${addresses[$server]}" "$2/manifests/v1" -f | tee "$work/manifest" | sha256)"
    done
    for digest in $(jq -r '.config.digest, .layers[].digest' "$work/manifest"); do
        check "$1: a blob is what its digest says" "$digest" \
            "$(get "$proxied" "$2/blobs/$digest" -fL | sha256)"
    done
    "pull_$1" "$proxied/$2:v1" >>"$work/log" 2>&1
    check "$1: the pulled manifest is the pushed one" "$pushed" "$(cat "$work/pulled")"
    if [[ $1 == skopeo ]]; then
        expected=$(jq -r '.config.digest, .layers[].digest' "$work/manifest")
        expected=$(sort -u <<<"$expected"$'\n'"$pushed")
    else
        expected=$(get "$proxied" "$2/blobs/$(jq -r .config.digest "$work/manifest")" -fL |
            jq -r '.rootfs.diff_ids[]')
    fi
    check "$1: what was pulled has the same bytes" "$expected" "$(cat "$work/hashes")"
}

test_push() {
    local client=$1 name=$1/app server
    start_all "$bucket/$client"
    "push_$client" "$proxied/$name:v1" >>"$work/log" 2>&1
    for server in a b; do
        check "$client: server $server had a part in the push" yes \
            "$( (($(answered "$server" 'method=P.* status=20') > 0)) && echo yes)"
    done
    check "$client: an upload went from one server to the other" yes \
        "$([[ $(comm -12 <(uploads a) <(uploads b)) ]] && echo yes)"
    check_image "$client" "$name"
    stop_all
}

# test_kill CLIENT a|b...: with these servers killed in the middle, and started again
test_kill() {
    local client=$1 name=$1/app store=$bucket/$1-kill-$# status=0 server
    start_all "$store"
    { trap - ERR; "push_$client" "$proxied/$name:v1"; } >>"$work/log" 2>&1 &
    push=$!
    until (($(answered '[ab]' method=PATCH) >= 2)); do
        kill -0 "$push"
        sleep 0.01
    done
    for server in "${@:2}"; do kill_server "$server"; done
    check "$client: ${*:2} died in the middle of the push" 0 \
        "$(answered '[ab]' 'method=PUT.*/manifests/')"
    for server in "${@:2}"; do start_server "$server" "$store"; done
    wait "$push" || status=$?
    push=''
    if [[ $status != 0 ]]; then
        echo "       $client: the push failed, as it may, and is repeated"
        "push_$client" "$proxied/$name:v1" >>"$work/log" 2>&1
    fi
    check_image "$client" "$name"
    stop_all
}

test_redirect() {
    local client=$1 name=$1/app digest location
    start_all "$bucket/$client-redirect" --redirect 5m
    "push_$client" "$proxied/$name:v1" >>"$work/log" 2>&1
    digest=$(get "$proxied" "$name/manifests/v1" -f | jq -r '.layers[-1].digest')
    check "$client: a blob is redirected" 307 \
        "$(get "$proxied" "$name/blobs/$digest" -o /dev/null -D "$work/head" -w '%{http_code}')"
    location=$(tr -d '\r' <"$work/head" | sed -n 's/^location: //ip')
    check "$client: the redirect leads to the bucket" "${AWS_ENDPOINT_URL%/}/" \
        "$(grep -o '^[a-z]*://[^/]*/' <<<"$location")"
    check "$client: the redirect leads to the bytes" "$digest" \
        "$(curl -sSf --noproxy '*' "$location" | sha256)"
    check_image "$client" "$name"
    stop_all
}

[[ $# -gt 0 ]] || set -- skopeo
for client in "$@"; do
    case $client in
        skopeo | podman) install "$client" "$client" ;;
        *)
            echo "expected skopeo or podman, found $client" >&2
            exit 2
            ;;
    esac
done
for command in skopeo umoci jq curl haproxy; do install "$command" "$command"; done
find_orlop
if [[ ! ${ORLOP_TEST_S3:-} ]]; then eval "$(tests/servers/seaweedfs.sh "$work/s3")"; fi
bucket=${ORLOP_TEST_S3%/}/${work##*.} # a fresh place in it
make_image >>"$work/log" 2>&1
for client in "$@"; do
    "ready_$client" >>"$work/log" 2>&1
    test_push "$client"
    test_kill "$client" b
    test_kill "$client" a b
    test_redirect "$client"
    if [[ $client == podman ]]; then
        for dir in podman fresh-podman; do store "$dir" rmi --all --force; done >>"$work/log" 2>&1
    fi
done
echo "$passed passed, 0 failed"
