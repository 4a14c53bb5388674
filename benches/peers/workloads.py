"""What the servers are asked to do."""

KIB, MIB = 1 << 10, 1 << 20
SECONDS = 1.0


class Workload:
    """Some connections that do one thing: `times` times each, or for some time if that is None."""

    def __init__(self, name, act, connections=1, size=0, chunk=0, times=None):
        self.name, self.act, self.connections = name, act, connections
        self.size, self.chunk, self.times = size, chunk, times

    @property
    def is_large(self):
        """Whether it is about bytes, not about calls."""
        return self.size >= MIB

    def arguments(self, quick):
        """For the load."""
        size = self.size // 8 if quick and self.is_large else self.size
        until = str(self.times) if self.times else f"{SECONDS / 8 if quick else SECONDS}s"
        return [self.act, str(size), str(self.chunk), str(self.connections), until]


def large(name, act, connections, size, times, chunk=0):
    return Workload(name, act, connections, size * MIB, chunk * MIB, times)


WORKLOADS = [
    large("push 256 MiB", "push", 1, 256, 1),
    large("push 256 MiB, PATCHes of 8 MiB", "chunks", 1, 256, 1, 8),
    large("push 256 MiB, PATCHes of 1 MiB", "chunks", 1, 256, 1, 1),
    large("push 64 MiB, 8 at once", "push", 8, 64, 1),
    large("pull 256 MiB", "pull", 1, 256, 4),
    large("pull 256 MiB, 8 at once", "pull", 8, 256, 1),
    Workload("push 4 KiB", "push", 1, 4 * KIB),
    Workload("push 4 KiB, 8 at once", "push", 8, 4 * KIB),
    Workload("pull 4 KiB", "pull", 1, 4 * KIB),
    Workload("pull 4 KiB, 8 at once", "pull", 8, 4 * KIB),
    Workload("HEAD of a blob", "head", 1),
    Workload("HEAD of a blob, 8 at once", "head", 8),
    Workload("GET /v2/", "ping", 1),
    Workload("GET /v2/, 8 at once", "ping", 8),
    Workload("push a manifest, 8 at once", "push-manifest", 8),
    Workload("pull a manifest, 8 at once", "pull-manifest", 8),
]
