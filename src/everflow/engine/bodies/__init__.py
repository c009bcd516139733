"""Bodies: code in direct style, as the engine runs it.

``calling`` is how a body's function is called and what its awaits stand for; ``live`` advances it
from one await to the next; ``replaying`` holds it against the log of a run; ``asking`` finds the
types of what it asks.
"""
