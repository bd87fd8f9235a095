"""Unpacking nginx as a plain user on a machine with and without package lists: needs apt and its mirror."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from bharat_local_servers.spawning import UNPRIVILEGED

SCRIPT = """
import os, sys
from bharat_local_servers import debian, programs
if os.geteuid() == 0:
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
if sys.argv[1] == "without lists":
    run = debian._run
    def bare(argv, folder):
        if argv[0] == "apt-get" and not any("Dir::State" in word for word in argv):
            argv = [argv[0], "-o", f"Dir::State::lists={folder}/none", *argv[1:]]
        return run(argv, folder)
    debian._run = bare
root, environment = debian.unpacked("nginx", "usr/sbin/nginx")
print(root)
print(programs.version([str(root / "usr/sbin/nginx"), "-v"], environment))
again, _ = debian.unpacked("nginx", "usr/sbin/nginx", download=False)
assert again == root
"""


@pytest.mark.parametrize("lists", ["with lists", "without lists"])
def test_nginx_is_unpacked_into_the_cache_of_a_plain_user(lists: str) -> None:
    if shutil.which("apt-get") is None and not os.environ.get("CI"):  # where it's the way to nginx
        pytest.skip("no apt-get on this machine")
    home = Path(tempfile.mkdtemp(prefix="bharat-test-home-"))
    if os.geteuid() == 0:
        os.chown(home, UNPRIVILEGED, UNPRIVILEGED)
    try:
        done = subprocess.run(
            [sys.executable, "-c", f"user = {UNPRIVILEGED}\n{SCRIPT}", lists],
            cwd="/",
            env={**os.environ, "HOME": str(home), "XDG_CACHE_HOME": ""},
            capture_output=True,
            text=True,
            timeout=300,
        )
        if "could not download" in done.stderr and not os.environ.get("CI"):
            pytest.skip(f"the package mirror can't be reached: {done.stderr.splitlines()[-1]}")
        assert done.returncode == 0, done.stderr
        folder, version = done.stdout.splitlines()
        assert folder.startswith(f"{home}/.cache/bharat-local-servers/nginx-")
        assert version.startswith("(1, ")
        assert {path.name for path in Path(folder).parent.iterdir()} == {Path(folder).name, "lock"}
    finally:
        shutil.rmtree(home)
