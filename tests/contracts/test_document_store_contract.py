"""What every DocumentStore promises: the fake of the unit tests and S3 alike."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest

from billing.adapters.s3.documents import S3DocumentStore
from billing.domain.errors import UnavailableError
from tests.fakes.document_store import FakeDocumentStore
from tests.support.http import get

if TYPE_CHECKING:
    from billing.use_cases.document_ports import DocumentStore

KEY, OTHER = "a" * 64, "b" * 64
DOWNLOAD = "attachment; filename=\"_.pdf\"; filename*=UTF-8''%E8%AB%8B%E6%B1%82%E6%9B%B8.pdf"
PDF = b"%PDF-1.7\r\n\x00\xff" * 1000


class Storage(Protocol):
    """One storage, seen by as many stores as there are functions running."""

    def store(self) -> DocumentStore:
        """Return a store that knows nothing of the others."""
        ...

    def damage(self, key: str) -> None:
        """Change the stored bytes behind the stores' back."""
        ...

    def go_away(self) -> None:
        """Make the storage not answer."""
        ...

    def follow(self, link: str) -> tuple[bytes, str]:
        """Return what a link leads to: the content and its Content-Disposition."""
        ...


class FakeStorage:
    """The storage in memory; its only store stands for all."""

    def __init__(self) -> None:
        self._store = FakeDocumentStore()

    def store(self) -> DocumentStore:
        """Return the store."""
        return self._store

    def damage(self, key: str) -> None:
        """Let the store find the bytes spoilt."""
        self._store.damaged.add(key)

    def go_away(self) -> None:
        """Let the store refuse everything."""
        self._store.away = True

    def follow(self, link: str) -> tuple[bytes, str]:
        """Return what the store has under the key in the address."""
        parts = urlsplit(link)
        return self._store.content[parts.path.lstrip("/")], parse_qs(parts.query)["disposition"][0]


class S3Storage:
    """A bucket of its own."""

    def __init__(self, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self._bucket = bucket
        self._monkeypatch = monkeypatch
        self.client = boto3.client("s3")
        self.client.create_bucket(
            Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": self.client.meta.region_name}
        )

    def store(self) -> S3DocumentStore:
        """Return a new store, as a new execution environment has it."""
        return S3DocumentStore(self._bucket)

    def object(self, key: str) -> Any:
        """Return S3's own answer for the object."""
        return self.client.get_object(Bucket=self._bucket, Key=f"invoices/{key}.pdf")

    def damage(self, key: str) -> None:
        """Cut the last byte off."""
        stored = self.object(key)
        self.client.put_object(
            Bucket=self._bucket,
            Key=f"invoices/{key}.pdf",
            Body=stored["Body"].read()[:-1],
            Metadata=stored["Metadata"],
        )

    def go_away(self) -> None:
        """Send later stores to a port where nobody listens."""
        self._monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")

    def follow(self, link: str) -> tuple[bytes, str]:
        """Return what anyone is answered there, without credentials."""
        answer = get(link)
        assert answer.status == 200, answer.body
        assert answer.headers["Content-Type"] == "application/pdf"
        return answer.body, answer.headers["Content-Disposition"]


@pytest.fixture
def s3(aws_endpoint: str, unique_name: str, monkeypatch: pytest.MonkeyPatch) -> S3Storage:
    return S3Storage(unique_name, monkeypatch)


@pytest.fixture(params=["fake", "s3"])
def storage(request: pytest.FixtureRequest) -> Storage:
    if request.param == "fake":
        return FakeStorage()
    storage: S3Storage = request.getfixturevalue("s3")
    return storage


def test_what_was_never_stored_is_not_there(storage: Storage) -> None:
    """Given an empty store, when a document is asked for, then there is none, and that is no error."""
    assert storage.store().get(KEY) is None


def test_what_was_stored_comes_back_byte_for_byte(storage: Storage) -> None:
    """Given two stored documents, when another function asks, then each comes back as it was."""
    storage.store().put(KEY, PDF)
    storage.store().put(OTHER, b"")
    assert storage.store().get(KEY) == PDF
    assert storage.store().get(OTHER) == b""


def test_the_first_content_of_a_key_stays(storage: Storage) -> None:
    """Given a stored document, when its key is put again, then that is fine and changes nothing."""
    storage.store().put(KEY, PDF)
    storage.store().put(KEY, b"other")
    assert storage.store().get(KEY) == PDF


def test_many_first_writers_leave_one_document(storage: Storage) -> None:
    """Given eight functions that store at once, when all are done, then every reader gets the same one."""
    contents = [bytes([n]) * 5000 for n in range(8)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda content: storage.store().put(KEY, content), contents))
    found = {storage.store().get(KEY) for _ in range(3)}
    assert len(found) == 1
    assert found <= set(contents)


def test_a_damaged_document_is_not_served_and_the_next_put_mends_it(storage: Storage) -> None:
    """Given a document damaged at rest, when it is read and put, then it is missing once and whole again."""
    storage.store().put(KEY, PDF)
    storage.damage(KEY)
    store = storage.store()
    assert store.get(KEY) is None
    store.put(KEY, PDF)
    assert storage.store().get(KEY) == PDF


def test_mending_never_replaces_what_somebody_else_mended(storage: Storage) -> None:
    """Given two functions that met the same damage, when both put, then the first one's stays."""
    storage.store().put(KEY, PDF)
    storage.damage(KEY)
    one, other = storage.store(), storage.store()
    assert one.get(KEY) is None
    assert other.get(KEY) is None
    one.put(KEY, b"first")
    other.put(KEY, b"second")
    assert storage.store().get(KEY) == b"first"


def test_a_storage_that_is_away_is_named(storage: Storage) -> None:
    """Given a storage that does not answer, when it is read or written, then the error names the part."""
    storage.go_away()
    store = storage.store()
    with pytest.raises(UnavailableError) as raised:
        store.get(KEY)
    assert raised.value.dependency == "storage"
    with pytest.raises(UnavailableError):
        store.put(KEY, PDF)


def test_a_link_leads_to_the_document_as_a_download(storage: Storage) -> None:
    """Given two stored documents, when one's link is followed, then it comes, under the name asked for."""
    storage.store().put(KEY, PDF)
    storage.store().put(OTHER, b"other")
    assert storage.follow(storage.store().link(KEY, DOWNLOAD, 45)) == (PDF, DOWNLOAD)


def test_a_link_is_signed_for_its_region_and_its_time_and_its_name(
    unique_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given AWS itself, when a link is made, then region, expiry, type and name are in the signed query."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    for name, value in {
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    link = urlsplit(S3DocumentStore(unique_name).link(KEY, DOWNLOAD, 45))
    assert link.scheme == "https"
    assert link.netloc == f"{unique_name}.s3.eu-west-1.amazonaws.com"
    assert link.path == f"/invoices/{KEY}.pdf"
    query = {name: value for name, [value] in parse_qs(link.query).items()}
    assert query.pop("X-Amz-Credential").startswith("AKIDEXAMPLE/")
    assert len(query.pop("X-Amz-Signature")) == 64
    assert query.pop("X-Amz-Date")
    assert query == {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Expires": "45",
        "X-Amz-SignedHeaders": "host",
        "response-content-disposition": DOWNLOAD,
        "response-content-type": "application/pdf",
        "response-cache-control": "private, no-store",
    }


def test_without_credentials_there_is_no_link(unique_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given no credentials to sign with, when a link is asked for, then the storage is unavailable."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    with pytest.raises(UnavailableError):
        S3DocumentStore(unique_name).link(KEY, DOWNLOAD, 45)


def test_a_bucket_that_is_missing_is_not_a_missing_document(aws_endpoint: str, unique_name: str) -> None:
    """Given a bucket that does not exist, when it is read or written, then the storage is unavailable."""
    store = S3DocumentStore(unique_name)
    with pytest.raises(UnavailableError):
        store.get(KEY)
    with pytest.raises(UnavailableError):
        store.put(KEY, PDF)


def test_an_object_says_that_it_is_a_pdf(s3: S3Storage) -> None:
    """Given a stored document, when its object is looked at, then it stands under invoices/ as a PDF."""
    s3.store().put(KEY, PDF)
    assert s3.object(KEY)["ContentType"] == "application/pdf"
