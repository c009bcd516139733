"""The demo: a real pipeline whose worker is killed twice, and proof that nothing was lost."""
