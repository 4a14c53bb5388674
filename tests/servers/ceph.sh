#!/usr/bin/env bash
# Starts Ceph from Debian: a monitor, one OSD and the S3 gateway, with the data in DIR over restarts
# and kill -9. Its process is one that has these three as children. See common.sh.
# shellcheck source-path=SCRIPTDIR
source "${BASH_SOURCE%/*}/common.sh"

install ceph-mon ceph-mon
install ceph-osd ceph-osd
install radosgw radosgw
install ceph-common ceph

# Of the monitor's address nothing can be changed once there is data.
choose_port 0 1
id=$(cat "$dir/id" 2>/dev/null || tee "$dir/id" </proc/sys/kernel/random/uuid)
monitor=v2:127.0.0.1:$((port + 1))
cat >"$dir/ceph.conf" <<EOF
[global]
fsid = $id
mon host = [$monitor]
mon data = $dir/mon
osd data = $dir/osd
rgw data = $dir
run dir = $dir
log file = $dir/\$name.log
mon cluster log to file = false
admin socket =
rgw frontends = beast endpoint=127.0.0.1:$port

# Only on loopback, and without keys: then its clients must not ask for encryption.
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
ms mon client mode = crc

# One OSD has everything, in a sparse file, on a disk that may be quite full.
bluestore block size = 20G
osd memory target = 1G
osd pool default size = 1
osd pool default pg num = 4
osd pool default pg autoscale mode = off
mon allow pool size one = true
mon data avail crit = 1

# For a quick start. Pools are made one by one, and each step of that would wait a second for others
# to join it; who has asked an OSD that was restarted would look for it again after ten.
paxos propose interval = 0.05
objecter tick interval = 0.5
objecter timeout = 1
EOF

run_ceph() {
    set -euo pipefail
    child() { setpriv --pdeathsig KILL "$@" & } # none survives its parent, however that ends
    local first=''
    [[ -e made ]] || first=yes
    if [[ $first ]]; then
        rm -rf mon osd # of a first start that was stopped in the middle
        mkdir mon osd
        monmaptool --create --clobber --fsid "$id" --addv a "[$monitor]" monmap
        ceph-mon --mkfs -i a --monmap monmap
    fi
    child ceph-mon -f -i a
    if [[ $first ]]; then
        ceph osd new "$id"
        ceph-osd -i 0 --mkfs --osd-uuid "$id"
    fi
    child ceph-osd -f -i 0
    if [[ $first ]]; then
        radosgw-admin user create --uid test --display-name test \
            --access-key "$KEY" --secret "$SECRET" >/dev/null
        touch made
    fi
    child radosgw -f -n client.rgw
    wait -n # none of them can do without the others
}
export -f run_ceph
export CEPH_CONF=$dir/ceph.conf KEY SECRET id monitor
start bash -c run_ceph
announce
