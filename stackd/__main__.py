"""Entry point: `python -m stackd` and the `stackd` command."""

from stackd.cli.main import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
