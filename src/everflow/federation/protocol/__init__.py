"""The protocol of replication and handoff between instances: pure, told and asked, no IO."""
