"""What is no answer: a backend that died, was silent for too long, or said what cannot be read.

None of them is a refusal: a requirement to refuse is not met by dying.
"""


class Fault(Exception):
    """The backend gave no answer that can be judged."""


class Crashed(Fault):
    """The backend's process ended in the middle of a call."""


class Malformed(Fault):
    """The backend said something that is not in the protocol's form."""


class TimedOut(BaseException):
    """The backend did not answer in time. No Exception, so that no smaller case is tried for as long again."""
