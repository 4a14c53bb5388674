"""Where the servers keep their data: a file system of their own, made anew for each."""

import os
import shutil
import subprocess
import tempfile
import time

ATTEMPTS = 20
PIECE_BYTES = 64 << 20


class Loop:
    """An ext4 with a journal in a file, as no other process uses it.

    It is made anew each time. So nothing is deleted that a later one would have to look at, and
    what is written lies on the same blocks and in the same pages as before. The file is written
    once before: a disk has its blocks, and need not find them while it is measured.
    """

    description = "ext4 with a journal on a loop device"

    def __init__(self, size, parent=None):
        self.work = tempfile.mkdtemp(prefix="orlop-peers.", dir=parent)
        self.image = os.path.join(self.work, "image")
        self.mount = os.path.join(self.work, "mount")
        self.device = None
        os.mkdir(self.mount)
        try:
            fill(self.image, size)
            attach = ["losetup", "--find", "--show", "--direct-io=on", self.image]
            self.device = output(attach)
        except (subprocess.CalledProcessError, OSError):
            self.close()
            raise

    def fresh(self):
        """An empty directory."""
        self.unmount()
        options = "nodiscard,lazy_itable_init=0,lazy_journal_init=0"
        make = ["mkfs.ext4", "-q", "-F", "-N", "200000", "-J", "size=128", "-E", options]
        patiently([*make, self.device])
        subprocess.run(["mount", "-o", "noatime", self.device, self.mount], check=True)
        return self.mount

    def unmount(self):
        if os.path.ismount(self.mount):
            patiently(["umount", self.mount])

    def close(self):
        self.unmount()
        if self.device:
            subprocess.run(["losetup", "--detach", self.device], check=True)
        shutil.rmtree(self.work, ignore_errors=True)


class Directory:
    """A directory in a file system that is there already. What lies in it goes at the end only:
    some file systems are slow for minutes after many files were deleted."""

    def __init__(self, parent=None):
        self.work = tempfile.mkdtemp(prefix="orlop-peers.", dir=parent)
        kind = output(["stat", "--file-system", "--format=%T", self.work])
        self.description = f"a directory ({kind})"
        self.count = 0

    def fresh(self):
        self.count += 1
        path = os.path.join(self.work, str(self.count))
        os.mkdir(path)
        return path

    def close(self):
        shutil.rmtree(self.work, ignore_errors=True)


def fill(path, size):
    """Makes a file all of whose blocks are there."""
    zeros = bytes(PIECE_BYTES)
    with open(path, "wb", buffering=0) as file:
        while file.tell() < size:
            file.write(zeros)
            # Not all at its end: the memory that it takes would be taken from what is measured.
            os.fdatasync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def patiently(command):
    """For what fails as long as the kernel is still busy with what was there before."""
    for _ in range(ATTEMPTS):
        if subprocess.run(command, stderr=subprocess.DEVNULL).returncode == 0:
            return
        time.sleep(0.5)
    subprocess.run(command, check=True)


def output(command):
    run = subprocess.run(command, check=True, capture_output=True, text=True)
    return run.stdout.strip()
