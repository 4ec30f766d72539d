"""Messages between the service and its child processes: pickles behind an eight-byte length."""

import copyreg
import io
import pickle
import struct
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import BinaryIO, Final

LENGTH: Final = struct.Struct(">Q")
"""Says how long the pickle behind it is."""

Report = tuple[str, object]
"""("progress", (stage, done, total)) · ("result", value) · ("error", StackdError) · ("unexpected", text)"""


def framed(value: object) -> bytes:
    """Write a value as a message. Read-only mappings, which frozen values hold and `pickle` refuses, are understood."""
    content = io.BytesIO()
    pickler = pickle.Pickler(content)
    pickler.dispatch_table = copyreg.dispatch_table | {MappingProxyType: _take_apart}
    pickler.dump(value)
    return LENGTH.pack(content.tell()) + content.getvalue()


def read_message(pipe: BinaryIO) -> object | None:
    """Read one message; None at the end."""
    head = pipe.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    value: object = pickle.loads(pipe.read(length))  # noqa: S301  (comes from the parent process alone)
    return value


def read_only(content: Mapping[object, object]) -> Mapping[object, object]:
    """Put a read-only mapping together again."""
    return MappingProxyType(content)


def _take_apart(mapping: "MappingProxyType[object, object]") -> "tuple[Callable[..., object], tuple[object, ...]]":
    return (read_only, (dict(mapping),))
