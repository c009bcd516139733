"""What users test with: the harness, the simulator, and a conformance suite for stores."""
