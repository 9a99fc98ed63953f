"""`python -m muralist`, the command line."""

from muralist.cli import main

main()
