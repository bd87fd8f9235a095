"""The store behind a RADOS gateway: one monitor and one object daemon that keeps everything in memory."""

import subprocess
import uuid
from pathlib import Path
from typing import IO, ClassVar

from bharat_local_servers import ports, processes, spawning
from bharat_local_servers.ceph_binary import CephBinary
from bharat_local_servers.errors import ServerFailed
from bharat_local_servers.server import LocalServer

_MEMORY = 8 * 1024**3
"""Bytes that the store may take; it takes what is stored in it."""


class CephDaemon(LocalServer):
    """One of Ceph's processes, with the configuration file that all of them share."""

    def __init__(
        self,
        folder: Path | None,
        binary: CephBinary,
        *,
        configuration: Path | None = None,
        port: int | None = None,
        seconds: float = 30,
    ) -> None:
        self.binary = binary
        super().__init__(folder, port=port, seconds=seconds)
        self.configuration = configuration or self.folder / "ceph.conf"

    def run(self, *argv: str) -> None:
        """Run one of Ceph's tools to its end. Raises ServerFailed with what it said."""
        try:
            done = subprocess.run(
                [self.binary.program(argv[0]), *argv[1:]],
                env=spawning.environment({**self.binary.environment, "CEPH_CONF": str(self.configuration)}),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=self.seconds,
            )
        except subprocess.TimeoutExpired:
            raise self._failure(f"{argv[0]} did not end within {self.seconds:g} s") from None
        if done.returncode != 0:
            raise ServerFailed(f"{' '.join(argv)} failed:\n{done.stdout.strip()[-2000:]}")

    def _spawn(self, log: IO[bytes], *argv: str) -> "subprocess.Popen[bytes]":
        return spawning.spawn(
            [self.binary.program(argv[0]), *argv[1:]],
            cwd=self.folder,
            log=log,
            extra_environment={**self.binary.environment, "CEPH_CONF": str(self.configuration)},
            death_signal=self._death,
            drop=False,
        )


class Monitor(CephDaemon):
    """Knows which daemons there are. Its map has one object daemon from the start."""

    name: ClassVar[str] = "ceph-mon"

    @property
    def url(self) -> str:
        return f"v2:127.0.0.1:{self.port}"

    def _prepare(self) -> None:
        (self.folder / "data").mkdir()
        monitors, daemons, keyring = (str(self.folder / name) for name in ("monmap", "osdmap", "keyring"))
        self.run("monmaptool", "--create", "--clobber", "--addv", "a", f"[{self.url}]", monitors)
        self.run("osdmaptool", "--createsimple", "1", "--clobber", daemons)
        self.run("ceph-authtool", "--create-keyring", keyring, "--gen-key", "-n", "mon.", "--cap", "mon", "allow *")
        self.run("ceph-mon", "--mkfs", "-i", "a", "--monmap", monitors, "--osdmap", daemons, "--keyring", keyring)

    def _launch(self, log: IO[bytes]) -> "subprocess.Popen[bytes]":
        return self._spawn(log, "ceph-mon", "-f", "-i", "a")

    def _ready(self) -> bool:
        return ports.listens(self.pid, self.port)


class ObjectDaemon(CephDaemon):
    """Holds the objects, in memory."""

    name: ClassVar[str] = "ceph-osd"

    @property
    def url(self) -> str:
        return "osd.0"

    def _prepare(self) -> None:
        (self.folder / "data").mkdir()
        self.run("ceph-osd", "--mkfs", "-i", "0", "--osd-uuid", str(uuid.uuid4()))

    def _launch(self, log: IO[bytes]) -> "subprocess.Popen[bytes]":
        return self._spawn(log, "ceph-osd", "-f", "-i", "0")

    def _ready(self) -> bool:
        """It has begun to run; the gateway's first request waits until the monitor has taken it in."""
        return processes.started(self.pid) is not None


def configuration(folder: Path, monitor: Monitor, daemon: ObjectDaemon, gateway_port: int) -> str:
    """What all of them read. Nothing is authenticated between them: they listen on loopback and hold only what tests put there."""
    plugins: dict[str, object] = {}
    if (libraries := monitor.binary.libraries) is not None:
        plugins = {
            "osd_class_dir": libraries / "rados-classes",
            "plugin_dir": libraries / "ceph",
            "erasure_code_dir": libraries / "ceph/erasure-code",
        }
    settings: dict[str, object] = {
        "fsid": uuid.uuid4(),
        "mon_host": monitor.url,
        "public_addr": "127.0.0.1",
        "auth_cluster_required": "none",
        "auth_service_required": "none",
        "auth_client_required": "none",
        "ms_mon_client_mode": "crc",  # the gateway wants `secure`, which nothing but authentication brings
        "mon_data": monitor.folder / "data",
        "osd_data": daemon.folder / "data",
        "osd_journal": daemon.folder / "journal",
        "keyring": monitor.folder / "keyring",
        "run_dir": folder,
        "crash_dir": folder,
        "admin_socket": "",
        "log_file": "",
        "log_to_stderr": "true",
        "err_to_stderr": "true",
        "mon_cluster_log_to_file": "false",
        "debug_rocksdb": "0",
        # One copy of everything, and no waiting for more to be decided together.
        "osd_objectstore": "memstore",
        "memstore_device_bytes": _MEMORY,
        "osd_crush_chooseleaf_type": "0",
        "osd_pool_default_size": "1",
        "osd_pool_default_min_size": "1",
        "osd_pool_default_pg_num": "1",
        "osd_pool_default_pgp_num": "1",
        "osd_pool_default_pg_autoscale_mode": "off",
        "mon_allow_pool_size_one": "true",
        "mon_max_pg_per_osd": "10000",
        "mon_data_avail_crit": "0",
        "paxos_propose_interval": "0.01",
        "paxos_min_wait": "0.001",
        "rgw_frontends": f"beast endpoint=127.0.0.1:{gateway_port} tcp_nodelay=1",
        "rgw_data": folder,
        "rgw_enable_apis": "s3",
        "rgw_run_sync_thread": "false",
        "rgw_thread_pool_size": "64",
        **plugins,
    }
    return "\n".join(["[global]", *(f"{name} = {value}" for name, value in settings.items()), ""])
