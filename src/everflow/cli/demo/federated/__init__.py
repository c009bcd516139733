"""The demo of two servers: one publishes, the other reads, and goes on when the first is gone."""
