"""What the verbs of a PostgreSQL store cost beside few runs and beside many."""
