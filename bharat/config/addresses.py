"""Network addresses as proxies and sockets write them, in the one form in which they are compared."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_WITH_PORT = re.compile(r"\[([^\[\]]+)\](?::[0-9]{1,5})?|([0-9.]+):[0-9]{1,5}")


def parsed(text: str) -> Address | None:
    """The address, or `None` when it is none. A port and brackets are left out, and an IPv4 address that a dual-stack socket
    shows as IPv6 (`::ffff:192.0.2.1`; RFC 4291, 2.5.5.2) is that IPv4 address: else one caller would go by several addresses,
    or all of IPv4 by one /64."""
    with_port = _WITH_PORT.fullmatch(text)
    try:
        address = ipaddress.ip_address(text if with_port is None else with_port[1] or with_port[2])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return address if mapped is None else mapped


def of_loopback(url: str) -> bool:
    """Whether a URL can be followed on this machine alone (RFC 6761, 6.3; RFC 1122, 3.2.1.3)."""
    host = urlsplit(url).hostname or ""
    address = parsed(host)
    return address.is_loopback if address is not None else host == "localhost" or host.endswith(".localhost")
