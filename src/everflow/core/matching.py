"""Matching: what a changed flow means for a run that stands in the flow of before.

Four rules hold here. A child is known again by its name, where it has one, else by what it is and
its order; where several could be it, nothing is guessed. What is known again keeps the name that it
has in the run, and what is new gets one that no run of the old flow can have used: so op ids stay,
and none is ever minted twice. Only where a run stands must be known again: what it passed is past.
A flow is matched once for all of its runs; each run then costs as much as it has frames and ops.

Each combinator says by ``succeeds``, ``refit`` and ``refit_op`` what its own frames and ops need.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import msgspec

from everflow.core.alignment import align
from everflow.core.flow import Site
from everflow.core.frames import AnyFrame
from everflow.core.ops import ROOT, NodeOp
from everflow.core.program import Lineage, Program
from everflow.core.state import State
from everflow.core.upgrade import Upgrade

__all__ = ["Fit", "Matching", "Verdict"]

EXACT, SIMILAR = 3, 2  # scores of two children of no name
LABEL = 'label the steps, as in step.named("draft"), in the flow of before and in the new one'
GONE = "the new flow has no such step"
KEEP = "let such runs end as they are: they go on in the shape that they were started with"


class Fit(StrEnum):
    """How a run fits the code that is there."""

    SAME = "same"  # nothing changes for it
    SETTINGS = "settings"  # it takes the new settings by itself
    MOVES = "moves"  # an upgrade takes it to the new shape
    CANNOT = "cannot"  # it stands where the new shape has nothing: it goes on in its old one
    MISSING = "missing"  # functions are gone that it needs: it would be parked
    MISFIT = "misfit"  # a value that it holds doesn't fit today's types: it would be parked


@dataclass(frozen=True)
class Verdict:
    """A run's fit. ``position``, ``reason`` and ``hint`` say why it can't be moved.

    ``passed``: new steps before the place where the run stands, which it never runs.
    """

    fit: Fit
    position: str = ""
    reason: str = ""
    hint: str = ""
    upgrade: Upgrade | None = None
    passed: tuple[str, ...] = ()


@dataclass
class _Child:
    """A child of a pair. ``known``: the name that it is known by, "" where it has none."""

    key: str
    known: str
    site: Site
    whole: int  # the digest of all that it is


@dataclass
class _Ends:
    """Where matching ended: an old child, and the new ones that it could have been."""

    old: _Child
    left: list[_Child] = field(default_factory=list)


class Matching:
    """An old program beside a new one. ``program`` is the new one under the runs' own names."""

    def __init__(self, old: Program, new: Program) -> None:
        self._old = old
        plain = Program(new.flow, new.name)
        self._digests = _Digests()
        self._whole_old = self._digests.of(old)
        self._whole_new = self._digests.of(plain)
        self._plain: dict[str, Site] = {}  # by the position in the run
        self._ends: dict[str, _Ends | str] = {}
        lineage = old.lineage or Lineage(0)
        self._number = lineage.number + 1
        self._names: dict[str, str] = {}
        self._retired = set(lineage.retired)
        self._walk(plain)
        if self._names or self._retired:
            made = Lineage(self._number, self._names, tuple(sorted(self._retired)))
            self.program = Program(new.flow, new.name, made)
        else:
            self.program = plain
        self._tags = _tags(plain)
        self._gone_tags = _tags(old) - self._tags

    # --- the flows

    def _walk(self, plain: Program) -> None:
        self._ends[ROOT] = ""
        pairs = [(self._old.root, plain.root, False)]
        while pairs:
            old, new, labelled = pairs.pop()
            if old.flow.kind != new.flow.kind:
                why = f"it was {_a(old.flow.kind)} and is {_a(new.flow.kind)} now"
            else:
                why = new.flow.succeeds(old.flow, labelled=labelled)
            if why:
                self._ends[old.position] = why
                continue
            self._plain[old.position] = new
            pairs += self._children(old, new)

    def _children(self, old: Site, new: Site) -> Iterator[tuple[Site, Site, bool]]:
        """Pair the children of a pair, and name the new ones."""
        olds = _children_of(old, self._whole_old)
        news = _children_of(new, self._whole_new)
        pairs = self._paired(olds, news)
        if not new.flow.ordered:  # its children's own names are what it finds them by
            pairs = {i: j for i, j in pairs.items() if olds[i].key == news[j].key}
        keys = {j: olds[i].key for i, j in pairs.items()}
        used = {child.key for child in olds}
        for j, child in enumerate(news):
            key = keys.get(j)
            if key is None:
                key = child.key if not new.flow.ordered else self._fresh(old, child.key, used)
                used.add(key)
            if key != child.key:
                self._names[f"{old.position}/{key}"] = child.key
        left = [child for j, child in enumerate(news) if j not in keys]
        for i, child in enumerate(olds):
            if i in pairs:
                named = new.flow.labels and child.known != ""
                named = named and child.known == news[pairs[i]].known
                yield child.site, news[pairs[i]].site, named
            else:
                self._ends[child.site.position] = _Ends(child, left)
                if new.flow.ordered:
                    self._retired.add(child.site.position)

    def _fresh(self, parent: Site, name: str, used: set[str]) -> str:
        """A name for a new child that no run of the old flow can have used."""
        if name not in used and f"{parent.position}/{name}" not in self._retired:
            return name
        return f"{name}.{self._number}"

    def _paired(self, olds: list[_Child], news: list[_Child]) -> dict[int, int]:
        by_name = {child.known: j for j, child in enumerate(news) if child.known}
        pairs = {i: by_name[old.known] for i, old in enumerate(olds) if old.known in by_name}
        taken = set(pairs.values())
        rows = [i for i in range(len(olds)) if i not in pairs]
        columns = [j for j in range(len(news)) if j not in taken]
        aligned = align(
            [olds[i].whole for i in rows],
            [news[j].whole for j in columns],
            lambda i, j: self._score(olds[rows[i]], news[columns[j]]),
        )
        pairs.update({rows[i]: columns[j] for i, j in aligned.items()})
        return pairs

    def _score(self, old: _Child, new: _Child) -> int:
        if old.known and new.known:
            return 0
        if old.whole == new.whole:
            return EXACT
        one, other = old.site.flow, new.site.flow
        if one.kind != other.kind or other.succeeds(one, labelled=False):
            return 0
        leaves = self._digests.leaves(old.site, old.whole)
        others = self._digests.leaves(new.site, new.whole)
        return SIMILAR if leaves & others or leaves == others else 0

    # --- a run

    def judge(self, state: State) -> Verdict:
        """Whether a run of the old program that stands so can go on in the new one."""
        upgrade = Upgrade()
        passed: list[str] = []
        places = (*state.frames.values(), *state.ops.values())
        now = {place.position: self._now(place.position) for place in places}
        for position, found in now.items():
            if not found:
                return self._refused(position)
        for frame in state.frames.values():
            if (refused := self._refit(frame, upgrade, passed)) is not None:
                return refused
        for op in state.ops.values():
            if type(op) is NodeOp and (refused := self._refit_op(op, upgrade)) is not None:
                return refused
        gone = sorted(self._gone_tags & state.early.keys())
        if gone:
            why = f"an answer is kept for {gone[0]!r}, which the new flow doesn't ask"
            return Verdict(Fit.CANNOT, "", why, KEEP)
        upgrade.positions.update(item for item in now.items() if item[0] != item[1])
        return Verdict(Fit.MOVES, upgrade=upgrade, passed=tuple(passed))

    def _now(self, position: str) -> str:
        """The place in the new flow, or "". What a body awaits goes with the body."""
        head, tail = position, ""
        while head and head not in self._plain:
            head, _, name = head.rpartition("/")
            tail = f"/{name}{tail}"
        site = self._plain.get(head)
        return "" if site is None or (tail and site.flow.kind != "body") else site.position + tail

    def _refit(self, frame: AnyFrame, upgrade: Upgrade, passed: list[str]) -> Verdict | None:
        position = frame.position
        if position not in self._plain:  # it is in what a body awaits, which stays as it is
            return None
        old, new = self._old.sites[position], self.program.sites[position]
        whole = self._whole_new[self._plain[position].position]
        if self._whole_old[position] == whole and _same_keys(old, new):
            return None
        fitted = _copied(frame)
        why = new.flow.refit(fitted, old, new)
        if why:
            return Verdict(Fit.CANNOT, position, why, KEEP)
        passed += new.flow.passed_by(fitted, old, new)
        if fitted != frame:
            upgrade.frames.append(fitted)
        return None

    def _refit_op(self, op: NodeOp, upgrade: Upgrade) -> Verdict | None:
        if op.stopping:
            why = "it is being stopped just now"
            return Verdict(Fit.CANNOT, op.position, why, "try again once that has ended")
        if op.position not in self._plain:
            return None
        fitted = msgspec.structs.replace(op)
        self.program.sites[op.position].flow.refit_op(fitted)
        if fitted != op:
            upgrade.ops.append(fitted)
        return None

    def _refused(self, position: str) -> Verdict:
        """Why nothing in the new flow is what stands at a position: said of its outermost part."""
        names = position.split("/")
        places = ("/".join(names[: count + 1]) for count in range(len(names)))
        place = next((place for place in places if self._ends.get(place)), position)
        ended = self._ends.get(place, GONE)
        if not isinstance(ended, _Ends):
            return Verdict(Fit.CANNOT, place, str(ended), KEEP)
        if any(self._score(ended.old, other) for other in ended.left):
            why = "several steps of the new flow could be this one, and their order doesn't tell"
            return Verdict(Fit.CANNOT, place, why, LABEL)
        return Verdict(Fit.CANNOT, place, f"{GONE}{_likely(ended)}", KEEP)


def _likely(ended: _Ends) -> str:
    """Why the only new child of its kind isn't the one that is gone; of several none is named."""
    old = ended.old.site.flow
    alike = [child.site.flow for child in ended.left if child.site.flow.kind == old.kind]
    why = alike[0].succeeds(old, labelled=False) if len(alike) == 1 else ""
    return f" ({why})" if why else ""


class _Digests:
    """What flows are, as numbers: the same number is the same kind, shape and children."""

    def __init__(self) -> None:
        self._numbers: dict[Any, int] = {}
        self._leaves: dict[int, frozenset[str]] = {}
        self._encode = msgspec.json.Encoder(order="deterministic").encode

    def of(self, program: Program) -> dict[str, int]:
        """By position, children first."""
        found: dict[str, int] = {}
        for site in reversed(program.sites.values()):
            parts = tuple(
                (name, found[kid.position])
                for (name, _), (_, kid) in zip(site.flow.children(), site.order, strict=True)
            )
            whole = site.flow.kind, self._encode(site.flow.shape()), parts
            found[site.position] = self._numbers.setdefault(whole, len(self._numbers))
        return found

    def leaves(self, site: Site, whole: int) -> frozenset[str]:
        """The names of nodes and tags in what has that digest."""
        known = self._leaves.get(whole)
        if known is None:
            names, sites = set(), [site]
            while sites:
                place = sites.pop()
                shape = place.flow.shape()
                names |= {str(shape[word]) for word in ("node", "tag") if word in shape}
                sites += place.kids.values()
            known = self._leaves[whole] = frozenset(names)
        return known


def _children_of(site: Site, wholes: dict[str, int]) -> list[_Child]:
    return [
        _Child(key, known, kid, wholes[kid.position])
        for known, (key, kid) in zip(site.flow.known_as(), site.order, strict=True)
    ]


def _same_keys(old: Site, new: Site) -> bool:
    return [key for key, _ in old.order] == [key for key, _ in new.order]


def _copied(frame: AnyFrame) -> AnyFrame:
    """A frame that can be changed without the other one."""
    tables = {
        name: dict(value)
        for name in frame.__struct_fields__
        if isinstance(value := getattr(frame, name), dict)
    }
    return msgspec.structs.replace(frame, **tables)


def _a(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _tags(program: Program) -> set[str]:
    """What is asked by flows, and what bodies say they will ask."""
    flows = [site.flow for site in program.sites.values()]
    said = {tag for flow in flows for tag in flow.settings().get("asks", ())}
    return said | {shape["tag"] for flow in flows if "tag" in (shape := flow.shape())}
