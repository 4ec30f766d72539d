"""Text from outside is spelled so that a person can read it and everything can take it."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackd.model.names import EXCERPT_CHARACTERS, UNSAFE_CATEGORIES, encodable, excerpt, shown

anything = st.text(st.characters(codec=None, exclude_categories=()))


@given(anything)
def test_whatever_is_spelled_can_be_encoded_seen_and_spelled_again(text: str) -> None:
    spelled = shown(text)

    spelled.encode()

    assert not any(unicodedata.category(character) in UNSAFE_CATEGORIES for character in spelled)
    assert shown(spelled) == spelled


@given(anything)
def test_what_can_be_encoded_stays_as_it_is_and_the_rest_can_be_afterwards(text: str) -> None:
    encodable(text).encode()

    assert encodable(encodable(text)) == encodable(text)
    if not any("\ud800" <= character <= "\udfff" for character in text):
        assert encodable(text) == text


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("\udcff.jpg", r"\xff.jpg"),
        ("\ud800x", r"\ud800x"),
        ("a\x1b]0;title\x07", r"a\x1b]0;title\x07"),
        ("gpj.\u202e1", r"gpj.\u202e1"),
        ("one\ntwo\u2028three", r"one\ntwo\u2028three"),
        ("Käfer 昆虫", "Käfer 昆虫"),
    ],
)
def test_what_cannot_be_seen_becomes_an_escape(text: str, spelled: str) -> None:
    assert shown(text) == spelled


def test_of_a_long_text_a_sentence_repeats_the_beginning_only() -> None:
    assert excerpt("x" * 900_000) == "x" * EXCERPT_CHARACTERS + "…"
    assert excerpt("short") == "short"
