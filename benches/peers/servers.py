"""The registries that are measured: how each is started, and what it has used when it ends."""

import os
import shlex
import shutil
import signal
import socket
import subprocess
import time
import urllib.request

# As Distribution is shipped, with what a registry must be able to do and no log: descriptors are
# kept in memory, and uploads of dead clients are looked for once a day.
DISTRIBUTION = """version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage:
  cache: {{blobdescriptor: inmemory}}
  filesystem: {{rootdirectory: {dir}}}
  delete: {{enabled: true}}
http: {{addr: "127.0.0.1:{port}", secret: bench}}
"""

# Open to everybody, and told to sync, which by default it does not.
ANGOS = """[server]
bind_address = "127.0.0.1"
port = {port}

[blob_store.fs]
root_dir = "{dir}"
sync_to_disk = true

[metadata_store.fs]
root_dir = "{dir}"
sync_to_disk = true

[global.access_policy]
default = "allow"

[repository."bench"]
"""


class Server:
    """A registry. `command` is a list of words in which {dir}, {port} and {config} are filled in."""

    def __init__(self, name, command, config=None):
        self.name, self.command, self.config = name, command, config
        self.process = None

    def start(self, directory):
        """Starts it on an empty directory, and waits until it answers."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        data = os.path.join(directory, "data")
        os.makedirs(data)
        words = {"dir": data, "port": self.port, "config": os.path.join(directory, "config")}
        if self.config:
            with open(words["config"], "w") as file:
                file.write(self.config.format(**words))
        self.log = os.path.join(directory, "log")
        environment = {**os.environ, "RUST_LOG": "error", "OTEL_TRACES_EXPORTER": "none"}
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                [word.format(**words) for word in self.command],
                env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )
        for _ in range(200):
            if self.process.poll() is not None:
                break
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/v2/", timeout=1).close()
                return
            except OSError:
                time.sleep(0.05)
        self.stop()
        with open(self.log) as log:
            raise SystemExit(f"{self.name} does not start:\n{log.read()}")

    @property
    def pid(self):
        return self.process.pid

    def peak(self):
        """The most memory that it ever had, in bytes."""
        with open(f"/proc/{self.pid}/status") as status:
            for line in status:
                if line.startswith("VmHWM"):
                    return int(line.split()[1]) * 1024
        raise SystemExit(f"{self.name} is gone")

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        if self.process:
            self.process.wait()
        self.process = None


def distribution(name, binary):
    return Server(name, [binary, "serve", "{config}"], DISTRIBUTION)


def version(binary):
    """What a build of Distribution calls itself: the first two numbers."""
    out = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout
    number = next(word for word in out.split() if word.lstrip("v")[:1].isdigit())
    return ".".join(number.lstrip("v").split(".")[:2])


def contestants(orlop, peers):
    """Ours, Debian's docker-registry, $DISTRIBUTION, $ANGOS, and what is given as NAME=COMMAND."""
    servers = [
        Server("orlop", [orlop, "serve", "--store", "{dir}", "--listen", "127.0.0.1:{port}"])
    ]
    debian = shutil.which("docker-registry")
    if not debian and os.geteuid() == 0 and shutil.which("apt-get"):
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "docker-registry"]
        subprocess.run(install, check=True, stdout=subprocess.DEVNULL)
        debian = shutil.which("docker-registry")
    if debian:
        servers.append(distribution(f"docker-registry {version(debian)}", debian))
    angos = os.environ.get("ANGOS")
    if angos:
        servers.append(Server("angos", [angos, "-c", "{config}", "server"], ANGOS))
    newer = os.environ.get("DISTRIBUTION")
    if newer:
        servers.append(distribution(f"distribution {version(newer)}", newer))
    for peer in peers:
        name, _, command = peer.partition("=")
        servers.append(Server(name, shlex.split(command)))
    return servers
