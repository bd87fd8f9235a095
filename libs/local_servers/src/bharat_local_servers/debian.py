"""Unpack Debian or Ubuntu packages and their missing dependencies into the user's cache, without root."""

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from bharat_local_servers.errors import ServerUnavailable

_SYSTEM_LIBRARY = re.compile(r"^(libc6|libc-bin|libcrypt1|libgcc-s1|gcc-\d+-base)$")
"""Always installed, and never to be mixed with a second copy through LD_LIBRARY_PATH."""


def cache_folder() -> Path:
    """The folder for this library in the user's cache (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    root = Path(base) if base.startswith("/") else Path.home() / ".cache"
    return root / "bharat-local-servers"


def unpacked(
    package: str, program: str, *, beside: Sequence[str] = (), download: bool = True
) -> tuple[Path, dict[str, str]]:
    """The folder that holds `program` of `package`, and the environment in which its libraries are found. The packages
    `beside` it are unpacked into the same folder.

    Raises ServerUnavailable when it is not in the cache and can't be downloaded.
    """
    target = cache_folder() / f"{package}-{_release()}"
    if not (target / program).exists():
        if not download:
            raise ServerUnavailable(f"{target} does not hold it, and downloading was not asked for")
        for tool in ("apt-get", "dpkg"):
            if shutil.which(tool) is None:
                raise ServerUnavailable(f"`{tool}`, which would unpack it, is not on PATH")
        try:
            with _locked(cache_folder()):
                if not (target / program).exists():
                    _fetch([package, *beside], program, target)
        except OSError as error:
            raise ServerUnavailable(f"it can't be unpacked into {target}: {error}") from error
    folders = {str(path.parent) for base in ("lib", "usr/lib") for path in (target / base).glob("*-linux-*/*.so*")}
    return target, {"LD_LIBRARY_PATH": ":".join(sorted(folders))} if folders else {}


def _release() -> str:
    """A name such as `debian-12-x86_64`: what was unpacked for one release need not run on the next."""
    fields: dict[str, str] = {}
    with contextlib.suppress(OSError):
        for line in Path("/etc/os-release").read_text().splitlines():
            key, _, value = line.partition("=")
            fields[key] = value.strip("'\"")
    words = (fields.get("ID", "linux"), fields.get("VERSION_ID", "0"), os.uname().machine)
    return re.sub(r"[^A-Za-z0-9._-]", "_", "-".join(words))


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fetch(packages: Sequence[str], program: str, target: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="apt-", dir=target.parent) as name:
        work = Path(name)
        for folder in ("cache/archives/partial", "state/lists/partial", "debs", "root"):
            (work / folder).mkdir(parents=True)
        # Even reading lists writes an index beside them: the private cache holds it.
        options = ["-q", "-o", f"Dir::Cache={work}/cache"]
        if os.geteuid() == 0:
            options += ["-o", "APT::Sandbox::User=root"]  # else apt complains that its own user can't enter our folder
        problem = _download(options, packages, work / "debs")
        if problem:
            # No lists on this machine, or ones so old that the files are gone: private ones, fetched anew.
            lists = [f"Dir::State={work}/state", f"Dir::State::lists={work}/state/lists", "Acquire::Languages=none"]
            options += [word for each in lists for word in ("-o", each)]
            updated = _run(["apt-get", *options, "update"], work)
            # Its exit code also tells of clean-up hooks that need root, so the download decides.
            problem = _download(options, packages, work / "debs")
            if problem and updated.returncode != 0:
                problem += f"; apt-get update said: {_last_line(updated)}"
        if problem:
            raise ServerUnavailable(problem)
        for archive in sorted((work / "debs").glob("*.deb")):
            done = _run(["dpkg", "-x", str(archive), str(work / "root")], work)
            if done.returncode != 0:
                raise ServerUnavailable(f"dpkg could not unpack {archive.name}: {_last_line(done)}")
        if not (work / "root" / program).exists():
            raise ServerUnavailable(f"the package does not hold {program}")
        shutil.rmtree(target, ignore_errors=True)
        (work / "root").rename(target)


def _download(options: list[str], packages: Sequence[str], folder: Path) -> str:
    """Download the packages and what they need that is not installed; returns what went wrong, or ''."""
    plan = _run(["apt-get", *options, "--simulate", "install", "--no-install-recommends", *packages], folder)
    # `Inst NAME (VERSION …)` is new; `Inst NAME [OLD] (NEW …)` would only be an upgrade.
    wanted = re.findall(r"^Inst (\S+) \((\S+)", plan.stdout, re.MULTILINE)
    if plan.returncode != 0 or not wanted:
        return f"apt-get found no way to install it: {_last_line(plan)}"
    names = [f"{name}={version}" for name, version in wanted if not _SYSTEM_LIBRARY.match(name)]
    done = _run(["apt-get", *options, "download", *names], folder)
    return "" if done.returncode == 0 else f"apt-get could not download it: {_last_line(done)}"


def _run(argv: list[str], folder: Path) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    try:
        return subprocess.run(
            argv,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(argv, 124, "", f"{argv[0]} did not end within 300 s")


def _last_line(done: "subprocess.CompletedProcess[str]") -> str:
    lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return lines[-1] if lines else f"exit code {done.returncode}"
