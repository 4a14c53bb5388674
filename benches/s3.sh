#!/usr/bin/env bash
# Orlop beside Debian's docker-registry (CNCF Distribution), each on the same S3 server: what a push
# and a pull ask of S3, what that costs, how long a commit takes, and how much memory the server.
#
#   benches/s3.sh [ROUNDS]      (default: 5)
#
# First an image of 10 layers is pushed, pushed again and pulled by skopeo, with a proxy between
# registry and S3 that counts. Then, without it, blobs of 4 KiB to 1 GiB are pushed as POST, PATCH
# and PUT, in shuffled order, and the closing PUT is timed.
#
# Needs curl, openssl, python3, skopeo, docker-registry and 8 GB below TMPDIR, because each round
# has a SeaweedFS of its own. Builds the server unless ORLOP_BIN names one. Prints markdown tables.
# shellcheck source-path=SCRIPTDIR
source "${BASH_SOURCE%/*}/s3_common.sh"

readonly LAYERS=(10 30 100 200 400 700 1024 1536 2048 40960) # KiB
readonly SIZES=(4096 $((1 << 20)) $(((64 << 20) + REST_BYTES)) $(((1 << 30) + REST_BYTES)))
readonly SIZE_NAMES=('4 KiB' '1 MiB' '64 MiB' '1 GiB')
readonly REPEATS=(10 10 3 1) # of each size in a round

rounds=${1:-5}
blobs=0 # that were made

# start_peer S3-URL PREFIX: sets `peer_url`. Everything is as it is by default, but for redirects
# and cleaning up, of which there is none here either, and for deletes.
start_peer() {
    local port
    for _ in {1..20}; do
        port=$((20000 + RANDOM % 10000))
        cat >"$work/peer.yml" <<END
version: 0.1
log: {level: warn, accesslog: {disabled: true}}
http: {addr: "127.0.0.1:$port", relativeurls: true, secret: $key}
storage:
  s3:
    accesskey: $AWS_ACCESS_KEY_ID
    secretkey: $AWS_SECRET_ACCESS_KEY
    region: $AWS_REGION
    regionendpoint: $1
    bucket: ${ORLOP_TEST_S3#s3://}
    rootdirectory: /$2
    secure: false
    v4auth: true
  delete: {enabled: true}
  redirect: {disable: true}
  cache: {blobdescriptor: inmemory}
  maintenance: {uploadpurging: {enabled: false}}
END
        # It stops if it finds a bundle of certificates, which it does not need here.
        env -u AWS_CA_BUNDLE docker-registry serve "$work/peer.yml" >>"$work/peer.log" 2>&1 &
        children[peer]=$!
        peer_url=http://127.0.0.1:$port
        for _ in {1..100}; do
            kill -0 "${children[peer]}" 2>/dev/null || break # somebody else has the port
            curl -fs --noproxy '*' -o /dev/null "$peer_url/v2/" && return
            sleep 0.05
        done
        stop peer
    done
    return 1
}

# start_both S3-URL
start_both() {
    start_orlop "$1" orlop
    start_peer "$1" peer
    declare -gA urls=([orlop]=$orlop_url [peer]=$peer_url)
}

# Keeps in $work/memory how much each had, before they are stopped.
stop_both() {
    echo "$(peak orlop) $(peak peer)" >>"$work/memory"
    stop orlop
    stop peer
}

# --- requests -----------------------------------------------------------------------------------

# add_blob MEDIA-TYPE: keeps stdin in the layout; prints its descriptor
add_blob() {
    local digest
    cat >"$work/blob"
    digest=$(sha256 <"$work/blob")
    printf '{"mediaType":"%s","digest":"%s","size":%d}' "$1" "$digest" "$(stat -c %s "$work/blob")"
    mv "$work/blob" "$work/layout/blobs/sha256/${digest#sha256:}"
}

# Makes the OCI layout $work/layout with an image of LAYERS.
make_image() {
    local type=application/vnd.oci.image diff_ids=() layers=() config manifest i
    mkdir -p "$work/layout/blobs/sha256"
    for i in "${!LAYERS[@]}"; do
        generate "1$i" $((LAYERS[i] << 10)) >"$work/layer"
        diff_ids+=("\"$(sha256 <"$work/layer")\"")
        # Clients compress what is not compressed.
        layers+=("$(gzip -1n <"$work/layer" | add_blob $type.layer.v1.tar+gzip)")
    done
    config=$(add_blob $type.config.v1+json <<END
{"architecture":"amd64","os":"linux",
"rootfs":{"type":"layers","diff_ids":[$(IFS=, && echo "${diff_ids[*]}")]}}
END
    )
    manifest=$(add_blob $type.manifest.v1+json <<END
{"schemaVersion":2,"mediaType":"$type.manifest.v1+json",
"config":$config,"layers":[$(IFS=, && echo "${layers[*]}")]}
END
    )
    echo "{\"schemaVersion\":2,\"manifests\":[$manifest]}" >"$work/layout/index.json"
    echo '{"imageLayoutVersion":"1.0.0"}' >"$work/layout/oci-layout"
}

# copy ARGUMENT...: by skopeo
copy() { skopeo --insecure-policy copy --quiet "$@" >>"$work/skopeo.log" 2>&1; }

push() {
    copy --dest-tls-verify=false "oci:$work/layout" "docker://${urls[$1]#http://}/team/app:v1"
}

pull() {
    copy --src-tls-verify=false "docker://${urls[$1]#http://}/team/app:v1" "oci:$work/pulled"
    diff -r "$work/layout/blobs" "$work/pulled/blobs"
    rm -rf "$work/pulled"
}

# count WHAT SERVER ACT: keeps in $work/WHAT-SERVER the requests that ACT has made
count() {
    local from
    from=$(wc -l <"$work/requests")
    "$3" "$2"
    sleep 1 # for what comes after the answer to the client
    tail -n "+$((from + 1))" "$work/requests" >"$work/$1-$2"
}

count_requests() {
    local server step columns=() name
    make_image
    start_s3
    start_proxy
    start_both "$proxy_url"
    for server in orlop peer; do
        count push $server push
        count again $server push
        count pull $server pull
    done
    stop_both
    start_both "$proxy_url"
    for server in orlop peer; do count fresh $server pull; done
    stop_both
    stop proxy
    stop_s3
    for step in 'push|push' 'again|push again' 'pull|pull' 'fresh|pull, server just started'; do
        name=${step#*|} step=$work/${step%|*}
        columns+=("$name: orlop=$step-orlop" "docker-registry=$step-peer")
    done
    python3 benches/s3_requests.py "${columns[@]}"
}

# --- times --------------------------------------------------------------------------------------

# measure SERVER DIGEST FILE: pushes $work/blob, and adds to FILE the seconds of its commit and of
# the whole push
measure() {
    local whole
    send POST "${urls[$1]}/v2/bench/blobs/uploads/" -H 'Content-Length: 0'
    whole=$seconds
    send PATCH "$location" -T "$work/blob"
    whole+=" $seconds"
    send_end "$location" "$2"
    awk '{ print $1, $1 + $2 + $3 }' <<<"$seconds $whole" >>"$3"
}

# Measures all sizes, on servers that have had a blob to get ready.
round() {
    local i n digest server turns=()
    for i in "${!SIZES[@]}"; do
        for ((n = 0; n < REPEATS[i]; n++)); do turns+=("$i"); done
    done
    start_s3
    start_both "$s3_url"
    for i in warm $(shuf -e "${turns[@]}"); do
        blobs=$((blobs + 1))
        generate "$blobs" "${SIZES[${i/warm/0}]}" >"$work/blob"
        digest=$(sha256 <"$work/blob")
        for server in $(shuf -e orlop peer); do measure "$server" "$digest" "$work/$server-$i"; done
    done
    stop_both
    stop_s3
}

# read_cell FILE COLUMN: sets `value` to the median, and `cell` to it with the extremes
read_cell() {
    local least most
    read -r value least most < <(median "$1" "$2")
    cell=$(awk -v value="$value" -v least="$least" -v most="$most" \
        'BEGIN { printf "%.0f (%.0f to %.0f) ms", value * 1000, least * 1000, most * 1000 }')
}

measure_times() {
    local number i column row value cell orlop_value
    for ((number = 1; number <= rounds; number++)); do round; done
    echo "| blob | commit: orlop | docker-registry | ratio" \
        "| whole push: orlop | docker-registry | ratio |"
    echo '|---|---:|---:|---:|---:|---:|---:|'
    for i in "${!SIZES[@]}"; do
        row="| ${SIZE_NAMES[i]} |"
        for column in 1 2; do
            read_cell "$work/orlop-$i" "$column"
            row+=" $cell |"
            orlop_value=$value
            read_cell "$work/peer-$i" "$column"
            row+=" $cell | $(awk "BEGIN { printf \"%.1f\", $value / $orlop_value }") |"
        done
        echo "$row"
    done
}

need curl openssl python3 skopeo docker-registry
build_orlop
count_requests
echo
measure_times
echo
echo '| | orlop | docker-registry |'
echo '|---|---:|---:|'
read -r _ _ orlop_memory < <(median "$work/memory" 1)
read -r _ _ peer_memory < <(median "$work/memory" 2)
echo "| peak memory | $orlop_memory MiB | $peer_memory MiB |"
# Whatever went wrong on the way.
cat "$work/orlop.log" >&2
grep -E 'http.response.status=5|level=(fatal|panic)|^panic' "$work/peer.log" >&2 || true
