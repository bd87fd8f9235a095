"""A cluster begins like a single node does: with a demo organisation, and a login to it."""

from __future__ import annotations

import msgspec

from bharat_dev_cluster.local_cluster import LocalCluster


class Login(msgspec.Struct, frozen=True):
    """Of the demo organisation's administrator."""

    email: str
    password: str


class _Told(msgspec.Struct, frozen=True):
    login: Login | None


def demo_login(cluster: LocalCluster) -> Login | None:
    """Make the demo on a new cluster; its login, or `None` when the cluster has organisations of its own alone."""
    return msgspec.json.decode(cluster.bharat("demo", "--json"), type=_Told).login
