"""What people do to runs that are there, without executing anything."""
