"""The protocol of replication and handoff between instances: pure, told and asked, no IO.

Read ``states`` for what there is, ``session`` for the one function that does it, and ``turns`` for
what whoever carries it out must hold: the act first, in one transaction, then the words.
"""
