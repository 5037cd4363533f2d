from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from billing.adapters.postgres.connection import Statement
from billing.adapters.postgres.mirror import PostgresMirror
from billing.domain.mirror import Observation
from tests.fakes.more_objects import (
    CHARGE,
    COUPON,
    DISCOUNT,
    DISPUTE,
    METER,
    PAYMENT_INTENT,
    PAYMENT_METHOD,
    PRICE,
    PRODUCT,
    REFUND,
    SCHEDULE,
    changed,
)
from tests.fakes.objects import (
    T0,
    a_credit_note,
    a_customer,
    a_payment,
    a_subscription,
    an_event,
    an_invoice,
)

if TYPE_CHECKING:
    from typing import LiteralString

    from billing.adapters.postgres.connection import Connection, Database
    from billing.domain.mirror import Snapshot

MIRRORED: tuple[LiteralString, ...] = (
    "customers",
    "subscriptions",
    "subscription_items",
    "invoices",
    "invoice_line_items",
    "invoice_payments",
    "credit_notes",
    "credit_note_line_items",
    "discounts",
    "subscription_schedules",
    "payment_intents",
    "charges",
    "payment_methods",
    "refunds",
    "disputes",
)
OF_THE_SELLER: tuple[LiteralString, ...] = ("tax_rates", "products", "prices", "coupons", "billing_meters")
RECOVERY: tuple[LiteralString, ...] = ("stripe_sweeps", "stripe_swept_events", "stripe_backfills")
INBOX: tuple[LiteralString, ...] = ("stripe_webhook_events", "stripe_conflicting_events")
METERED: tuple[LiteralString, ...] = (
    "events",
    "usage_alerts",
    "usage_boundaries",
    "usage_dropped_months",
    "usage_event_keys",
    "usage_events",
    "usage_findings",
    "usage_homes",
    "usage_hours",
    "usage_meters",
    "usage_policies",
    "usage_reports",
    "usage_rollups",
    "usage_snapshots",
    "usage_threshold_choices",
    "usage_thresholds",
    "usage_values",
    "usage_voids",
)
TABLES: tuple[LiteralString, ...] = (
    *MIRRORED,
    *METERED,
    *RECOVERY,
    *OF_THE_SELLER,
    "users",
    "api_keys",
    *INBOX,
)

FORBIDDEN_TO_BOTH: tuple[LiteralString, ...] = (
    "CREATE TABLE mine (id integer)",
    "CREATE TEMPORARY TABLE mine (id integer)",
    "CREATE FUNCTION mine() RETURNS integer LANGUAGE sql RETURN 1",
    "CREATE ROLE mine",
    "ALTER TABLE invoices DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE invoices ADD COLUMN mine integer",
    "DROP TABLE invoices",
    "TRUNCATE invoices CASCADE",
    "DELETE FROM invoices",
    "DELETE FROM credit_notes",
    "DELETE FROM invoice_payments",
    "DELETE FROM tax_rates",
    "DELETE FROM charges",
    "DELETE FROM coupons",
    "SELECT define_apply_function('mine', 'invoices')",
    "SELECT 1 FROM users",
    "SELECT 1 FROM api_keys",
    "UPDATE users SET role = 'admin'",
    "SELECT 1 FROM schema_migrations",
    "SET ROLE billing_owner",
)


@pytest.fixture
def two_customers(worker_database: Database) -> tuple[str, str]:
    """Mirror one of each object for two customers."""
    mirror = PostgresMirror(worker_database)
    for customer in ("cus_1", "cus_2"):
        states: list[Snapshot] = [
            a_customer(id=customer),
            a_subscription(id=f"sub_{customer}", customer=customer),
            an_invoice(id=f"in_{customer}", customer=customer),
            a_payment(id=f"inpay_{customer}", invoice=f"in_{customer}"),
            a_credit_note(id=f"cn_{customer}", customer=customer),
            changed(DISCOUNT, id=f"di_{customer}", customer=customer),
            changed(SCHEDULE, id=f"sub_sched_{customer}", customer=customer),
            changed(PAYMENT_INTENT, id=f"pi_{customer}", customer=customer),
            changed(CHARGE, id=f"ch_{customer}", customer=customer),
            changed(PAYMENT_METHOD, id=f"pm_{customer}", customer=customer),
            changed(REFUND, id=f"re_{customer}", charge=f"ch_{customer}", payment_intent=None),
            changed(DISPUTE, id=f"dp_{customer}", charge=f"ch_{customer}"),
        ]
        for state in states:
            event = an_event(f"evt_{state.id}", state)
            mirror.apply(event, Observation(state, event.created))
    return ("cus_1", "cus_2")


@pytest.mark.parametrize("role", ["api_database", "worker_database"])
@pytest.mark.parametrize("command", FORBIDDEN_TO_BOTH)
def test_application_role_cannot(
    request: pytest.FixtureRequest, owner: Connection, role: str, command: LiteralString
) -> None:
    """Given a role of the functions, when it tries what only the owner may, then PostgreSQL refuses."""
    # What is granted on the database itself is not copied with it: take it away as the migration did.
    owner.execute(f"REVOKE ALL ON DATABASE {owner.info.dbname} FROM PUBLIC")
    owner.execute(f"GRANT CONNECT ON DATABASE {owner.info.dbname} TO billing_api, billing_worker")
    database: Database = request.getfixturevalue(role)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        database.query(Statement(command))


@pytest.mark.parametrize(
    "command",
    [
        "INSERT INTO customers (id, livemode, as_of, deleted_at) VALUES ('cus_9', false, now(), now())",
        "UPDATE invoices SET total = 0",
        "UPDATE credit_notes SET total = 0",
        "UPDATE invoice_payments SET amount_paid = 0",
        "UPDATE tax_rates SET percentage = 0",
        "UPDATE refunds SET amount = 0",
        "UPDATE prices SET unit_amount = 0",
        "SELECT apply_coupon(NULL, 'x', '{}', now(), NULL)",
        "DELETE FROM invoice_line_items",
        "SELECT 1 FROM stripe_webhook_events",
        "SELECT 1 FROM stripe_conflicting_events",
        "SELECT 1 FROM stripe_sweeps",
        "SELECT 1 FROM stripe_backfills",
    ],
)
def test_customer_facing_role_cannot_write(api_database: Database, command: LiteralString) -> None:
    """Given the customer-facing role, when it writes or reads the inbox, then PostgreSQL refuses."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        api_database.query(Statement(command))


def test_worker_cannot_delete_from_its_inbox(worker_database: Database) -> None:
    """Given the worker, when it tries to take away what it recorded, then PostgreSQL refuses."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        worker_database.query(Statement("DELETE FROM stripe_webhook_events"))


def test_worker_cannot_change_what_conflicted(worker_database: Database) -> None:
    """Given the worker, when it tries to rewrite that another event came, then PostgreSQL refuses."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        worker_database.query(Statement("UPDATE stripe_conflicting_events SET reason = ''"))


def test_worker_cannot_rewrite_how_an_event_ended(worker_database: Database, owner: Connection) -> None:
    """Given an event of each outcome, when the worker changes all, then only those that may end so did."""
    owner.execute(
        "INSERT INTO stripe_webhook_events (id, type, livemode, created, outcome, reason, ended_at)"
        " SELECT outcome, 'invoice.paid', false, now(), outcome, 'why',"
        " CASE WHEN outcome <> 'failed' THEN now() END"
        " FROM unnest(ARRAY['applied', 'stale', 'ignored', 'quarantined', 'failed']) AS outcome"
    )
    worker_database.query(
        Statement("UPDATE stripe_webhook_events SET outcome = 'ignored', ended_at = now(), type = 'new'")
    )
    rows = owner.execute("SELECT id FROM stripe_webhook_events WHERE type = 'new' ORDER BY id").fetchall()
    assert [row["id"] for row in rows] == ["failed", "quarantined"]


@pytest.mark.parametrize(
    "question", ["SELECT authenticate_api_key('')", "SELECT authenticate_subject('', '')"]
)
def test_worker_cannot_authenticate(worker_database: Database, question: LiteralString) -> None:
    """Given the worker, when it asks who a user is, then PostgreSQL refuses."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        worker_database.query(Statement(question))


@pytest.mark.parametrize("table", MIRRORED)
def test_forgotten_where_without_tenant_shows_nothing(
    api_database: Database, two_customers: tuple[str, str], table: LiteralString
) -> None:
    """Given rows of two customers, when no tenant is named, then no row is seen (19)."""
    everything = Statement("TABLE " + table)
    assert api_database.query(everything) == []
    # A tenant of an earlier transaction is not one of this.
    api_database.read_as(two_customers[0], everything)
    assert api_database.query(everything) == []
    assert api_database.read_as("", everything) == [[]]


@pytest.mark.parametrize("table", MIRRORED)
def test_forgotten_where_with_tenant_shows_only_its_own(
    api_database: Database, two_customers: tuple[str, str], table: LiteralString
) -> None:
    """Given rows of two customers, when a query lacks its WHERE, then it sees its own rows only (19)."""
    for customer in two_customers:
        (rows,) = api_database.read_as(customer, Statement("TABLE " + table))
        # Payments name an invoice and no customer, refunds and disputes a charge.
        named = {
            "customers": "id",
            "invoice_payments": "invoice",
            "refunds": "charge",
            "disputes": "charge",
        }.get(table, "customer")
        assert {row[named].removeprefix("in_").removeprefix("ch_") for row in rows} == {customer}


def test_a_refund_of_a_payment_intent_alone_is_its_customers(
    api_database: Database, worker_database: Database, two_customers: tuple[str, str]
) -> None:
    """Given a refund that names no charge, when customers look, then the payer alone sees it (19)."""
    refund = changed(REFUND, id="re_9", charge=None, payment_intent="pi_cus_1")
    PostgresMirror(worker_database).apply(an_event("evt_9", refund), Observation(refund, T0))
    seen = [
        api_database.read_as(customer, Statement("SELECT id FROM refunds WHERE id = 're_9'"))[0]
        for customer in two_customers
    ]
    assert seen == [[{"id": "re_9"}], []]


@pytest.mark.parametrize("customer", ["cus_1", "cus_2"])
def test_what_is_sold_is_seen_by_every_customer(
    api_database: Database, worker_database: Database, customer: str
) -> None:
    """Given products, prices, coupons and meters, when a customer looks, then they are there."""
    mirror = PostgresMirror(worker_database)
    for state in (PRODUCT, PRICE, COUPON, METER):
        mirror.apply(an_event(f"evt_{state.id}", state), Observation(state, T0))
    for table in OF_THE_SELLER[1:]:
        (rows,) = api_database.read_as(customer, Statement("TABLE " + table))
        assert len(rows) == 1


def test_every_table_of_customers_is_under_forced_row_security(owner: Connection) -> None:
    """Given the schema, when its tables are listed, then row security is forced on all but the runner's."""
    rows = owner.execute(
        "SELECT relname AS name, relrowsecurity AND relforcerowsecurity AS forced FROM pg_class"
        " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition"
    ).fetchall()
    assert {row["name"] for row in rows if row["forced"]} == set(TABLES)
    assert {row["name"] for row in rows if not row["forced"]} == {"schema_migrations"}


def test_owner_sees_every_row(owner: Connection, two_customers: tuple[str, str]) -> None:
    """Given rows of two customers, when the operator looks, then both are there."""
    rows = owner.execute("SELECT id FROM customers ORDER BY id").fetchall()
    assert [row["id"] for row in rows] == list(two_customers)


@pytest.mark.parametrize(
    ("role", "stripe_customer_id"), [("customer", None), ("admin", "cus_1"), ("root", None), ("customer", "")]
)
def test_user_without_the_right_customer_is_refused(
    owner: Connection, role: str, stripe_customer_id: str | None
) -> None:
    """Given a role, when its customer is missing, superfluous or empty, then it is refused."""
    with pytest.raises(psycopg.errors.CheckViolation):
        owner.execute(
            "INSERT INTO users (issuer, subject, role, stripe_customer_id) VALUES ('i', 's', %s, %s)",
            [role, stripe_customer_id],
        )


def test_limits_hang_on_the_roles(api_database: Database, worker_database: Database) -> None:
    """Given a plain connection, when a role logs in, then its statements are limited and its clock is UTC."""
    shown = Statement(
        "SELECT current_setting('statement_timeout') AS statement, current_setting('timezone') AS zone"
    )
    assert api_database.query(shown) == [{"statement": "5s", "zone": "UTC"}]
    assert worker_database.query(shown) == [{"statement": "10s", "zone": "UTC"}]
