"""A correct network written otherwise: batch first, einsum, a tape of closures, masks applied in other places.

Nothing here calls the reference's layers, optimisers or surgery; the network record is only read.
"""

from spec_tests.alternatives.batch_first.backend import ALTERNATIVES

__all__ = ["ALTERNATIVES"]
