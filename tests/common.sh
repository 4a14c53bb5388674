# shellcheck shell=bash
# What the scripts share that drive real clients. Whoever sources it has set `work`, a directory
# with a file `log`.
# shellcheck disable=SC2154,SC2119,SC2120

# install COMMAND [PACKAGE]: from Debian, where it is missing
install() {
    command -v "$1" >/dev/null && return
    local sudo=''
    [[ $EUID == 0 ]] || sudo=sudo
    [[ ${updated:-} ]] || $sudo apt-get update -qq
    updated=yes
    $sudo env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${2:-$1}" >>"$work/log" 2>&1
}

# Sets `orlop` to the server's program, which is built unless ORLOP_BIN names one.
find_orlop() {
    if [[ ${ORLOP_BIN:-} ]]; then
        orlop=$ORLOP_BIN
    else
        cargo build --release --bin orlop
        orlop=${CARGO_TARGET_DIR:-target}/release/orlop
    fi
}

# serve LOG LISTEN STORE [ARGUMENT...]: sets `pid` to the process of a server that is ready, and
# `address` to where it listens
serve() {
    local ready
    ready=$(mktemp "$work/ready.XXXXXX")
    "$orlop" serve --listen "$2" --store "$3" "${@:4}" >"$ready" 2>>"$1" &
    pid=$!
    for _ in {1..600}; do
        address=$(sed -n 's|^orlop listens on http://\([^ ]*\) .*|\1|p' "$ready")
        if [[ $address ]]; then return; fi
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.05
    done
    echo "FAILED expected a server with a ready line, found: $(cat "$ready")" >&2
    return 1
}

sha256() {
    sha256sum "$@" | sed 's/ .*//; s/^/sha256:/'
}

# make_images COUNT: makes the OCI layout $work/layout with the images v1 to vCOUNT: each has one of
# two bases, and a layer of its own
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
    for ((image = 1; image <= $1; image++)); do
        layer "base$((image % 2 + 1))" "v$image" $((image * 50000))
    done
}

# push_image IMAGE REFERENCE NAME: pushes one of these images with skopeo, and prints its digest
push_image() {
    skopeo --insecure-policy copy --quiet --dest-tls-verify=false --digestfile "$work/$3.digest" \
        "oci:$work/layout:$1" "docker://$2" >&2 && cat "$work/$3.digest"
}

# pull_image REFERENCE DIGEST DIR: pulls with skopeo, and hashes all that came
pull_image() {
    local file found
    rm -rf "$3"
    skopeo --insecure-policy copy --quiet --src-tls-verify=false "docker://$1" "dir:$3" || return 2
    found=$(sha256 <"$3/manifest.json")
    [[ $found == "$2" ]] || { echo "FAILED $1: expected $2, pulled $found" >&2 && return 1; }
    for file in $(jq -r '.config.digest, .layers[].digest' "$3/manifest.json"); do
        sha256sum --check --quiet <<<"${file#sha256:}  $3/${file#sha256:}" || return 1
    done
}
