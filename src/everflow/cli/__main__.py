"""``python -m everflow.cli``: the same program where no script is installed."""

from everflow.cli import main

# A process that is spawned from this one imports it again, under another name.
if __name__ == "__main__":
    main()
