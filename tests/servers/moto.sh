#!/usr/bin/env bash
# Starts moto, which keeps its data in memory and believes every signature. See common.sh.
# shellcheck source-path=SCRIPTDIR
source "${BASH_SOURCE%/*}/common.sh"

install python3 python3
# Some of them are compiled for one version of Python.
python_packages "moto-5.2.5-$(python3 --version | tr ' ' -)" \
    'moto[s3]==5.2.5' boto3==1.44.5 botocore==1.44.5 \
    flask==3.1.3 flask-cors==6.0.5 werkzeug==3.1.9
choose_port 0
start env PYTHONPATH="$packages" python3 -m moto.server -H 127.0.0.1 -p "$port"
announce
