"""The loop of a worker, and the threads around it."""
