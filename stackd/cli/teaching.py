"""Help that teaches: it ends with examples, written out as they stand."""

import re
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

HEADING = re.compile(r"\[bold\](.*?)\[/bold\]")
"""How examples mark a heading."""

HELP_NAMES = {"help_option_names": ["-h", "--help"]}


class TeachingCommand(TyperCommand):
    """A command whose help ends with its examples as they are written, not wrapped into a paragraph."""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the examples."""
        del ctx
        write_examples(self.epilog, formatter)


class TeachingGroup(TyperGroup):
    """A group of commands with examples, as `TeachingCommand`."""

    command_class = TeachingCommand

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the examples."""
        del ctx
        write_examples(self.epilog, formatter)


def write_examples(examples: str | None, formatter: Any) -> None:
    """Write a command's examples line by line, headings bold."""
    if examples:
        text = HEADING.sub(lambda heading: typer.style(heading.group(1), bold=True), examples.strip("\n"))
        formatter.write(f"\n{text}\n")
