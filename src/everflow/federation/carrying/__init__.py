"""What carries the protocol of handoff: sessions of runs, over the store's verbs and peers' HTTP.

Read ``host`` for how a session is told and obeyed, ``reception`` for who is heard, ``post`` for how
letters go, ``watch`` for how it is known that a run got on, and ``carrier`` for all of it together.
"""
