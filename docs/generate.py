"""Write what the docs take from the code: the example configuration, tables, and the pictures of who imports whom.

Run by `nox -s generated`.
"""

import re
from pathlib import Path

import grimp

from stackd.config.explain import example_toml, key_tables_markdown
from stackd.intake.arrival import keep_out

ROOT = Path(__file__).parents[1]
BEGIN, END = "<!-- keys: begin -->\n", "<!-- keys: end -->\n"
FOLDERS_BEGIN, FOLDERS_END = "<!-- folders: begin -->\n", "<!-- folders: end -->\n"

PICTURE = re.compile(r"(?P<head>```mermaid\nflowchart \w\w\n    %% (?P<package>[\w.]+)\n)(?P<arrows>.*?)(?P<end>```)", re.DOTALL)
"""A picture of the rooms of a package; the comment on its second line names the package."""


def main() -> None:
    """Rewrite the files in the checkout."""
    (ROOT / "config" / "stackd.example.toml").write_text(example_toml(), encoding="utf-8")
    _put_between(ROOT / "docs" / "configuration.md", BEGIN, key_tables_markdown(), END)
    _put_between(ROOT / "docs" / "formats.md", FOLDERS_BEGIN, keep_out.table_markdown(), FOLDERS_END)
    page = ROOT / "docs" / "architecture.md"
    page.write_text(PICTURE.sub(_drawn_anew, page.read_text(encoding="utf-8")), encoding="utf-8")


def arrows(package: str) -> list[str]:
    """Tell which child of a package imports which, as lines of a Mermaid flowchart, importers before what they stand on."""
    graph = grimp.build_graph("stackd", cache_dir=None)
    depth = package.count(".") + 1

    def room(module: str) -> str:
        parts = module.split(".")
        return parts[depth].strip("_") if len(parts) > depth and module.startswith(f"{package}.") else ""

    pairs = {(room(one), room(other)) for one in graph.modules for other in graph.find_modules_directly_imported_by(one)}
    pairs = {(one, other) for one, other in pairs if one and other and one != other}
    return [f"    {one} --> {other}\n" for one, other in sorted(pairs, key=lambda pair: (_height(pairs, pair[0]), *pair))]


def _put_between(page: Path, begin: str, text: str, end: str) -> None:
    before, rest = page.read_text(encoding="utf-8").split(begin)
    _, after = rest.split(end)
    page.write_text(f"{before}{begin}{text}{end}{after}", encoding="utf-8")


def _height(pairs: set[tuple[str, str]], room: str) -> int:
    """Rooms at the top of the picture have 0: nobody imports them."""
    return max((1 + _height(pairs, above) for above, below in pairs if below == room), default=0)


def _drawn_anew(picture: re.Match[str]) -> str:
    return picture["head"] + "".join(arrows(picture["package"])) + picture["end"]


if __name__ == "__main__":
    main()
