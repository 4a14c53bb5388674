#!/usr/bin/env python3
"""Whole registries side by side over HTTP: Orlop, Debian's docker-registry, and others.

    benches/peers/run.py [--quick] [--rounds N] [--only REGEX] [--peer NAME=COMMAND]...
                         [--dir PATH] [--keep FILE] [--write]

Builds the server and the load unless ORLOP_BIN and LOAD_BIN name them. DISTRIBUTION=PATH adds a
`registry` of CNCF Distribution, ANGOS=PATH an `angos`; `--peer 'zot=zot serve /etc/zot.json'` any
other, in whose command {dir} and {port} are filled in. Prints a table; `--write` puts it into
docs/performance.md, and a plot into docs/peers.svg. `--keep` writes down every figure of every
round, and `report.py` makes a table of them later.

In each round each server does everything once, in an order that is shuffled anew, with an empty
file system: a loop device if this is root, else a directory (`--dir` says where). The first round
does not count. `--quick` takes some seconds and shows whether it works, no more.

Where Linux is told to use BBR, it holds back what is sent over loopback, with timers that take a
third of the processor time of a pull. `sysctl net.ipv4.tcp_congestion_control=cubic` is its default.
"""

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import time

import report
import servers
import volume
from workloads import WORKLOADS

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
VOLUME_BYTES = 8 << 30


def main():
    arguments = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was begun is ended
    orlop, load = build()
    contestants = servers.contestants(orlop, arguments.peer)
    workloads = [one for one in WORKLOADS if re.search(arguments.only, one.name)]
    if arguments.dir or os.geteuid() != 0:
        place = volume.Directory(arguments.dir)
    else:
        place = volume.Loop(VOLUME_BYTES)
    results = {
        "place": f"{place.description}, TCP with {congestion_control()}",
        "rounds": 0,
        "servers": [server.name for server in contestants],
        "workloads": [workload.name for workload in workloads],
        "runs": [],
    }
    try:
        for number in range(arguments.rounds + (not arguments.quick)):
            for server in random.sample(contestants, len(contestants)):
                begin = time.monotonic()
                runs = measure(server, place, load, workloads, arguments.quick)
                if number > 0 or arguments.quick:
                    results["runs"] += runs
                say(f"round {number}: {server.name}, {time.monotonic() - begin:.0f} s")
            results["rounds"] = number + arguments.quick
            if arguments.keep:
                with open(arguments.keep, "w") as file:
                    json.dump(results, file, indent=1)
    finally:
        for server in contestants:
            server.stop()
        place.close()
    print(report.tables(results))
    if arguments.write:
        report.write(results, ROOT)


def measure(server, place, load, workloads, quick):
    """One server, everything once, on an empty file system."""
    runs = []
    server.start(place.fresh())
    try:
        for workload in workloads:
            command = [load, f"127.0.0.1:{server.port}", str(server.pid)]
            run = subprocess.run(
                [*command, *workload.arguments(quick)], capture_output=True, text=True
            )
            if run.returncode:
                raise SystemExit(f"{server.name}, {workload.name}: {run.stderr}")
            runs.append({"server": server.name, "workload": workload.name, **json.loads(run.stdout)})
        runs.append({"server": server.name, "workload": "peak", "bytes": server.peak()})
    finally:
        server.stop()
    return runs


def build():
    """The server and the load, from this tree unless they are given."""
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target"))
    binaries = []
    for variable, package, kind, name, path in [
        ("ORLOP_BIN", "orlop-registry", "--bin", "orlop", "release/orlop"),
        ("LOAD_BIN", "orlop-benches", "--example", "load", "release/examples/load"),
    ]:
        binary = os.environ.get(variable)
        if not binary:
            cargo = ["cargo", "build", "--quiet", "--release", "-p", package, kind, name]
            subprocess.run(cargo, cwd=ROOT, check=True)
            binary = os.path.join(target, path)
        binaries.append(binary)
    return binaries


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--only", default="", metavar="REGEX")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=COMMAND")
    parser.add_argument("--dir", metavar="PATH")
    parser.add_argument("--keep", metavar="FILE")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    if arguments.quick and arguments.write:
        parser.error("--quick measures nothing that is worth to be written down")
    arguments.rounds = arguments.rounds or (1 if arguments.quick else 7)
    return arguments


def congestion_control():
    try:
        with open("/proc/sys/net/ipv4/tcp_congestion_control") as file:
            return file.read().strip()
    except OSError:
        return "whatever the system has"


def say(text):
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
