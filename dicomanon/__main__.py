"""`python -m dicomanon` is `dicomanon`."""

from __future__ import annotations

import gc


def main() -> None:
    """Run the command line."""
    # Modules being loaded and headers of many frames make many small objects, and no cycles.
    gc.set_threshold(100_000, 50, 50)
    from dicomanon.cli import main as run

    run()


if __name__ == "__main__":
    main()
