"""Signed requests, in the two ways that servers speak: RFC 9421, and the draft that came before it.

Pure functions: a message, a key and the time come in; headers or a ``Claim`` come out. Four rules
hold for both ways, each against an attack of its own:

- A signature must cover the method, all of the target with its query, the host and, where there
  may be a body, its digest. What isn't covered may be edited.
- The algorithm follows from the key; what a message says of it must agree and decides nothing.
- There is exactly one signature, and none of its parts comes twice: two readers of one message
  must not see two different ones.
- It must be fresh. That it wasn't seen before is for whoever keeps nonces to say.
"""
