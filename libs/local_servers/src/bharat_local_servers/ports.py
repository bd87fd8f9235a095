"""Loopback ports that stay free while a server is down, and who listens on one."""

import os
import random
import socket
from pathlib import Path

_LOWEST = 10240
_handed_out: set[int] = set()


def _highest() -> int:
    """One below the kernel's ephemeral range.

    A port inside that range may be taken by any outgoing connection while the server restarts, and a client that polls
    it on loopback can even connect to itself.
    """
    try:
        lowest_ephemeral = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except (OSError, ValueError):
        lowest_ephemeral = 32768
    return lowest_ephemeral - 1 if lowest_ephemeral - _LOWEST > 1000 else 65535


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on and that this process has not been given before.

    Another process may still take it before the server does; the server then fails to start and says so.
    """
    highest = _highest()
    for _ in range(1000):
        port = random.randint(_LOWEST, highest)
        if port in _handed_out:
            continue
        with socket.socket() as probe:
            # As the servers do: a connection of an earlier run in TIME_WAIT does not make the port taken.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _handed_out.add(port)
        return port
    raise OSError(f"no free port found on 127.0.0.1 between {_LOWEST} and {highest}")


def listens(pid: int, port: int) -> bool:
    """Whether the process holds a listening TCP socket on the port (proc(5), proc_net(5): state 0A is LISTEN)."""
    inodes: set[str] = set()
    for table in ("tcp", "tcp6"):
        path = Path(f"/proc/net/{table}")
        for line in path.read_text().splitlines()[1:] if path.exists() else ():
            fields = line.split()
            if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(f"socket:[{fields[9]}]")
    try:
        names = os.listdir(f"/proc/{pid}/fd")
        return any(os.readlink(f"/proc/{pid}/fd/{name}") in inodes for name in names)
    except OSError:
        return False
