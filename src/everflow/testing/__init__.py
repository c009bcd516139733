"""What users test with: the harness, the simulator, and a conformance suite for stores."""

from everflow.testing.harness import Harness, HarnessRun, Step, harness

__all__ = ["Harness", "HarnessRun", "Step", "harness"]
