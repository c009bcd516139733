"""The example in a registry of its own, so that no other engine must provide for it."""

import pytest

from everflow.core import registry
from everflow.core.registry import Registry

KIT = Registry()
_all = registry._default  # noqa: SLF001 - modules register where they are imported
registry._default = KIT  # noqa: SLF001 - put back what was there
from signing.flow import signup  # noqa: E402, F401 - imported for its effect on the registry

registry._default = _all  # noqa: SLF001 - put back what was there


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is registered by default in these tests is the example's alone."""
    monkeypatch.setattr(registry, "_default", KIT)
