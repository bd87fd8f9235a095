"""The edge: nginx in front of the application servers."""

from __future__ import annotations

import os
from collections.abc import Sequence

from bharat_local_servers import TEMP_PATHS


def nginx_configuration(port: int, servers: Sequence[str]) -> str:
    """The text of `nginx.conf`, which listens on `port` of 127.0.0.1 and passes on to `servers` (`host:port`).

    A server that fails three times in five seconds gets no requests for five seconds (passive checks). A request goes to
    another server only when it is sure that it had no effect: it never reached the first, or its method is idempotent. A
    POST that may have been carried out is the client's to repeat, with its Idempotency-Key.
    """
    # Without root, nginx ignores `user` and says so. With root, the other processes of this cluster run as root too, and
    # another user could not enter the folder for temporary files.
    user = "user root;\n" if os.geteuid() == 0 else ""
    upstream = "\n".join(f"        server {server} max_fails=3 fail_timeout=5s;" for server in servers)
    temporary = "".join(f"    {line}\n" for line in TEMP_PATHS.splitlines())
    return f"""\
# Written by `bharat cluster up`, anew at each start.
{user}worker_processes 1;
worker_shutdown_timeout 10s;
events {{ worker_connections 1024; }}
http {{
{temporary}
    log_format edge '$time_iso8601 $request_id $remote_addr "$request" $status $body_bytes_sent '
                    '$request_time $upstream_addr $upstream_status';
    access_log access.log edge;
    server_tokens off;
    default_type application/octet-stream;

    upstream bharat {{
{upstream}
        keepalive 32;
        # Shorter than a server keeps an idle connection (20 s), so that no request meets its end.
        keepalive_timeout 15s;
    }}

    server {{
        listen 127.0.0.1:{port};

        client_max_body_size 1g;
        client_header_timeout 10s;
        client_body_timeout 30s;
        send_timeout 30s;
        keepalive_timeout 60s;

        # Figures are for who looks at one server, not for the world.
        location = /metrics {{ return 404; }}

        location / {{
            proxy_pass http://bharat;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            # Set, not appended to: what a caller claims about itself ends here.
            proxy_set_header X-Request-ID $request_id;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header X-Forwarded-Host "";
            proxy_set_header Forwarded "";

            proxy_connect_timeout 2s;
            # Longer than Bharat's own request_timeout, so that it gives up first, with an answer.
            proxy_read_timeout 40s;
            proxy_send_timeout 30s;
            proxy_next_upstream error timeout;
            proxy_next_upstream_tries 2;
            proxy_next_upstream_timeout 45s;
        }}
    }}
}}
"""
