"""Stores: implementations of the contract in `everflow.store`, each importable on its own."""
