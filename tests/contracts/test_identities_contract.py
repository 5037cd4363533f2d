"""What every Identities promises; the fake keeps it as PostgreSQL does."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Protocol

import pytest

from billing.adapters.postgres.identities import PostgresIdentities
from billing.domain.principals import Principal, Role
from tests.fakes.identities import FakeIdentities

if TYPE_CHECKING:
    from billing.adapters.postgres.connection import Connection, Database
    from billing.use_cases.access_ports import Identities

ISSUER = "https://id.example.com"
DIGEST = hashlib.sha256(b"bk_one").digest()


class Registry(Protocol):
    """Users and keys, as an operator keeps them."""

    @property
    def identities(self) -> Identities:
        """What is under test."""
        ...

    def add(self, subject: str, role: Role, customer: str | None, digest: bytes) -> Principal:
        """Add a user with one key."""
        ...

    def revoke(self, digest: bytes) -> None:
        """Revoke a key."""
        ...

    def disable(self, principal: Principal) -> None:
        """Disable a user."""
        ...


class FakeRegistry:
    """The dicts of the fake."""

    def __init__(self) -> None:
        self.identities = FakeIdentities()

    def add(self, subject: str, role: Role, customer: str | None, digest: bytes) -> Principal:
        """Add a user with one key."""
        principal = Principal(f"user-{subject}", role, customer, "de", "Europe/Berlin")
        self.identities.keys[digest] = principal
        self.identities.subjects[ISSUER, subject] = principal
        return principal

    def revoke(self, digest: bytes) -> None:
        """Revoke a key."""
        del self.identities.keys[digest]

    def disable(self, principal: Principal) -> None:
        """Disable a user."""
        fake = self.identities
        fake.keys = {digest: known for digest, known in fake.keys.items() if known != principal}
        fake.subjects = {subject: known for subject, known in fake.subjects.items() if known != principal}


class PostgresRegistry:
    """The tables, as the owner."""

    def __init__(self, owner: Connection, api_database: Database) -> None:
        self.identities = PostgresIdentities(api_database)
        self._owner = owner

    def add(self, subject: str, role: Role, customer: str | None, digest: bytes) -> Principal:
        """Add a user with one key."""
        row = self._owner.execute(
            "INSERT INTO users (issuer, subject, role, stripe_customer_id, locale, timezone)"
            " VALUES (%s, %s, %s, %s, 'de', 'Europe/Berlin') RETURNING id",
            [ISSUER, subject, role.value, customer],
        ).fetchone()
        assert row is not None
        self._owner.execute(
            "INSERT INTO api_keys (user_id, digest, prefix, last4) VALUES (%s, %s, 'bk_', 'abcd')",
            [row["id"], digest],
        )
        return Principal(str(row["id"]), role, customer, "de", "Europe/Berlin")

    def revoke(self, digest: bytes) -> None:
        """Revoke a key."""
        self._owner.execute("UPDATE api_keys SET revoked_at = now() WHERE digest = %s", [digest])

    def disable(self, principal: Principal) -> None:
        """Disable a user."""
        self._owner.execute("UPDATE users SET disabled_at = now() WHERE id = %s", [principal.user])


@pytest.fixture(params=["fake", "postgres"])
def registry(request: pytest.FixtureRequest) -> Registry:
    if request.param == "fake":
        return FakeRegistry()
    return PostgresRegistry(request.getfixturevalue("owner"), request.getfixturevalue("api_database"))


@pytest.mark.parametrize(("role", "customer"), [(Role.CUSTOMER, "cus_1"), (Role.ADMIN, None)])
def test_user_is_found_by_key_and_by_subject(registry: Registry, role: Role, customer: str | None) -> None:
    """Given a user with a key, when asked by either, then the same principal comes back whole."""
    principal = registry.add("alice", role, customer, DIGEST)
    assert registry.identities.by_api_key(DIGEST) == principal
    assert registry.identities.by_subject(ISSUER, "alice") == principal


def test_strangers_are_nobody(registry: Registry) -> None:
    """Given one user, when another key, subject or issuer comes, then there is nobody."""
    registry.add("alice", Role.CUSTOMER, "cus_1", DIGEST)
    assert registry.identities.by_api_key(hashlib.sha256(b"bk_two").digest()) is None
    assert registry.identities.by_api_key(b"") is None
    assert registry.identities.by_subject(ISSUER, "ALICE") is None
    assert registry.identities.by_subject("https://evil.example.com", "alice") is None


def test_revoked_key_is_nobody_at_once(registry: Registry) -> None:
    """Given two keys, when one is revoked, then it opens nothing and the other still does."""
    registry.add("alice", Role.CUSTOMER, "cus_1", DIGEST)
    other = hashlib.sha256(b"bk_two").digest()
    bob = registry.add("bob", Role.CUSTOMER, "cus_2", other)
    registry.revoke(DIGEST)
    assert registry.identities.by_api_key(DIGEST) is None
    assert registry.identities.by_api_key(other) == bob


def test_disabled_user_is_nobody_at_once(registry: Registry) -> None:
    """Given a user with a key, when disabled, then neither the key nor the subject opens anything."""
    principal = registry.add("alice", Role.CUSTOMER, "cus_1", DIGEST)
    registry.disable(principal)
    assert registry.identities.by_api_key(DIGEST) is None
    assert registry.identities.by_subject(ISSUER, "alice") is None
