"""Entry point: `python -m stackd` and the `stackd` command."""

import os

from stackd.cli.main import main

__all__ = ["main"]

# The matrices stackd solves are small: more BLAS threads only spin, for two of twelve CPU seconds on ten 24-megapixel frames.
# numpy reads this when it is loaded, which no command does before its own work begins; worker processes inherit it.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

if __name__ == "__main__":
    main()
