"""``python -m everflow.cli``: the same program where no script is installed."""

from everflow.cli import main

main()
