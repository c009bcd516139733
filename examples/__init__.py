"""Examples: each runs as it stands."""
