"""The meters of a directory of migrations: meters.json, a list of them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from billing.domain.schema import SchemaError
from billing.domain.usage import Aggregation, UsageMeter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_FILE = "meters.json"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}", re.ASCII)
# Of a member of an event's data, and of the types of events: nothing that has to be escaped anywhere.
_WORD = re.compile(r"[A-Za-z0-9_.:-]{1,128}", re.ASCII)
_TEXTS = {"name", "display_name", "event_type", "aggregation", "value_property", "stripe_event_name"}


def read_meters(directory: Path) -> Sequence[UsageMeter] | None:
    """Return the meters by name, None where the directory has no meters.json.

    Members: name, event_type and aggregation (sum, count, max, last or unique_count), and if wanted
    display_name, value_property ("value" if not given), group_by (a list of properties), stripe_event_name
    (unique).

    Raises
    ------
    SchemaError
        It is not a list of meters; the message names the meter and the member.
    """
    path = directory / _FILE
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise SchemaError(f"{_FILE} is not JSON") from None
    if not isinstance(found, list):
        raise SchemaError(f"{_FILE} is not a list of meters")
    meters = [_meter(each, f"{_FILE}[{place}]") for place, each in enumerate(found)]
    for member in ("name", "stripe_event_name"):
        taken = [value for meter in meters if (value := getattr(meter, member)) is not None]
        for value in taken:
            if taken.count(value) > 1:
                raise SchemaError(f"{_FILE}: the {member} {value} is given twice")
    return sorted(meters, key=lambda meter: meter.name)


def _meter(value: object, where: str) -> UsageMeter:
    if not isinstance(value, dict):
        raise SchemaError(f"{where} is not an object")
    for member in value:
        if member not in _TEXTS | {"group_by"}:
            raise SchemaError(f"{where}.{member} is not known")
    texts = _texts(value, where)
    try:
        aggregation = Aggregation(texts["aggregation"])
    except ValueError:
        raise SchemaError(f"{where}.aggregation is not one of {', '.join(Aggregation)}") from None
    return UsageMeter(
        name=texts["name"],
        display_name=texts.get("display_name", texts["name"]),
        event_type=texts["event_type"],
        aggregation=aggregation,
        value_property=texts.get("value_property", "value"),
        group_by=_groups(value.get("group_by", []), where),
        stripe_event_name=texts.get("stripe_event_name"),
    )


def _texts(value: Mapping[str, object], where: str) -> dict[str, str]:
    texts = {member: _text(value[member], f"{where}.{member}") for member in _TEXTS & value.keys()}
    for member in ("name", "event_type", "aggregation"):
        if member not in texts:
            raise SchemaError(f"{where} has no {member}")
    if _NAME.fullmatch(texts["name"]) is None:
        raise SchemaError(f"{where}.name is not lower-case letters, digits and _, up to 63")
    for member in ("event_type", "value_property", "stripe_event_name"):
        if member in texts and _WORD.fullmatch(texts[member]) is None:
            raise SchemaError(f"{where}.{member} is not letters, digits, _ . : and -, up to 128")
    return texts


def _groups(value: object, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(
        isinstance(each, str) and _WORD.fullmatch(each) for each in value
    ):
        raise SchemaError(f"{where}.group_by is not a list of properties")
    if len(set(value)) < len(value):
        raise SchemaError(f"{where}.group_by names a property twice")
    return tuple(value)


def _text(value: object, where: str) -> str:
    if not isinstance(value, str) or not value or not value.isprintable():
        raise SchemaError(f"{where} is not a text")
    return value
