"""What every Mirror promises about tax rates, and every InvoiceReader shows of them."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from billing.domain.mirror import ObjectKind, Observation, Standing, Verdict
from tests.fakes.objects import SECOND, T0, a_tax_rate, an_event, an_invoice

if TYPE_CHECKING:
    from tests.support.mirror_world import World


def test_tax_rates_are_mirrored_like_everything_else(world: World) -> None:
    """Given a tax rate, when events of it come early, late and twice, then the newest state stands."""
    assert world.apply(an_event("evt_2", a_tax_rate(display_name="VAT"), after=2)) is Verdict.APPLIED
    assert world.apply(an_event("evt_1", a_tax_rate(), after=1)) is Verdict.STALE
    assert world.apply(an_event("evt_2", a_tax_rate(display_name="VAT"), after=2)) is Verdict.DUPLICATE
    assert world.apply(an_event("evt_3", a_tax_rate(), after=2)) is Verdict.TIE
    standing = world.mirror.standing(ObjectKind.TAX_RATE, "txr_1")
    assert standing == Standing(1, T0 + 2 * SECOND, None, deleted=False)


def test_an_invoice_tells_what_its_rates_say(world: World) -> None:
    """Given an invoice mirrored before its rate, when read, then its taxes say what the rate says since."""
    world.apply(an_event("evt_1", an_invoice()))
    world.mirror.apply_all([(None, Observation(a_tax_rate(), T0))])
    shown = world.invoice()
    assert shown is not None
    taxes = [tax for line in shown.lines for tax in line.taxes]
    assert {(tax.percentage, tax.name, tax.country) for tax in taxes} == {(Decimal("19.5"), "MwSt.", "DE")}
    assert {(tax.jurisdiction, tax.tax_type) for tax in taxes} == {("Deutschland", "vat")}
    assert {tax.percentage for tax in shown.taxes} == {None}  # these name no rate


def test_only_unknown_rates_are_unknown(world: World) -> None:
    """Given one known tax rate, when several are asked about, then the others are told."""
    assert world.mirror.unknown_tax_rates({"txr_1"}) == {"txr_1"}
    world.mirror.apply_all([(None, Observation(a_tax_rate(), T0))])
    assert world.mirror.unknown_tax_rates({"txr_1", "txr_2", "txr_3"}) == {"txr_2", "txr_3"}
    assert world.mirror.unknown_tax_rates({"txr_1"}) == frozenset()


def test_a_learned_rate_keeps_to_the_order_of_events(world: World) -> None:
    """Given an event of a rate, when states are learned, then only newer ones stand."""
    world.apply(an_event("evt_1", a_tax_rate(), after=5))
    for after, revision in ((4, 1), (5, 1), (6, 2)):
        world.mirror.apply_all([(None, Observation(a_tax_rate(), T0 + after * SECOND))])
        assert world.revision(ObjectKind.TAX_RATE, "txr_1") == revision
    assert world.apply(an_event("evt_2", a_tax_rate(), after=5)) is Verdict.STALE
    assert world.apply(an_event("evt_3", a_tax_rate(display_name="VAT"), after=6)) is Verdict.TIE
    assert world.apply(an_event("evt_4", a_tax_rate(), after=7)) is Verdict.APPLIED
