"""The statistics of the gate: every one is checked against an independent source in tests/governance/statistics."""
