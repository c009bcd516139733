"""What the nodes of the digest do: plain functions that know nothing of Everflow."""
