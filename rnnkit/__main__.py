"""`rnnkit`, and `python -m rnnkit`."""

import sys
from typing import NoReturn

__all__ = ["main"]


def main() -> NoReturn:
    """Run the command line; an interrupt while it is still being imported ends quietly too."""
    try:
        from rnnkit.cli import main as run

        run()
    except KeyboardInterrupt:
        sys.stderr.write("rnnkit: interrupted\n")
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
