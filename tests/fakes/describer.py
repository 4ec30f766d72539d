"""Descriptions told by a test instead of read from files."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from stackd.intake.arrival.admit import Role, admit
from stackd.model.frame import Fingerprint, FrameMeta
from stackd.service.ports import Answer, Described, ManifestRead, NotDescribed


def content_hash(path: str, fingerprint: Fingerprint) -> str:
    """In this world the content is told by name and size; a touch changes neither."""
    return hashlib.sha256(f"{path}:{fingerprint.size_bytes}".encode("utf-8", "surrogateescape")).hexdigest()


def picture_hash(path: str, fingerprint: Fingerprint) -> str:
    """In this world the picture is told by the file's own name and the last digits of its size: ratings add whole thousands."""
    told = f"{Path(path).name}:{fingerprint.size_bytes % 1_000}"
    return f"1:{hashlib.sha256(told.encode('utf-8', 'surrogateescape')).hexdigest()}"


def hashed(path: str, fingerprint: Fingerprint) -> Fingerprint:
    """Fill in what reading a file whole tells."""
    return replace(fingerprint, content_sha256=content_hash(path, fingerprint), picture=picture_hash(path, fingerprint))


class TellingDescriber:
    """Answers at once; `unreadable` and `manifests` are filled by the test."""

    def __init__(self, meta_of: Callable[[str], FrameMeta]) -> None:
        self._meta_of = meta_of
        self._answers: list[Answer] = []
        self.unreadable: dict[str, str] = {}
        self.unreachable: dict[str, str] = {}
        """Like `unreadable`, for reasons that may pass."""
        self.manifests: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.hashed: list[str] = []

    def ask(self, watch: str, folder: Path, path: str, fingerprint: Fingerprint, *, with_hash: bool = False) -> None:
        del folder
        self.asked.append(path)
        if admit(path).role is Role.MANIFEST:
            content = self.manifests.get(path, b"")
            self._answers.append(ManifestRead(watch=watch, path=path, fingerprint=fingerprint, content=content))
        elif path in self.unreadable:
            reason = self.unreadable[path]
            self._answers.append(NotDescribed(watch=watch, path=path, fingerprint=fingerprint, reason=reason))
        elif path in self.unreachable:
            reason = self.unreachable[path]
            self._answers.append(NotDescribed(watch=watch, path=path, fingerprint=fingerprint, reason=reason, may_pass=True))
        else:
            meta = self._meta_of(path)
            if with_hash:
                self.hashed.append(path)
                fingerprint = hashed(path, fingerprint)
            self._answers.append(Described(watch=watch, path=path, fingerprint=fingerprint, meta=meta))

    def answers(self) -> tuple[Answer, ...]:
        answers, self._answers = tuple(self._answers), []
        return answers

    def close(self) -> None:
        self._answers = []
