"""Write what the docs take from the code: the example configuration and the table of keys. Run by `nox -s generated`."""

from pathlib import Path

from stackd.config.explain import example_toml, key_tables_markdown

ROOT = Path(__file__).parents[1]
BEGIN, END = "<!-- keys: begin -->\n", "<!-- keys: end -->\n"


def main() -> None:
    """Rewrite both files in the checkout."""
    (ROOT / "config" / "stackd.example.toml").write_text(example_toml(), encoding="utf-8")
    page = ROOT / "docs" / "configuration.md"
    before, rest = page.read_text(encoding="utf-8").split(BEGIN)
    _, after = rest.split(END)
    page.write_text(f"{before}{BEGIN}{key_tables_markdown()}{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
