"""What a process may ask of a store without executing anything."""
