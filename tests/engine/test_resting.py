"""What goes on by itself in a moment, as a worker that is to end asks."""

from everflow.engine.owning.resting import moves_soon
from everflow.engine.records.queues import KIND as QUEUE
from everflow.engine.schedules.spec import KIND as SCHEDULE
from everflow.store import NewRun, Put
from everflow.stores.memory import MemoryStore


def test_what_cannot_be_read_keeps_no_worker_from_ending() -> None:
    """A damaged schedule that is due, and a damaged queue in which a run waits."""
    store = MemoryStore()
    store.write(
        [
            Put(kind=SCHEDULE, key="s", body="{", due=1),
            Put(kind=QUEUE, key="q", body="{"),
        ],
        at=1,
        starts=[NewRun(id="r", flow="f", definition="d", body="[]", sum=0, at=1, queue="q")],
        definitions=[("d", "{}")],
    )
    assert store.waiting() == ["q"]
    assert not moves_soon(store, [], now=2, within=5)


def test_a_schedule_that_is_due_is_waited_for() -> None:
    """And one that is due later isn't, as nothing of it waits."""
    store = MemoryStore()
    plan = '{"flow":"f","definition":"d","value":"1"}'
    body = f'{{"plan":{plan},"standing":{{"next":9}},"declared":""}}'
    store.write([Put(kind=SCHEDULE, key="s", body=body, due=9)], at=1)
    assert not moves_soon(store, [], now=8, within=5)
    assert moves_soon(store, [], now=9, within=5)
