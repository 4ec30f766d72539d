# ruff: noqa: T201  (a program that tells another what it found)
"""A service that publishes one composite, in a process of its own, so that strace can make the system fail it at any call.

`python -m tests.crash.publishing_run SOCKET` loads everything once and then forks a life for every line `traced FOLDER` or
`alone FOLDER`: the calls of a life are few and always the same ones. A traced life says on the socket that it is there and waits
for an answer, once before it begins, where strace is put on, and once when it is done or has waited for a while, where strace is
taken off; then it goes on. Its last words are `life.json` in the folder.
"""

import json
import os
import socket
import sys
import traceback
from dataclasses import dataclass, field
from pathlib import Path

from stackd.model.job import JobState
from stackd.service.ports import Handling, Placing
from stackd.service.run.daemon import Daemon
from stackd.service.run.start import begin
from tests.fakes.clock import CrankingWaker, HandCrankedClock
from tests.fakes.house_on_disk import HouseOnDisk
from tests.fakes.manager import RememberingManager, SentSignals

FAULTY_S = 120.0
"""Long enough for a stack to settle, be made, and be tried again several times."""
LONGEST_S = 3_600.0
"""Blocked stacks are tried less and less often; an hour holds several tries."""


@dataclass
class Life:
    """From a start of the service to its end, by a clock turned by hand."""

    place: Path
    clock: HandCrankedClock = field(default_factory=HandCrankedClock)
    manager: RememberingManager = field(default_factory=RememberingManager)
    house: HouseOnDisk | None = None
    daemon: Daemon | None = None

    def live(self, seconds: float) -> None:
        """Start, or wait to be able to, and work; ends early when the composite is there."""
        until_s = self.clock.now_s() + seconds
        while self.clock.now_s() < until_s and not self._is_done():
            if self.daemon is None:
                self._begin(until_s)
            else:
                self.clock.pass_s(0.5)
                self.daemon.turn()

    def _begin(self, until_s: float) -> None:
        signals = SentSignals()
        clock = self.clock

        class StoppingWaker(CrankingWaker):
            def wait(self, timeout_s: float) -> None:
                super().wait(timeout_s)
                signals.stop = clock.now_s() > until_s

        self.daemon = begin(self._try, clock=clock, waker=StoppingWaker(clock), signals=signals, manager=self.manager)

    def _try(self) -> Daemon:
        if self.house is None:
            self.house = HouseOnDisk(self.place, Placing(review=Handling.PUBLISH))
            self.house.clock, self.house.manager = self.clock, self.manager
            self.house.drop_stack("beetle", count=3)
        self.house.switch_on()
        assert self.house.daemon is not None
        return self.house.daemon

    def _is_done(self) -> bool:
        return self.daemon is not None and any(job.state is JobState.DONE for job in self.daemon.state.finished.values())

    def words(self) -> list[str]:
        """What a user is told: why stacks wait, what the journal's trouble is, and what the service manager heard."""
        told = list(self.manager.told)
        if self.daemon is not None:
            told += [ticket.job.error or "" for ticket in self.daemon.state.tickets.values()]
            told.append(self.daemon.state.journal_trouble)
        return [words for words in told if words]

    def states(self) -> list[str]:
        if self.daemon is None:
            return []
        jobs = [ticket.job for ticket in self.daemon.state.tickets.values()] + list(self.daemon.state.finished.values())
        return [job.state for job in jobs]


def live_once(place: Path, tracer: socket.socket | None) -> None:
    """Live through trouble and after it."""
    life = Life(place)
    if tracer is not None:
        _wait_for(tracer)
        life.live(FAULTY_S)
        _wait_for(tracer)
    said, states = life.words(), life.states()
    life.live(LONGEST_S)
    if life.daemon is not None:
        life.daemon.stop()
    (place / "life.json").write_text(json.dumps({"said": said, "in_trouble": states, "at_last": life.states()}))


def _wait_for(tracer: socket.socket) -> None:
    # Neither of these calls is one that changes a disk.
    tracer.send(b"?")
    tracer.recv(1)


def main() -> None:
    """Fork a life for every folder that is named, say its number, and say how it ended."""
    tracer = socket.socket(fileno=int(sys.argv[1]))
    for line in sys.stdin:
        how, _, place = line.rstrip("\n").partition(" ")
        child = os.fork()
        if child == 0:
            code = 1
            try:
                live_once(Path(place), tracer if how == "traced" else None)
                code = 0
            except BaseException:  # noqa: BLE001  (a life that ends otherwise is what the test is about)
                traceback.print_exc()
            finally:
                os._exit(code)
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
