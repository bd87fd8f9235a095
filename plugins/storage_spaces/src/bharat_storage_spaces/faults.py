"""What S3's errors mean: which pass, which are answers, and what an operator is told. No message holds a secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError

from bharat.contracts.storage import StorageUnavailable

if TYPE_CHECKING:
    from bharat_storage_spaces.options import SpacesOptions

_PASSING = frozenset({"SlowDown", "Busy", "ServiceUnavailable", "InternalError", "RequestTimeout", "OperationAborted"})
_PASSING_STATUS = frozenset({429, 500, 502, 503, 504})
_CREDENTIALS = frozenset({"InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "InvalidToken", "403"})


def code_of(error: ClientError) -> str:
    """S3's word for the error, `NoSuchKey` say; for an answer without a body, as to HEAD, the status."""
    return str(error.response.get("Error", {}).get("Code", ""))


def status_of(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def passes(error: Exception) -> bool:
    """Whether the server answered that it can't just now (503 SlowDown and the like)."""
    return isinstance(error, ClientError) and (code_of(error) in _PASSING or status_of(error) in _PASSING_STATUS)


def unanswered(error: Exception) -> bool:
    """Whether there was no answer: no connection, one that broke, a time-out."""
    return isinstance(error, ConnectionError | HTTPClientError)


def unavailable(error: ClientError | BotoCoreError, options: SpacesOptions) -> StorageUnavailable:
    """What is told of an error that is no answer to the question."""
    if not isinstance(error, ClientError):
        return StorageUnavailable(f"{options.endpoint_url} does not answer ({type(error).__name__})")
    code, operation = code_of(error), error.operation_name
    if code == "NoSuchBucket":
        text = f"there is no bucket {options.bucket!r} at {options.endpoint_url}: see storage.spaces.bucket"
    elif code == "RequestTimeTooSkewed":
        text = f"{options.endpoint_url} refuses this machine's clock: set it by NTP"
    elif code in ("AuthorizationHeaderMalformed", "PermanentRedirect", "301"):
        text = f"{options.endpoint_url} does not serve the bucket in {options.region!r}: see storage.spaces.region"
    elif code in _CREDENTIALS:
        text = (
            f"{options.endpoint_url} refuses {operation} ({code}): see storage.spaces.key and storage.spaces.secret, "
            f"and what that key may do in the bucket {options.bucket!r}"
        )
    else:
        text = f"{options.endpoint_url} failed at {operation} ({code or status_of(error)})"
    return StorageUnavailable(text)
