"""The catalogue of control-flow patterns, by number: its names and nothing else.

Source: Russell, ter Hofstede, van der Aalst and Mulyar, "Workflow Control-Flow Patterns: A Revised
View", BPM Center Report BPM-06-22, 2006.
"""

__all__ = ["NAMES"]

NAMES = dict(
    enumerate(
        (
            "Sequence",
            "Parallel Split",
            "Synchronization",
            "Exclusive Choice",
            "Simple Merge",
            "Multi-Choice",
            "Structured Synchronizing Merge",
            "Multi-Merge",
            "Structured Discriminator",
            "Arbitrary Cycles",
            "Implicit Termination",
            "Multiple Instances without Synchronization",
            "Multiple Instances with a priori Design-Time Knowledge",
            "Multiple Instances with a priori Run-Time Knowledge",
            "Multiple Instances without a priori Run-Time Knowledge",
            "Deferred Choice",
            "Interleaved Parallel Routing",
            "Milestone",
            "Cancel Activity",
            "Cancel Case",
            "Structured Loop",
            "Recursion",
            "Transient Trigger",
            "Persistent Trigger",
            "Cancel Region",
            "Cancel Multiple Instance Activity",
            "Complete Multiple Instance Activity",
            "Blocking Discriminator",
            "Cancelling Discriminator",
            "Structured Partial Join",
            "Blocking Partial Join",
            "Cancelling Partial Join",
            "Generalised AND-Join",
            "Static Partial Join for Multiple Instances",
            "Cancelling Partial Join for Multiple Instances",
            "Dynamic Partial Join for Multiple Instances",
            "Local Synchronizing Merge",
            "General Synchronizing Merge",
            "Critical Section",
            "Interleaved Routing",
            "Thread Merge",
            "Thread Split",
            "Explicit Termination",
        ),
        start=1,
    )
)
