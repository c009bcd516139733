"""The audit: who did what, by time, filtered and pruned."""

from everflow.engine.records.audit import AuditQuery, audit, audit_lines, prune_audit
from everflow.store import Record
from everflow.stores.memory import MemoryStore

DAY = 86_400_000_000


def written() -> MemoryStore:
    """A store with three lines, a day apart."""
    store = MemoryStore()
    for day, (action, by, run) in enumerate(
        [("cancel", "ann", "r1"), ("retry", "bob", "r1"), ("label", "ann", "r2")]
    ):
        put = audit(action, at=(day + 1) * DAY, by=by, run=run, number=day)
        assert store.write([put], at=0) is not None
    return store


def actions(store: MemoryStore, **filters: object) -> list[str]:
    """What was done, as the audit tells."""
    return [line.action for line in audit_lines(store, AuditQuery(**filters))]  # type: ignore[arg-type]  # each test names its own


def test_lines_are_told_in_the_order_of_their_time() -> None:
    """With all that was said of each."""
    lines = list(audit_lines(written()))
    assert [line.action for line in lines] == ["cancel", "retry", "label"]
    assert (lines[1].at, lines[1].by, lines[1].run) == (2 * DAY, "bob", "r1")
    assert lines[1].detail == {"number": 1}
    assert lines[1].key > lines[0].key


def test_lines_are_filtered() -> None:
    """Every filter alone, and two together."""
    store = written()
    assert actions(store, run="r1") == ["cancel", "retry"]
    assert actions(store, by="ann") == ["cancel", "label"]
    assert actions(store, action="label") == ["label"]
    assert actions(store, since=2 * DAY) == ["retry", "label"]
    assert actions(store, before=2 * DAY) == ["cancel"]
    assert actions(store, by="ann", run="r1") == ["cancel"]


def test_old_lines_are_pruned() -> None:
    """Those from before a time; the others stay."""
    store = written()
    assert prune_audit(store, before=3 * DAY, at=0) == 2
    assert actions(store) == ["label"]
    assert prune_audit(store, before=3 * DAY, at=0) == 0


def test_an_audit_line_is_a_record_like_any_other() -> None:
    """So that it is backed up with the store, and needs no table."""
    (record, *_) = written().records("audit")
    assert isinstance(record, Record)
