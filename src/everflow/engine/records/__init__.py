"""What the store keeps beside runs: a module for each kind of record."""
