"""Which runs this worker has: claimed, shared, parked, given back."""
