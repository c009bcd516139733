"""Schedules: flows that the clock starts, once per instant over all processes of a store.

``cron`` and ``pattern`` compute instants, ``policy`` decides what an instant does, all pure;
``spec`` is what a schedule is and what its record holds; ``firing`` is the part of a worker that
fires, ``book`` what people and programs do with schedules.
"""
