"""Runs in memory: how rows become machines, and how these learn."""
