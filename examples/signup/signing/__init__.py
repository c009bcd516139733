"""Signing up: a form, a link by mail, a reminder, a deadline, and a welcome."""
