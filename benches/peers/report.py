#!/usr/bin/env python3
"""Tables of what run.py has measured.

    benches/peers/report.py FILE [--write]      (FILE: what run.py --keep wrote)
"""

import json
import os
import statistics
import sys

import plot
from workloads import WORKLOADS

BEGIN, END = "<!-- peers: written by benches/peers/run.py -->", "<!-- peers: end -->"
GIB = 1 << 30
# The server's clock has steps of 10 ms, so less says nothing.
CPU_MIN = 0.05


class Figures:
    """The medians of one server in one workload."""

    def __init__(self, runs, is_large):
        amount = (lambda run: run["bytes"] / 1e6) if is_large else (lambda run: run["ops"])
        self.rate = statistics.median(amount(run) / run["seconds"] for run in runs)
        self.p50 = statistics.median(run["p50"] for run in runs)
        self.p99 = statistics.median(run["p99"] for run in runs)
        # All rounds together: each by itself may be but some steps of the clock.
        cpu = sum(run["cpu"] for run in runs)
        per = sum(run["bytes"] / GIB if is_large else run["ops"] / 1e6 for run in runs)
        self.cpu = cpu / per if cpu >= CPU_MIN else None


def figures(results):
    """By workload, then by server."""
    found = {}
    for workload in WORKLOADS:
        for server in results["servers"]:
            runs = [
                run
                for run in results["runs"]
                if (run["server"], run["workload"]) == (server, workload.name)
            ]
            if runs:
                of_one = found.setdefault(workload.name, {})
                of_one[server] = Figures(runs, workload.is_large)
    return found


def peaks(results):
    """Of memory, by server, in MiB: the largest of all rounds."""
    runs = [run for run in results["runs"] if run["workload"] == "peak"]
    return {
        server: max(run["bytes"] for run in runs if run["server"] == server) / (1 << 20)
        for server in results["servers"]
    }


def tables(results):
    """In markdown: one for bytes, one for calls, one for memory."""
    found = figures(results)
    large = [workload.name for workload in WORKLOADS if workload.is_large]
    small = [workload.name for workload in WORKLOADS if not workload.is_large]
    parts = [
        table(found, large, "MB/s", "CPU s/GiB", 2),
        table(found, small, "/s", "CPU us", 0),
        memory(results),
    ]
    return "\n\n".join(part for part in parts if part)


def table(found, names, rate_unit, cpu_unit, digits):
    lines = [
        f"| | | {rate_unit} | ratio | {cpu_unit} | ratio | p50 ms | p99 ms |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name in names:
        if name not in found:
            continue
        ours, title = next(iter(found[name].values())), name
        for server, one in found[name].items():
            cells = [title, server, f"{one.rate:,.0f}", times(ours.rate, one.rate)]
            cells += ["–" if one.cpu is None else f"{one.cpu:,.{digits}f}"]
            cells += [times(ours.cpu, one.cpu), milliseconds(one.p50), milliseconds(one.p99)]
            lines.append("| " + " | ".join(cells) + " |")
            title = ""
    return "\n".join(lines) if len(lines) > 2 else ""


def memory(results):
    found = peaks(results)
    lines = ["| | peak memory, MiB |", "|---|---:|"]
    lines += [f"| {server} | {peak:.0f} |" for server, peak in found.items()]
    return "\n".join(lines)


def times(ours, other):
    """Ours in terms of another's; nothing for our own line."""
    if ours is None or other is None or ours == other:
        return ""
    return f"{ours / other:.2f}"


def milliseconds(seconds):
    value = seconds * 1e3
    return f"{value:.0f}" if value >= 100 else f"{value:.2g}"


def write(results, root):
    """Puts tables and plot where the docs have them."""
    path = os.path.join(root, "docs", "performance.md")
    with open(path, encoding="utf-8") as file:
        before, _, rest = file.read().partition(BEGIN)
    _, _, after = rest.partition(END)
    if not after:
        raise SystemExit(f"{path} has no place for the tables")
    rounds = f"Medians of {results['rounds']} rounds, on {results['place']}."
    text = f"{before}{BEGIN}\n{rounds}\n\n{tables(results)}\n{END}{after}"
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    with open(os.path.join(root, "docs", "peers.svg"), "w", encoding="utf-8") as file:
        file.write(plot.draw(figures(results), results["servers"]))


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        results = json.load(file)
    print(tables(results))
    if "--write" in sys.argv[2:]:
        write(results, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))


if __name__ == "__main__":
    main()
