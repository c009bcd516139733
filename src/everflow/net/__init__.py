"""What talks to the outside: a client that can't be led astray, keys, and signatures.

Three rules hold. Nothing here knows an engine or a store: plain values come in and plain values go
out. Whatever another server says is bounded, in bytes and in time, before it is looked at. What
judges is pure (addresses, policy, freshness, signatures: time is an argument); only ``guard`` and
``client`` open connections.
"""
