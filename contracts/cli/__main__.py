"""``python -m contracts.cli`` is the command ``contracts``."""

from contracts.cli import main

main()
