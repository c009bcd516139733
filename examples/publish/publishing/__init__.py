"""What a small content site does to a post, as plain functions that know nothing of Everflow.

Laws: a function that writes may be repeated after a crash and leaves the same bytes; whoever reads
a folder sees whole files only; nothing here waits for a person, `flow.py` does.
"""
