"""What HTTP lets a client say about an answer: language and coding that it wants, and the copy it has."""

from __future__ import annotations

import re

from billing.domain.documents import LOCALES

_MOST_RANGES = 32
# RFC 9110, section 12.5.4, and RFC 4647, section 2.1, with the weight of section 12.4.2.
_RANGE = re.compile(
    r"(\*|[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)[ \t]*(?:;[ \t]*[Qq]=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?",
    re.ASCII,
)
# RFC 9110, section 8.8.3.
_ENTITY_TAG = re.compile(r'[ \t]*(?:W/)?"([\x21\x23-\x7e\x80-\xff]*)"[ \t]*')


def negotiate(accept_language: str | None, preferred: str) -> str:
    """Return the best of LOCALES: by Accept-Language, else the user's own locale, else English.

    A range matches by its primary language (de-CH is served in German), q=0 excludes, `*` stands
    for every language that is not named: the user's own first. Of equal weights the first named wins.
    """
    own = _primary(preferred)
    fallback = own if own in LOCALES else LOCALES[0]
    weights = _weights(accept_language or "")
    named = list(weights)

    def rank(locale: str) -> tuple[float, int]:
        language = locale if locale in weights else "*"
        return (weights[language], -named.index(language)) if language in weights else (0.0, 0)

    # The own locale is tried first, so that it wins among those that `*` stands for.
    best = max((fallback, *LOCALES), key=rank)
    return best if rank(best)[0] > 0 else fallback


def accepts_gzip(accept_encoding: str | None) -> bool:
    """Return whether the client asks for gzip (RFC 9110, section 12.5.3), at least as much as for none.

    Without the field nothing is asked for: the answer comes as it is.
    """
    weights = _weights(accept_encoding or "")
    gzip = weights.get("gzip", weights.get("*", 0.0))
    return gzip > 0 and gzip >= weights.get("identity", 0.0)


def holds(if_none_match: str | None, etag: str) -> bool:
    """Return whether If-None-Match names the entity tag `etag`, given without quotes.

    The comparison is weak and `*` names every tag (RFC 9110, section 13.1.2). A malformed field
    names none: the client gets the whole answer.
    """
    if if_none_match is None:
        return False
    if if_none_match.strip() == "*":
        return True
    found = False
    position = 0
    while position < len(if_none_match):
        match = _ENTITY_TAG.match(if_none_match, position)
        if match is None:
            return False
        found = found or match[1] == etag
        position = match.end()
        if position < len(if_none_match) and if_none_match[position] != ",":
            return False
        position += 1
    return found


def _weights(field: str) -> dict[str, float]:
    weights: dict[str, float] = {}
    for part in field.split(",")[:_MOST_RANGES]:
        match = _RANGE.fullmatch(part.strip(" \t"))
        if match is not None:
            language, weight = _primary(match[1]), float(match[2] or 1)
            weights[language] = max(weight, weights.get(language, 0.0))
    return weights


def _primary(tag: str) -> str:
    return tag.partition("-")[0].partition("_")[0].lower()
