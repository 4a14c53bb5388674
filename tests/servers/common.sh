# shellcheck shell=bash
# What the scripts of the S3 servers share. Each of them is used as
#
#   eval "$(tests/servers/NAME.sh DIR [PORT] [BUCKET])"
#
# which installs the server where it is missing, starts it on loopback with its data and its logs
# in DIR, and waits until BUCKET takes an object. It prints `export` lines: what clients of S3 read
# (AWS_ENDPOINT_URL and so on), ORLOP_TEST_S3=s3://BUCKET, and S3_PID: `kill "$S3_PID"`, with or
# without -9, stops the server. Without PORT it is the one that DIR had last, or else any that is
# free. If the server does not start, it says so on stderr and prints `false`, for the `eval`.
#
# Programs are kept in ~/.cache/orlop-tests (or XDG_CACHE_HOME), for the next time.
set -euo pipefail

readonly KEY=testkey SECRET=testsecret REGION=us-east-1

if [[ $# -lt 1 || $# -gt 3 ]]; then
    echo "usage: $0 DIR [PORT] [BUCKET]" >&2
    exit 2
fi
exec 3>&1 1>&2 # the caller evaluates what is written to stdout
mkdir -p "$1"
dir=$(cd "$1" && pwd)
port=${2:-$(cat "$dir/port" 2>/dev/null || true)}
bucket=${3:-orlop-test}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/orlop-tests
pid=''

finish() {
    local status=$?
    trap - EXIT
    if [[ $status != 0 ]]; then
        if [[ $pid ]]; then kill -9 "$pid" || true; fi 2>/dev/null
        tail -n 20 "$dir"/install.log "$dir"/server.log 2>/dev/null || true
        echo "FAILED $0: expected a server that takes objects; its logs are in $dir"
        echo false >&3
    fi
    exit "$status"
}
trap finish EXIT

# install PACKAGE COMMAND...: from Debian, unless `COMMAND... --version` works
install() {
    "${@:2}" --version >/dev/null && return
    local sudo=''
    [[ $EUID == 0 ]] || sudo=sudo
    [[ ${updated:-} ]] || $sudo apt-get update -qq
    updated=yes
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$1"
} >>"$dir/install.log" 2>&1

# python_packages NAME LINE...: installs what these lines for pip require, and sets `packages` to
# the folder that has it
python_packages() {
    install python3 python3
    packages=$cache/$1
    [[ ! -d $packages ]] || return 0
    install python3-pip python3 -m pip
    # Under another name until it is complete, for it may be stopped in the middle.
    mkdir -p "$cache"
    local fresh
    fresh=$(mktemp -d "$packages.XXXXXX")
    printf '%s\n' "${@:2}" >"$fresh/requirements.txt"
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore \
        --target "$fresh" --requirement "$fresh/requirements.txt" >>"$dir/install.log" 2>&1 ||
        { rm -rf "$fresh" && exit 1; }
    # If someone else was faster, theirs is as good.
    mv -T "$fresh" "$packages" 2>/dev/null || rm -rf "$fresh"
}

is_free() {
    ! (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# choose_port OFFSET...: makes sure of `port`, where each of port+OFFSET must be free
choose_port() {
    local offset
    if [[ $port ]]; then
        # The server that had it may be just about to stop.
        for _ in {1..100}; do
            is_free "$port" && break
            sleep 0.1
        done
        is_free "$port" || { echo "port $port is taken" && exit 1; }
    else
        for _ in {1..100}; do
            # Below those that the system gives away, with room for offsets of 10000.
            port=$((10000 + RANDOM % 10000))
            for offset in "$@"; do is_free $((port + offset)) || continue 2; done
            break
        done
    fi
    echo "$port" >"$dir/port"
}

# start COMMAND...: in the background, and in $dir; sets `pid`
start() {
    cd "$dir"
    setsid "$@" </dev/null >server.log 2>&1 3>&- &
    pid=$!
}

# request METHOD PATH [CURL ARGUMENT...]
request() {
    # curl does not send the header itself, and some servers want it.
    curl -sf -o /dev/null --noproxy '*' --max-time 30 -X "$1" "http://127.0.0.1:$port/$2" \
        --aws-sigv4 "aws:amz:$REGION:s3" --user "$KEY:$SECRET" \
        -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' "${@:3}"
}

# announce: waits for the server, and prints how it is reached
announce() {
    local until=$((SECONDS + 120))
    while ((SECONDS < until)); do
        kill -0 "$pid" || exit 1
        if request PUT "$bucket/.ready" --data-binary ready; then
            request DELETE "$bucket/.ready"
            cat >&3 <<EOF
export S3_PID=$pid
export AWS_ENDPOINT_URL=http://127.0.0.1:$port
export AWS_ACCESS_KEY_ID=$KEY
export AWS_SECRET_ACCESS_KEY=$SECRET
export AWS_REGION=$REGION
export AWS_ALLOW_HTTP=true
export ORLOP_TEST_S3=s3://$bucket
EOF
            return
        fi
        request PUT "$bucket" || sleep 0.1
    done
    exit 1
}
