"""The conformance suite: what an implementation of pruning must do, as tests that name the sentence."""
