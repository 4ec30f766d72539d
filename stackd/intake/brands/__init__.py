"""Raw tags in, normalised frame metadata out: one table a brand, and the tables every brand shares."""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType

from stackd.intake.brands import apple, canon, compacts, fujifilm, nikon, olympus, panasonic, phase_one, sony, standard
from stackd.intake.brands.moment import Moment, capture_moment
from stackd.intake.brands.rules import Rules, Value
from stackd.model.frame import FrameMeta
from stackd.model.tags import Tags

_BRANDS: tuple[tuple[tuple[str, ...], Rules], ...] = tuple(
    (brand.MAKES, brand.RULES) for brand in (apple, canon, compacts, fujifilm, nikon, olympus, panasonic, phase_one, sony)
)

_ALL_RULES: Rules = tuple(line for _, rules in _BRANDS for line in rules)
"""For files that lost the maker's name (some converters, CRW): keys tell brands apart by themselves."""

FILE_TIME_RESOLUTION_S = 2.0
"""Of the coarsest file systems cameras and cards use."""

OUR_XMP = "Xmp.stackd."
"""Our own properties: only composites of ours carry them."""


def frame_meta(tags: Tags, *, path: str, mtime_ns: int) -> FrameMeta:
    """Normalise what a file says of itself. Never raises for what the tags contain; what makes no sense is left out.

    Parameters
    ----------
    tags : Tags
        As fetched.
    path : str
        Relative path; its name may hold a time.
    mtime_ns : int
        Of the file: the weakest source of a time.
    """
    values: Mapping[str, str] = tags.values
    note = tags.raw.get("Exif.Photo.MakerNote", b"")
    if note.startswith(b"Apple iOS"):
        values = {**values, **apple.read_note(note)}
    found: dict[str, Value] = {}
    sources: dict[str, str] = {}
    for line in (*standard.FIRST, *_rules_of(values), *standard.LAST):
        if line.field in found:
            continue
        texts = [values.get(key) for key in line.keys]
        value = line.convert(*texts) if any(text is not None for text in texts) else None
        if value is not None:
            found[line.field] = value
            sources[line.field] = " + ".join(key for key, text in zip(line.keys, texts, strict=True) if text is not None)
    if any(key.startswith(OUR_XMP) for key in values):
        found["result_of"], sources["result_of"] = "stackd made it", OUR_XMP.rstrip(".")
    header = tags.header
    for field, side in (("width_px", header.width_px), ("height_px", header.height_px)):
        if side is not None:
            found[field], sources[field] = side, "header"
    moment = capture_moment(values, path) or Moment(
        captured_at=_file_time(mtime_ns), resolution_s=FILE_TIME_RESOLUTION_S, source="mtime"
    )
    sources["captured_at"] = moment.source
    return FrameMeta(
        captured_at=moment.captured_at,
        time_resolution_s=moment.resolution_s,
        orientation=header.orientation if 1 <= header.orientation <= 8 else 1,  # noqa: PLR2004  EXIF
        page_count=header.pages,
        page_positions_m=header.page_positions_m,
        sources=MappingProxyType(sources),
        **found,  # type: ignore[arg-type]
    )


def _rules_of(values: Mapping[str, str]) -> Rules:
    make = (values.get("Exif.Image.Make") or values.get("Xmp.tiff.Make") or "").strip().lower()
    for makes, rules in _BRANDS:
        if make.startswith(makes):
            return rules
    return _ALL_RULES


def _file_time(mtime_ns: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(mtime_ns / 1e9, tz=UTC)
    except (OverflowError, OSError, ValueError):
        return None
