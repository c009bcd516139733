"""Pools: the places where attempts run, all of which tell each end once.

``local`` has the threads and the loop of this process; ``processes`` has processes of our own,
``child`` is what runs in these, and ``wire`` what both sides say to each other.
"""
