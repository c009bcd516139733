"""The whole suite as one class: every part, no test of its own."""

from everflow.testing.conformance.accepting import AcceptRules
from everflow.testing.conformance.appending import AppendRules
from everflow.testing.conformance.bound import BoundRules, HoldingRules
from everflow.testing.conformance.claiming import ArrivalRules, ClaimRules
from everflow.testing.conformance.early import EarlyRules
from everflow.testing.conformance.fencing import FenceRules
from everflow.testing.conformance.handing import TenureRules
from everflow.testing.conformance.hostile import HostileRules, ThreadRules
from everflow.testing.conformance.keeping import ExportRules, KeepingRules
from everflow.testing.conformance.leasing import LeaseRules
from everflow.testing.conformance.moving import MoveRules
from everflow.testing.conformance.operating import GenerationRules, LabelRules, PauseRules
from everflow.testing.conformance.queueing import PlaceRules, QueueRules
from everflow.testing.conformance.reading import LoadRules, QueryRules
from everflow.testing.conformance.records import RecordRules
from everflow.testing.conformance.releasing import ReleaseRules
from everflow.testing.conformance.retaining import RetentionRules
from everflow.testing.conformance.settling import SettleRules
from everflow.testing.conformance.signals import LetterRules, SignalRules
from everflow.testing.conformance.starting import StartRules
from everflow.testing.conformance.upgrades import UpgradeRules
from everflow.testing.conformance.workers import WorkerRules


class StoreConformance(
    WorkerRules,
    StartRules,
    AppendRules,
    AcceptRules,
    ClaimRules,
    BoundRules,
    HoldingRules,
    EarlyRules,
    ArrivalRules,
    LoadRules,
    QueryRules,
    ExportRules,
    KeepingRules,
    LeaseRules,
    RecordRules,
    ReleaseRules,
    RetentionRules,
    SettleRules,
    SignalRules,
    LetterRules,
    QueueRules,
    GenerationRules,
    LabelRules,
    PauseRules,
    PlaceRules,
    UpgradeRules,
    TenureRules,
    MoveRules,
    FenceRules,
    HostileRules,
    ThreadRules,
):
    """Every rule of the contract; fill in the hooks."""
