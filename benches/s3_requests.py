#!/usr/bin/env python3
"""A markdown table of what s3_proxy.py has written down, with what it costs.

    s3_requests.py NAME=LOG...      (a column for each)

Prices are those of S3 in us-east-1. What cannot be found, and what is refused on a condition, is
paid for like the rest; deleting is free.
"""

import sys
from collections import Counter

WRITES = [
    "PutObject",
    "CopyObject",
    "CreateMultipartUpload",
    "UploadPart",
    "UploadPartCopy",
    "CompleteMultipartUpload",
    "List",
]
READS = ["GetObject", "HeadObject"]
FREE = ["DeleteObject", "DeleteObjects", "AbortMultipartUpload"]
WRITE_PRICE, READ_PRICE = 5.00, 0.40  # dollars per million
EXPECTED = {"200", "204", "206", "404", "412"}


class Step:
    def __init__(self, argument):
        self.name, path = argument.split("=", 1)
        with open(path, encoding="latin-1") as log:
            lines = [line.rstrip("\n").split("\t") for line in log]
        self.kinds = Counter(line[0] for line in lines)
        self.absent = sum(line[1] == "404" for line in lines)
        self.failed = sum(line[1] not in EXPECTED for line in lines)
        self.sent = sum(int(line[2]) for line in lines) / (1 << 20)
        self.received = sum(int(line[3]) for line in lines) / (1 << 20)
        self.unknown = self.kinds.keys() - {*WRITES, *READS, *FREE}

    def of(self, kinds):
        return sum(self.kinds[kind] for kind in kinds)

    def dollars(self):
        return WRITE_PRICE * self.of(WRITES) + READ_PRICE * self.of(READS)


def row(name, cells):
    print(f"| {name} |", " | ".join(cells), "|")


def main(steps):
    row("requests to S3", [step.name for step in steps])
    print("|---|" + "---:|" * len(steps))
    for kind in WRITES + READS + FREE + sorted(set().union(*(step.unknown for step in steps))):
        if any(step.kinds[kind] for step in steps):
            row(f"`{kind}`", [str(step.kinds[kind]) for step in steps])
    row("all", [str(step.kinds.total()) for step in steps])
    row("of these, for what is not there", [str(step.absent) for step in steps])
    if any(step.failed for step in steps):
        row("of these, failed", [str(step.failed) for step in steps])
    row("MiB sent to S3", [f"{step.sent:.1f}" for step in steps])
    row("MiB read from S3", [f"{step.received:.1f}" for step in steps])
    row("dollars for a million of these", [f"{step.dollars():,.0f}" for step in steps])


main([Step(argument) for argument in sys.argv[1:]])
