"""`python -m dicomanon` is `dicomanon`."""

from dicomanon.cli import main

main()
