"""The combinators, one class each: its shape, its settings and its transitions."""
