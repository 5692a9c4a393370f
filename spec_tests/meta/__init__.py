"""Part of the conformance suite."""
