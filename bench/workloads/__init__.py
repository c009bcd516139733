"""The workloads, in the order of the table."""

from bench.goals import Workload
from bench.workloads import (
    beginnings,
    busy,
    changing,
    direct,
    fleet,
    long,
    questions,
    queued,
    rates,
    remote,
    replicated,
    schedules,
    triggers,
)

__all__ = ["WORKLOADS"]

WORKLOADS: dict[str, Workload] = {
    one.name: one
    for one in (
        *rates.WORKLOADS,
        *busy.WORKLOADS,
        *questions.WORKLOADS,
        *queued.WORKLOADS,
        *beginnings.WORKLOADS,
        *direct.WORKLOADS,
        *long.WORKLOADS,
        *schedules.WORKLOADS,
        *changing.WORKLOADS,
        *triggers.WORKLOADS,
        *remote.WORKLOADS,
        *replicated.WORKLOADS,
        *fleet.WORKLOADS,
    )
}
