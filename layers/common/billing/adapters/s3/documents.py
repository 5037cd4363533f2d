"""Documents in an S3 bucket: written once, verified whenever they are read."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from http import HTTPStatus
from typing import TYPE_CHECKING, TypedDict

from billing.domain.errors import UnavailableError

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_DEPENDENCY = "storage"
_DIGEST = "sha256"
_CONTENT_TYPE = "application/pdf"


class _Condition(TypedDict, total=False):
    IfNoneMatch: str
    IfMatch: str


class S3DocumentStore:
    """A DocumentStore on one bucket.

    The function needs GetObject and PutObject under `prefix`, and ListBucket: without that, S3
    answers 403 for a key that is not there. Encryption is the bucket's default.

    A damaged object is replaced by the next put of its key after a get has met it, and only if it
    is still the same object, so that a healthy one of somebody else is never overwritten.
    """

    def __init__(self, bucket: str, prefix: str = "invoices/") -> None:
        self._bucket = bucket
        self._prefix = prefix
        self._client: S3Client | None = None
        self._damaged: dict[str, str] = {}  # key: entity tag of the damaged object

    def get(self, key: str) -> bytes | None:
        """Return the stored bytes, None if there are none or they are damaged.

        Raises
        ------
        UnavailableError
            S3 does not answer, or refuses.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self._s3.get_object(Bucket=self._bucket, Key=self._path(key))
            content = answer["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                return None
            raise UnavailableError(_DEPENDENCY) from error
        except BotoCoreError as error:
            raise UnavailableError(_DEPENDENCY) from error
        if answer["Metadata"].get(_DIGEST) != hashlib.sha256(content).hexdigest():
            self._damaged[key] = answer["ETag"]
            return None
        return content

    def put(self, key: str, content: bytes) -> None:
        """Store the bytes unless the key is taken; two first writers leave one object.

        Raises
        ------
        UnavailableError
            S3 does not answer, or refuses.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        digest = hashlib.sha256(content)
        damaged = self._damaged.pop(key, None)
        condition: _Condition = {"IfNoneMatch": "*"} if damaged is None else {"IfMatch": damaged}
        try:
            self._s3.put_object(
                Bucket=self._bucket,
                Key=self._path(key),
                Body=content,
                ContentType=_CONTENT_TYPE,
                ChecksumSHA256=b64encode(digest.digest()).decode(),
                Metadata={_DIGEST: digest.hexdigest()},
                **condition,
            )
        except ClientError as error:
            # 412: somebody stored it before. 409: somebody is storing it now.
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            if status not in (HTTPStatus.PRECONDITION_FAILED, HTTPStatus.CONFLICT):
                raise UnavailableError(_DEPENDENCY) from error
        except BotoCoreError as error:
            raise UnavailableError(_DEPENDENCY) from error

    def link(self, key: str, disposition: str, seconds: int) -> str:
        """Return a presigned URL of the object, which answers with this Content-Disposition.

        Type, disposition and expiry are part of what is signed.

        Raises
        ------
        UnavailableError
            There are no credentials to sign with.
        """
        from botocore.exceptions import BotoCoreError

        try:
            return self._s3.generate_presigned_url(
                "get_object",
                Params={
                    "Bucket": self._bucket,
                    "Key": self._path(key),
                    "ResponseContentDisposition": disposition,
                    "ResponseContentType": _CONTENT_TYPE,
                    "ResponseCacheControl": "private, no-store",
                },
                ExpiresIn=seconds,
            )
        except BotoCoreError as error:
            raise UnavailableError(_DEPENDENCY) from error

    @property
    def _s3(self) -> S3Client:
        if self._client is None:
            import boto3
            from botocore.config import Config

            self._client = boto3.client(
                "s3",
                config=Config(
                    signature_version="s3v4",
                    # Else links name the global endpoint, which redirects a new bucket's, and the
                    # signature does not hold for where it redirects to.
                    s3={"addressing_style": "virtual"},
                    # Short: with S3 away the PDF is drawn and served without it.
                    connect_timeout=1,
                    read_timeout=3,
                    retries={"mode": "standard", "total_max_attempts": 2},
                    # The digest in the metadata covers the bytes from end to end.
                    response_checksum_validation="when_required",
                ),
            )
        return self._client

    def _path(self, key: str) -> str:
        return f"{self._prefix}{key}.pdf"
