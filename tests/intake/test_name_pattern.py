"""A pattern of names that somebody typed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stackd.intake.name_pattern import BadPatternError, parse_pattern


@pytest.mark.parametrize(
    ("pattern", "stem", "stack", "focus"),
    [
        ("{stack}_{focus}", "scan_001_07", (("stack", "scan_001"),), 7.0),
        ("{stack}{focus}", "beetle12", (("stack", "beetle"),), 12.0),
        ("z{focus}-{stack}", "Z-0,25-left wing", (("stack", "left wing"),), -0.25),
        ("X{x}Y{y}Z{z}", "X05250Y00900Z00550", (("x", "05250"), ("y", "00900")), 550.0),
        ("view{view} l{light} {any}_{focus}", "view012 l3 IMG_0412_07", (("view", "012"), ("light", "3")), 7.0),
        ("{date}_{focus}", "20240504_101500_03", (("date", "20240504_101500"),), 3.0),
        ("{stack}_{focus}_{date}", "a_03_2024-05-04 10.15.00", (("stack", "a"), ("date", "2024-05-04")), 3.0),
        ("({stack}) [{focus}]", "(a.b) [2]", (("stack", "a.b"),), 2.0),
    ],
)
def test_a_name_is_read_by_its_pattern(pattern: str, stem: str, stack: tuple[tuple[str, str], ...], focus: float):
    named = parse_pattern(pattern).read(stem)

    assert named is not None
    assert (named.stack, named.focus) == (stack, focus)


def test_a_name_built_otherwise_is_not_read():
    assert parse_pattern("{stack}_{focus}").read("IMG 0412") is None


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("{stack}_{number}", "{number}, which is not known; known are {stack}"),
        ("{stack}", "no field that counts the frames"),
        ("{stack}_{focus", "curly bracket without its other half"),
        ("{stack}/{focus}", "slash"),
        ("{stack}_{focus}.jpg", "ends in .jpg"),
        ("{focus}_{focus}", "{focus} twice"),
        ("{focus} {stack}{any}", "{stack}{any} with nothing between"),
        ("{x}{y}{z}", "{x}{y} with nothing between"),
        ("{focus}" + "a" * 200, "longer than 200"),
    ],
)
def test_a_pattern_that_cannot_be_used_is_refused_with_what_to_write(pattern: str, words: str):
    with pytest.raises(BadPatternError) as refused:
        parse_pattern(pattern)

    assert words in str(refused.value)


@settings(deadline=None)
@given(st.text(max_size=40), st.text(max_size=40))
def test_any_text_is_a_pattern_or_refused(text: str, stem: str):
    try:
        pattern = parse_pattern(text)
    except BadPatternError:
        return
    pattern.read(stem)
