"""The runtime: everything that drives the pure machine, on one store, in one process."""
