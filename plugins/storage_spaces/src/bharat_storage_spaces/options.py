"""What an operator says of the bucket, and what is refused at the start."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from bharat.contracts.phrasing import END, TOLD

MEBI = 1024 * 1024
Seconds = Annotated[float, Meta(gt=0)]
BucketName = Annotated[
    str,
    Meta(
        pattern=rf"^[a-z0-9][a-z0-9.-]{{1,61}}[a-z0-9]{END}",
        extra={TOLD: "must be the name of a bucket: 3 to 63 of a-z, 0-9, '-' and '.'"},
    ),
]
Credential = Annotated[
    str,
    Meta(
        pattern=rf"^[!-~]{{1,128}}{END}", extra={TOLD: "must be ASCII characters without blanks, as it was given out"}
    ),
]
RegionName = Annotated[
    str, Meta(pattern=rf"^[a-z0-9-]{{1,63}}{END}", extra={TOLD: "must be a region such as fra1 or us-east-1"})
]
Prefix = Annotated[
    str,
    Meta(
        pattern=rf"^([A-Za-z0-9_-][A-Za-z0-9._-]{{0,127}}/){{0,4}}{END}",
        extra={TOLD: "must be segments of a key, each with '/' behind it, such as bharat/"},
    ),
]
Origin = Annotated[
    str,
    Meta(
        pattern=rf"^https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[1-9][0-9]{{0,4}})?/?{END}",
        extra={TOLD: "must be scheme and host, and nothing else, such as https://s3.example.com"},
    ),
]


class SpacesOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The keys of `[storage.spaces]`. Raises `ValueError` for keys that contradict each other; as the section is read, so that they
    stop the start."""

    bucket: Annotated[
        BucketName,
        Meta(
            description="the bucket, which must exist, not be public, and be Bharat's alone below the prefix",
            examples=["acme-crm"],
            extra={"env": ("SPACES_BUCKET",)},
        ),
    ]
    key: Annotated[
        Credential,
        Meta(
            description="the access key, which every presigned URL shows",
            examples=["DO00ABCDEFGHJKLMNPQR"],
            extra={"env": ("SPACES_KEY",)},
        ),
    ]
    secret: Annotated[
        Credential,
        Meta(
            description="the access key's secret",
            examples=["the-secret-of-this-key"],
            extra={"env": ("SPACES_SECRET",), "secret": True},
        ),
    ]
    region: Annotated[
        RegionName,
        Meta(
            description="the region, which signatures name; another S3 than Spaces says which, often the default",
            examples=["fra1"],
            extra={"env": ("SPACES_REGION",)},
        ),
    ] = "us-east-1"
    endpoint: Annotated[
        Origin | None,
        Meta(
            description="where the S3 answers, without the bucket; unset: the region's of Spaces, "
            "https://<region>.digitaloceanspaces.com",
            examples=["https://s3.example.com"],
            extra={"env": ("SPACES_ENDPOINT",)},
        ),
    ] = None
    prefix: Annotated[
        Prefix,
        Meta(
            description="what every object's name begins with, so that a bucket may serve several installations",
            examples=["bharat/"],
        ),
    ] = ""
    path_style: Annotated[
        bool,
        Meta(
            description="write the bucket into the path and not into the host name: true for an S3 whose buckets have no host "
            "names of their own"
        ),
    ] = False
    cdn_url: Annotated[
        Origin | None,
        Meta(
            description="where presigned downloads go instead of the bucket's own address; what answers there must pass path and "
            "query on under the bucket's host name, which the CDN of Spaces does not",
            examples=["https://files.example.com"],
        ),
    ] = None
    private_acl: Annotated[
        bool,
        Meta(
            description="ask for a private ACL with each object; false where the bucket takes no ACLs "
            "(BucketOwnerEnforced), and then it must be private itself"
        ),
    ] = True
    part_size: Annotated[
        int,
        Meta(
            ge=5 * MEBI,
            le=512 * MEBI,
            description="bytes of one part of a large upload; a file has 10,000 parts at most, so the default allows 48 GiB",
        ),
    ] = 5 * MEBI
    concurrency: Annotated[
        int,
        Meta(
            ge=1,
            le=32,
            description="parts of one upload in memory, on their way and being filled; each takes part_size",
        ),
    ] = 4
    pool_size: Annotated[int, Meta(ge=1, description="connections kept by one process")] = 20
    connect_timeout: Annotated[Seconds, Meta(description="seconds to wait for a connection")] = 3.0
    read_timeout: Annotated[Seconds, Meta(description="seconds to wait for an answer, or for more of one")] = 15.0
    max_attempts: Annotated[
        int, Meta(ge=1, le=10, description="how often a server is asked in all that does not answer")
    ] = 2
    patience: Annotated[
        Seconds,
        Meta(description="seconds for which a server that is busy (503 SlowDown, 500) is asked again"),
    ] = 20.0

    def __post_init__(self) -> None:
        host = urlsplit(self.endpoint or "").hostname or ""
        if host.startswith(f"{self.bucket}."):
            raise ValueError(f"endpoint names the bucket too: write it without {self.bucket}.")

    @property
    def endpoint_url(self) -> str:
        """Scheme and host, without a slash at the end."""
        return (self.endpoint or f"https://{self.region}.digitaloceanspaces.com").rstrip("/")
