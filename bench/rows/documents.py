"""Row c: invoices drawn, served from the store, and not served because the client has them."""

from __future__ import annotations

import base64
import json
import os
import pickle
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from bench.bare_pdf import FLOOR_FONT, by_cells, by_pdfkit, fonts_of, texts_of
from bench.function import running, sample
from bench.harness import Result, Target, interleaved
from bench.payloads import paid_event
from bench.secrets_stub import running_secrets
from bench.start_files import ENVIRONMENT
from bench.world import API, WORKER, running_postgres
from billing import bootstrap
from billing.adapters.pdf.renderer import FpdfInvoiceRenderer
from billing.adapters.postgres.connection import Database, connect
from billing.adapters.postgres.mirror import PostgresMirror
from billing.adapters.stripe.events import read_event
from billing.domain.einvoice_gaps import missing
from billing.domain.mirror import Observation
from local.aws import REGION, LocalAws
from local.ports import any_free_port
from local.postgres import OWNER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.function import Function
    from bench.harness import Run
    from bench.world import World

_CUSTOMER = "cus_SBenchCustomer01"
# With a VAT number and a country, so that its invoices can be e-invoices.
_SELLER = {
    "name": "Acme Cloud GmbH",
    "address": {"line1": "Speicherstadt 7", "city": "Hamburg", "postal_code": "20457", "country": "DE"},
    "tax_ids": [{"type": "eu_vat", "value": "DE811907980"}],
}
_TAX_RATE = {
    "id": "txr_1SBenchRate19",
    "object": "tax_rate",
    "active": True,
    "country": "DE",
    "description": None,
    "display_name": "MwSt.",
    "effective_percentage": None,
    "flat_amount": None,
    "inclusive": False,
    "jurisdiction": "DE",
    "jurisdiction_level": "country",
    "livemode": True,
    "metadata": {},
    "percentage": 19.0,
    "rate_type": "percentage",
    "state": None,
    "tax_type": "vat",
}
# VmHWM, because ru_maxrss begins with what the parent held.
_DRAW = """
import pickle, sys
from pathlib import Path
from billing.adapters.einvoice.xml import einvoice_xml
from billing.adapters.pdf.renderer import FpdfInvoiceRenderer
document = pickle.loads(Path(sys.argv[1]).read_bytes())
draw = FpdfInvoiceRenderer(Path(sys.argv[2]), einvoice_writer=einvoice_xml if sys.argv[3] else None)
draw(document)
with open("/proc/self/status") as status:
    print(*(line.split()[1] for line in status if line.startswith("VmHWM:")))
"""
_BARE_SQL = "SELECT * FROM invoices WHERE id = %(id)s"
_BARE_LINES = "SELECT * FROM invoice_line_items WHERE invoice = %(id)s ORDER BY position"


def measure(run: Run) -> Iterator[Result]:
    """Yield 10 and 300 lines drawn, without and with e-invoice, and for 10 the store's answer and a 304."""
    fonts = fonts_of(run)
    with running_postgres(run) as world, _running_aws(run) as aws, running_secrets(_secret(world)) as secrets:
        environment = {
            **ENVIRONMENT,
            "DATABASE_HOST": world.settings.host,
            "DATABASE_PORT": str(world.settings.port),
            "AWS_ENDPOINT_URL": aws,
            "AWS_ENDPOINT_URL_SECRETS_MANAGER": secrets,
            "FONTS_DIR": str(fonts),
            "SELLER": json.dumps(_SELLER),
        }
        for lines, most in ((10, 0.5), (300, 0.75)):
            run.say(f"documents of {lines} lines")
            invoice = _mirrored(world, lines)
            event = _request(run, invoice)
            drawn: list[Any] = []
            with running(run.project, "get_invoice_pdf", environment) as function, _watched(drawn):
                if lines == 10:  # noqa: PLR2004 - the size of an ordinary invoice
                    _create_bucket()
                answer = function.answer(event)
                if answer["statusCode"] != 200 or not drawn:  # noqa: PLR2004 - HTTP's OK
                    raise RuntimeError(f"the invoice was not drawn: {answer}")
                content = base64.b64decode(answer["body"])
                yield from _drawing(run, lines, drawn[0], fonts, most)
                yield from _archived(run, lines, drawn[0], content, fonts)
                if lines == 10:  # noqa: PLR2004 - same
                    yield from _serving(run, world, function, event, invoice)


def _drawing(run: Run, lines: int, document: Any, fonts: Path, most: float) -> Iterator[Result]:
    draw, font = FpdfInvoiceRenderer(fonts), fonts / FLOOR_FONT
    content = draw(document)
    pages = texts_of(content)
    work = {"ours": _clocked(lambda: draw(document)), "floor": _clocked(lambda: by_cells(pages, font))}
    rounds = _rounds(run, lines)
    taken = interleaved(rounds, work)
    what = f"PDF of {lines} lines"
    bare = "fpdf2's cell() with the same text in the same font"
    yield Result("c", f"{what}, drawn", "ms", taken["ours"], taken["floor"], bare, Target("ratio", most))
    pdfkit = by_pdfkit(run, pages, font, rounds)
    if pdfkit is not None:
        yield Result(
            "c", f"{what}, drawn", "ms", taken["ours"], pdfkit, "pdfkit (Node), the same text and font"
        )
    yield Result("c", f"{what}, size", "kB", len(content) / 1000, len(by_cells(pages, font)) / 1000, bare)


def _archived(run: Run, lines: int, document: Any, content: bytes, fonts: Path) -> Iterator[Result]:
    """Yield what the e-invoice costs, and how much memory a process needs that draws one document."""
    plain, renderer = FpdfInvoiceRenderer(fonts), bootstrap._invoice_renderer()  # noqa: SLF001 - what it draws with
    if b"pdfaid:part" not in content:
        raise RuntimeError(f"it has no e-invoice: {missing(document)}")
    work = {
        f"{name}{what}": _clocked(draw, clock)
        for what, clock in (("", time.perf_counter_ns), (", CPU", time.process_time_ns))
        for name, draw in (("ours", lambda: renderer(document)), ("plain", lambda: plain(document)))
    }
    taken = interleaved(_rounds(run, lines), work)
    what = f"PDF of {lines} lines with e-invoice"
    most = Target("over", 100)
    for clock in ("", ", CPU"):
        ours, without = taken[f"ours{clock}"], taken[f"plain{clock}"]
        yield Result("c", f"{what}, drawn{clock}", "ms", ours, without, "the same without it", most)
    yield Result(
        "c", f"{what}, size", "kB", len(content) / 1000, len(plain(document)) / 1000, "the same without it"
    )
    shown = run.scratch / "document.pickle"
    shown.write_bytes(pickle.dumps(document))
    for name, with_einvoice in (("", ""), (" with e-invoice", "with")):
        peaks = [_peak(run, shown, fonts, with_einvoice) for _ in range(run.size(5, 1))]
        case = f"PDF of {lines} lines{name}, peak memory"
        yield Result("c", case, "MB", median(peaks), None, "", Target("absolute", 100))


def _peak(run: Run, document: Path, fonts: Path, with_einvoice: str) -> float:
    """Return the peak of resident memory, in MB, of a process that draws this document and nothing else."""
    path = f"{run.project / 'layers' / 'common'}"
    command = [sys.executable, "-c", _DRAW, str(document), str(fonts), with_einvoice]
    told = subprocess.run(command, env={"PYTHONPATH": path}, capture_output=True, text=True, check=True)
    return int(told.stdout) / 1000


def _rounds(run: Run, lines: int) -> int:
    return run.size(31 if lines < 100 else 11, 1)  # noqa: PLR2004 - long ones take long


def _serving(
    run: Run, world: World, function: Function, event: dict[str, Any], invoice: str
) -> Iterator[Result]:
    import boto3  # noqa: PLC0415 - after the environment is set

    client = boto3.client("s3")
    bucket = ENVIRONMENT["DOCUMENT_BUCKET"]
    [stored] = client.list_objects_v2(Bucket=bucket)["Contents"]
    etag = {name.lower(): value for name, value in function.answer(event)["headers"].items()}["etag"]
    known = {**event, "headers": {**event["headers"], "if-none-match": etag}}
    with connect(world.settings, world.logins[OWNER]) as bare:

        def get() -> bytes:
            content: bytes = client.get_object(Bucket=bucket, Key=stored["Key"])["Body"].read()
            return content

        def rows() -> None:
            for statement in (_BARE_SQL, _BARE_LINES):
                bare.execute(statement, {"id": invoice}).fetchall()

        taken = interleaved(
            run.size(101, 1),
            {
                "stored": lambda: function.milliseconds(event, 200),
                "get": _clocked(get),
                "known": lambda: function.milliseconds(known, 304),
                "rows": _clocked(rows),
            },
        )
    yield Result("c", "PDF from the store", "ms", taken["stored"], taken["get"], "GetObject alone, local S3")
    yield Result(
        "c", "304 for a PDF", "ms", taken["known"], taken["rows"], "the invoice's rows by psycopg alone"
    )


def _clocked(
    work: Callable[[], object], clock: Callable[[], int] = time.perf_counter_ns
) -> Callable[[], float]:
    def once() -> float:
        began = clock()
        work()
        return (clock() - began) / 1e6

    return once


def _mirrored(world: World, lines: int) -> str:
    """Return the id of an invoice with so many lines, which the mirror now holds."""
    payload = json.loads(paid_event().replace("00000000", f"{lines:08d}"))
    page = payload["data"]["object"]["lines"]
    first = page["data"][0]
    page["data"] = [
        {**first, "id": f"{first['id']}_{n}", "description": f"Item no. {n}: metered API calls"}
        for n in range(1, lines + 1)
    ]
    whole = payload["data"]["object"]
    net = sum(line["amount"] for line in page["data"])
    discounts = sum(line["discount_amounts"][0]["amount"] for line in page["data"])
    taxes = sum(line["taxes"][0]["amount"] for line in page["data"])
    total = net - discounts + taxes
    whole |= {"subtotal": net, "subtotal_excluding_tax": net, "total_excluding_tax": net - discounts}
    whole |= dict.fromkeys(("total", "amount_due", "amount_paid"), total)
    whole["total_discount_amounts"][0]["amount"] = discounts
    whole["total_taxes"][0] |= {"amount": taxes, "taxable_amount": net - discounts}
    rate = {**payload, "id": f"{payload['id']}_rate", "type": "tax_rate.created"}
    rate["data"] = {"object": {**_TAX_RATE, "created": payload["created"]}}
    with Database(world.settings, lambda _: world.logins[WORKER]) as database:
        mirror = PostgresMirror(database)
        for event in (read_event(rate), read_event(payload)):
            mirror.apply(event, Observation(event.content, event.created))  # type: ignore[arg-type] # snapshots
    invoice: str = whole["id"]
    return invoice


def _request(run: Run, invoice: str) -> dict[str, Any]:
    event = sample(run.project, "get_invoice_pdf")
    before = event["pathParameters"]["id"]
    loaded: dict[str, Any] = json.loads(json.dumps(event).replace(before, invoice))
    loaded["rawQueryString"] = "locale=en"
    loaded["requestContext"]["authorizer"]["lambda"]["customer"] = _CUSTOMER
    return loaded


@contextmanager
def _watched(drawn: list[Any]) -> Iterator[None]:
    """Keep the documents that the function draws meanwhile."""
    original = bootstrap._invoice_renderer  # noqa: SLF001 - what the function draws with

    def renderer() -> Callable[[Any], bytes]:
        draw = original()

        def once(document: Any) -> bytes:
            drawn.append(document)
            return draw(document)

        return once

    with patch.object(bootstrap, "_invoice_renderer", renderer):
        yield


def _secret(world: World) -> dict[str, str]:
    return {"username": world.logins[API].username, "password": world.logins[API].password}


def _create_bucket() -> None:
    import boto3  # noqa: PLC0415 - after the environment is set

    where: Any = {"LocationConstraint": REGION}
    boto3.client("s3").create_bucket(Bucket=ENVIRONMENT["DOCUMENT_BUCKET"], CreateBucketConfiguration=where)


@contextmanager
def _running_aws(run: Run) -> Iterator[str]:
    executable = Path(os.environ.get("MINISTACK", run.project / ".local/tools/ministack/bin/ministack"))
    aws = LocalAws(run.scratch, any_free_port(), executable, persist=False)
    aws.start()
    try:
        yield aws.endpoint
    finally:
        aws.stop()
