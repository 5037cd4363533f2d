"""Languages and entity tags."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.documents import LOCALES
from billing.entrypoints.negotiation import accepts_gzip, holds, negotiate


@pytest.mark.parametrize(
    ("accept", "own", "expected"),
    [
        (None, "de", "de"),
        (None, "de-AT", "de"),
        (None, "pt_BR", "en"),
        (None, "", "en"),
        ("", "fr", "fr"),
        ("ja", "de", "ja"),
        ("de-CH", "en", "de"),
        ("DE", "en", "de"),
        ("fr;q=0.5, de;q=0.8", "en", "de"),
        ("fr;q=0.5, de;q=0.8, en;q=0.1", "en", "de"),
        ("fr, de", "en", "fr"),
        ("de, fr", "en", "de"),
        ("pt-BR, pt;q=0.9, es;q=0.8", "en", "es"),
        ("pt", "ja", "ja"),
        ("*", "es", "es"),
        ("*;q=0.1, fr;q=0.2", "es", "fr"),
        ("*, en;q=0", "en", "de"),
        ("en;q=0", "en", "en"),
        ("de;q=0", "en", "en"),
        ("fr;q=1.5, de;q=0.1", "en", "de"),
        ("fr;q=x, de;q=0.1", "en", "de"),
        ("fr ; q=0.2 ,\tde;q=0.3", "en", "de"),
        ("fr;q=0.123, de;q=0.124", "en", "de"),
        (";;;,,,", "fr", "fr"),
        ("\uff44\uff45", "fr", "fr"),
    ],
)
def test_the_best_language_is_found(accept: str | None, own: str, expected: str) -> None:
    """Given Accept-Language and a user's locale, when they are weighed, then the best language is served."""
    assert negotiate(accept, own) == expected


@given(st.text(max_size=200), st.text(max_size=20))
def test_there_is_always_a_language(accept: str, own: str) -> None:
    """Given any header, when it is weighed, then a language of ours comes out."""
    assert negotiate(accept, own) in LOCALES


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (None, False),
        ("", False),
        ('"abc"', True),
        ('W/"abc"', True),
        ('"x", "abc"', True),
        ('"x","abc","y"', True),
        ('"x" , W/"abc"', True),
        ("*", True),
        (" * ", True),
        ('"x"', False),
        ('"ABC"', False),
        ("abc", False),
        ('w/"abc"', False),
        ('"abc', False),
        ('"abc" "x"', False),
        ('"x, "abc"', False),
        ('"*"', False),
        ('*, "abc"', False),
    ],
)
def test_if_none_match_is_a_weak_comparison_of_a_list(field: str | None, expected: bool) -> None:
    """Given If-None-Match, when the document's tag is abc, then it holds as RFC 9110 has it."""
    assert holds(field, "abc") is expected


@given(st.text(max_size=200))
def test_no_field_breaks_the_comparison(field: str) -> None:
    """Given any text as If-None-Match, when it is compared, then there is an answer."""
    assert holds(field, "f" * 64) in {True, False}


@given(st.lists(st.from_regex(r"[a-f0-9]{4}", fullmatch=True), max_size=8), st.booleans())
def test_a_tag_in_the_list_is_found_and_no_other(tags: list[str], weak: bool) -> None:
    """Given a well-formed list, when a tag is looked for, then it is found exactly if it is there."""
    prefix = "W/" if weak else ""
    field = ", ".join(f'{prefix}"{tag}"' for tag in tags)
    assert holds(field, "beef") is ("beef" in tags)


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (None, False),
        ("", False),
        ("identity", False),
        ("gzip", True),
        ("GZIP;q=0.5, br", True),
        ("*", True),
        ("*;q=0", False),
        ("gzip;q=0, *", False),
        ("br, deflate", False),
        ("gzip;q=0.5, identity", False),
        ("gzip;q=0.5, identity;q=0.5", True),
        ("gzip;q=2", False),
    ],
)
def test_gzip_is_sent_to_whoever_accepts_it(field: str | None, expected: bool) -> None:
    """Given Accept-Encoding, when gzip could be sent, then it is where RFC 9110 says it is wanted."""
    assert accepts_gzip(field) is expected
