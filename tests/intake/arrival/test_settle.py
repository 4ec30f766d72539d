"""When a file has stopped growing."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from stackd.intake.arrival.settle import Settling, looked
from stackd.model.frame import Fingerprint

SETTLE_S = 2.0


@dataclass(frozen=True)
class Seen:
    path: str = "IMG_1.JPG"
    size: int = 100
    mtime_ns: int = 5
    changed_ns: int = 5
    inode: int = 1
    being_written: bool = False

    @property
    def fingerprint(self) -> Fingerprint:
        return Fingerprint(size_bytes=self.size, mtime_ns=self.mtime_ns)


def after(*looks: tuple[float, list[Seen]]) -> Settling:
    settling = Settling()
    for now_s, files in looks:
        settling = looked(settling, files, now_s=now_s)
    return settling


def test_a_file_still_growing_is_not_settled():
    settling = after(*((float(second), [Seen(size=100 * second)]) for second in range(10)))

    assert settling.settled(SETTLE_S) == frozenset()


def test_a_file_that_kept_still_between_two_looks_is_settled():
    assert after((0.0, [Seen()]), (2.0, [Seen()])).settled(SETTLE_S) == {"IMG_1.JPG"}


def test_one_look_is_not_enough_however_old_the_file_claims_to_be():
    """`cp -p` keeps a time in 1980: only change that was seen counts."""
    assert after((1e6, [Seen(mtime_ns=0)])).settled(0.0) == frozenset()


def test_a_time_in_the_future_settles_like_any_other():
    later = Seen(mtime_ns=4_070_908_800_000_000_000)

    assert after((0.0, [later]), (2.5, [later])).settled(SETTLE_S) == {"IMG_1.JPG"}


def test_any_change_begins_the_wait_anew():
    for changed in (Seen(size=101), Seen(mtime_ns=6), Seen(changed_ns=6), Seen(inode=2)):
        assert after((0.0, [Seen()]), (1.5, [changed]), (3.0, [changed])).settled(SETTLE_S) == frozenset()
        assert after((0.0, [Seen()]), (1.5, [changed]), (3.5, [changed])).settled(SETTLE_S) == {"IMG_1.JPG"}


def test_a_file_held_open_by_a_writer_waits_even_when_it_does_not_change():
    held = Seen(being_written=True)

    assert after((0.0, [held]), (5.0, [held]), (10.0, [held])).settled(SETTLE_S) == frozenset()
    assert after((0.0, [held]), (5.0, [Seen()]), (6.0, [Seen()])).settled(SETTLE_S) == frozenset()
    assert after((0.0, [held]), (5.0, [Seen()]), (7.0, [Seen()])).settled(SETTLE_S) == {"IMG_1.JPG"}


def test_a_file_that_vanished_is_forgotten():
    settling = after((0.0, [Seen()]), (1.0, []), (2.0, [Seen()]))

    assert settling.settled(SETTLE_S) == frozenset()
    assert settling.settling(SETTLE_S) == {"IMG_1.JPG"}


def test_it_is_known_when_to_look_again():
    assert after((10.0, [Seen()])).next_settled_s(SETTLE_S) == 12.0
    assert after((10.0, [Seen()]), (12.0, [Seen()])).next_settled_s(SETTLE_S) is None


@given(st.lists(st.tuples(st.floats(0.01, 5.0), st.integers(0, 2)), min_size=1, max_size=12))
def test_nothing_settles_that_changed_within_the_time(steps: list[tuple[float, int]]):
    now_s, settling, last_change_s, size = 0.0, Settling(), 0.0, -1
    for pause_s, new_size in steps:
        now_s += pause_s
        if new_size != size:
            size, last_change_s = new_size, now_s
        settling = looked(settling, [Seen(size=size)], now_s=now_s)
        if settling.settled(SETTLE_S):
            assert now_s - last_change_s >= SETTLE_S
