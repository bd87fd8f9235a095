"""The least that Falcon can do with a large file: its body piped to boto3, and boto3's piped back. `BENCH_SPACES` holds the options of
the S3, as JSON; parts and concurrency are those of Bharat."""

from __future__ import annotations

import os
from typing import IO, Any, cast

import falcon
import msgspec
from boto3.s3.transfer import TransferConfig

from bharat_storage_spaces import SpacesOptions
from bharat_storage_spaces.client import open_client

_OPTIONS = msgspec.json.decode(os.environ["BENCH_SPACES"], type=SpacesOptions)
_TRANSFER = TransferConfig(
    multipart_threshold=_OPTIONS.part_size, multipart_chunksize=_OPTIONS.part_size, max_concurrency=_OPTIONS.concurrency,
    max_io_queue=_OPTIONS.concurrency,
)  # fmt: skip
_CHUNK = 256 * 1024


class Live:
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.media = {"status": "ok"}


class File:
    def __init__(self) -> None:
        self._client = open_client(_OPTIONS)

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        body = cast("IO[Any]", req.bounded_stream)
        self._client.upload_fileobj(body, _OPTIONS.bucket, "piped", Config=_TRANSFER)
        resp.status = falcon.HTTP_201

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        found = self._client.get_object(Bucket=_OPTIONS.bucket, Key="piped")
        resp.content_length = found["ContentLength"]
        resp.stream = found["Body"].iter_chunks(_CHUNK)


application: falcon.App[Any, Any] = falcon.App()
application.add_route("/livez", Live())
application.add_route("/file", File())
