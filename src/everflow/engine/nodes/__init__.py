"""How nodes are begun in their places, stopped, and what becomes of their ends."""
