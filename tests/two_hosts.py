"""Two network namespaces with a cable between them, as two hosts; needs root and iproute2."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

ADDRESSES = ("10.77.0.1", "10.77.0.2")
LAUNCHER = """#!/bin/bash
# In place of ssh: leave its options out, and run the command on the host that is named.
while [[ "$1" == -* ]]; do shift; done
host=$1; shift
case $host in {0}) ns={2} ;; {1}) ns={3} ;; *) exit 1 ;; esac
exec {4} "$ns" "$*"
"""
APART = """#!/bin/bash
# A command in a namespace, with a host name and shared memory of its own, as another machine has.
ns=$1; shift
exec ip netns exec "$ns" unshare --uts --ipc --mount bash -c "hostname $ns; mount -t tmpfs tmpfs /dev/shm; $*"
"""


def missing() -> str:
    """Why there can be no two hosts; empty where there can."""
    if os.geteuid():
        return "namespaces need root"
    if not (shutil.which("ip") and shutil.which("unshare")):
        return "there is no ip or unshare: install iproute2 and util-linux"
    made = subprocess.run(["ip", "netns", "add", name := f"try{os.getpid()}"], capture_output=True, check=False)
    subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
    return f"no namespace can be made: {made.stderr.decode().strip()}" if made.returncode else ""


class Hosts:
    """Both of them; ``names`` are their namespaces, ``links`` the ends of the cable."""

    def __init__(self, folder: Path):
        mark = f"{os.getpid():x}"[-6:]
        self.names, self.links = (f"fa{mark}", f"fb{mark}"), (f"va{mark}", f"vb{mark}")
        self.apart, self.launcher = folder / "apart.sh", folder / "launch.sh"
        self.apart.write_text(APART)
        self.launcher.write_text(LAUNCHER.format(*ADDRESSES, *self.names, self.apart))
        for script in (self.apart, self.launcher):
            script.chmod(0o755)
        for name in self.names:
            _ip("netns", "add", name)
        _ip("link", "add", self.links[0], "type", "veth", "peer", "name", self.links[1])
        for name, link, address in zip(self.names, self.links, ADDRESSES, strict=True):
            _ip("link", "set", link, "netns", name)
            _ip("-n", name, "addr", "add", f"{address}/24", "dev", link)
            for up in ("lo", link):
                _ip("-n", name, "link", "set", up, "up")

    def close(self) -> None:
        """Take them away, with what runs there."""
        self.kill()
        for name in self.names:
            _ip("netns", "del", name)

    def command(self, host: int, *words: object) -> list[str]:
        """A command on one of them."""
        return [str(self.apart), self.names[host], " ".join(map(str, words))]

    def mpi(self, *words: object, n: int = 2) -> list[str]:
        """A job of as many processes on each."""
        mpiexec = shutil.which("mpiexec", path=str(Path(sys.executable).parent)) or "mpiexec"
        return self.command(0, mpiexec, *self.options(n // 2), "-n", n, sys.executable, *words)

    def options(self, each: int) -> list[str]:
        """What mpiexec is told to start so many processes on each of them."""
        told = ["-launcher", "ssh", "-launcher-exec", str(self.launcher), "-hosts", ",".join(ADDRESSES)]
        return [*told, "-ppn", str(each)]

    def sent(self, host: int) -> int:
        """Bytes that a host has sent."""
        path = f"/sys/class/net/{self.links[host]}/statistics/tx_bytes"
        told = ["ip", "netns", "exec", self.names[host], "cat", path]
        return int(subprocess.run(told, capture_output=True, text=True, check=True).stdout)

    def running(self, words: str) -> list[int]:
        """Processes of Python on both whose command has these words."""
        found = []
        for name in self.names:
            told = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True, check=True).stdout
            for pid in map(int, told.split()):
                with contextlib.suppress(OSError):
                    command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
                    if command.startswith(sys.executable) and words in command:
                        found.append(pid)
        return found

    def kill(self) -> None:
        """End whatever runs on both."""
        for name in self.names:
            told = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True, check=True).stdout
            for pid in map(int, told.split()):
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)

    def cut(self) -> None:
        """Pull the cable out."""
        _ip("-n", self.names[0], "link", "set", self.links[0], "down")


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@contextlib.contextmanager
def two_hosts(folder: Path):
    """A block in which there are two hosts."""
    hosts = Hosts(folder)
    try:
        yield hosts
    finally:
        time.sleep(0.1)
        hosts.close()
