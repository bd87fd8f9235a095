"""Real servers as local processes on free loopback ports, with or without root.

`open_postgres()` and `open_valkey()` honour a server named in the environment; the classes always start their own.
"""

from bharat_local_servers.ceph_binary import CephBinary, find_ceph
from bharat_local_servers.certificates import Certificate, make_certificate
from bharat_local_servers.errors import ServerFailed, ServerUnavailable
from bharat_local_servers.nginx import TEMP_PATHS, Nginx
from bharat_local_servers.nginx_binary import NGINX_VARIABLE, NginxBinary, find_nginx
from bharat_local_servers.ports import free_port
from bharat_local_servers.postgres import POSTGRES_VARIABLE, ExternalPostgres, Postgres, open_postgres
from bharat_local_servers.postgres_binary import PostgresBinary, find_postgres
from bharat_local_servers.postgres_databases import Databases
from bharat_local_servers.rados_gateway import RadosGateway
from bharat_local_servers.server import LocalServer
from bharat_local_servers.smtp_sink import ReceivedMail, SmtpSink
from bharat_local_servers.valkey import VALKEY_VARIABLE, ExternalValkey, Valkey, open_valkey
from bharat_local_servers.valkey_binary import find_valkey

__all__ = [
    "NGINX_VARIABLE",
    "POSTGRES_VARIABLE",
    "TEMP_PATHS",
    "VALKEY_VARIABLE",
    "CephBinary",
    "Certificate",
    "Databases",
    "ExternalPostgres",
    "ExternalValkey",
    "LocalServer",
    "Nginx",
    "NginxBinary",
    "Postgres",
    "PostgresBinary",
    "RadosGateway",
    "ReceivedMail",
    "ServerFailed",
    "ServerUnavailable",
    "SmtpSink",
    "Valkey",
    "find_ceph",
    "find_nginx",
    "find_postgres",
    "find_valkey",
    "free_port",
    "make_certificate",
    "open_postgres",
    "open_valkey",
]
