"""The figures of results.json in words: what each is called, how it is written, and what follows from some of them.

In: figures as `{"mean": m, "seeds": [...]}`. Out: text; every sentence is computed, and says what the figures say.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

Figures = Mapping[str, Any]
"""The figures of one state of a network: name -> `{"mean": m, "seeds": [...]}`."""


class Kind(NamedTuple):
    """A figure in words.

    Attributes:
        words: what it is, with its unit.
        write: how one is written.
        worst: which of the seeds' is the worst.
    """

    words: str
    write: Callable[[float], str]
    worst: Callable[[Sequence[float]], float]


def number(value: float) -> str:
    """Return a count, or a mean of counts: 50,610 or 4,480.5."""
    return f"{value:,.0f}" if value == round(value) else f"{value:,.1f}"


def fraction(value: float) -> str:
    """Return a fraction with four decimals."""
    return f"{value:.4f}"


def percent(value: float, decimals: int = 1) -> str:
    """Return a fraction in percent: 97.8 %, with a space that does not break."""
    return f"{100 * value:.{decimals}f}\u00a0%"


def milliseconds(seconds: float) -> str:
    """Return seconds in milliseconds, three figures: 0.288 ms."""
    return f"{three_figures(1000 * seconds)}\u00a0ms"


def three_figures(value: float) -> str:
    """Return a number with three figures, zeros included, or all before the point: 0.180, 46.7, 1,725."""
    return f"{value:#.3g}".rstrip(".") if value < 999.5 else f"{value:,.0f}"


def size(count: float) -> str:
    """Return bytes in the unit that is read most easily; 1 kB is 1000 bytes."""
    if count < 1000:
        return f"{number(count)}\u00a0bytes"
    return in_unit(BYTES, count, "\u00a0")


BYTES = ((1e6, "MB"), (1e3, "kB"), (1.0, "B"))
COUNT = ((1e6, "M"), (1e3, "k"), (1.0, ""))
"""Units of a size or a count, the largest first."""


def in_unit(units: Sequence[tuple[float, str]], value: float, space: str = " ") -> str:
    """Return three figures of a value in the largest of the units that it reaches, or in the last: 46.7 kB."""
    unit, name = next((pair for pair in units if value >= pair[0]), units[-1])
    return f"{three_figures(value / unit) if unit > 1 else number(value)}{space}{name}".rstrip(space)


def counted(count: int, noun: str) -> str:
    """Return 1 seed, or 5 seeds."""
    return f"{number(count)} {noun}" if count == 1 else f"{number(count)} {noun}s"


KINDS = {
    "accuracy": Kind("accuracy on the test part", fraction, min),
    "accuracy_before_retraining": Kind("accuracy before retraining", fraction, min),
    "loss": Kind("loss on the test part", fraction, max),
    "sparsity": Kind("sparsity of the weights", fraction, min),
    "sparsity_all_parameters": Kind("sparsity of all parameters", fraction, min),
    "sparsity_of_weights": Kind("sparsity of the weights", fraction, min),
    "parameters": Kind("parameters", number, max),
    "parameters_kept": Kind("parameters kept", number, max),
    "macs": Kind("MACs of one example", number, max),
    "macs_nonzero": Kind("MACs of kept weights", number, max),
    "bytes_dense": Kind("bytes as plain arrays", number, max),
    "bytes_bitmask": Kind("bytes as bitmask and values", number, max),
    "bytes_csr": Kind("bytes as compressed sparse rows", number, max),
    "bytes_file": Kind("bytes of the parameters' file", number, max),
    "seconds_per_batch": Kind("time of a batch of 64", milliseconds, max),
    "seconds_per_batch_onnxruntime": Kind("the same in onnxruntime", milliseconds, max),
    "seconds_per_batch_spread": Kind("from quartile to quartile of that time", milliseconds, max),
    "seconds_per_batch_onnxruntime_spread": Kind("the same in onnxruntime", milliseconds, max),
    "max_abs_difference": Kind("largest difference of logits", lambda value: f"{value:.1e}", max),
    "entries": Kind("entries", number, max),
    "entries_kept": Kind("entries kept by the mask", number, max),
    "units": Kind("units", number, max),
    "units_compact": Kind("units left by removal", number, max),
    "short": Kind("removals asked for that had to stay", number, max),
}
"""Name of a figure in results.json -> what it is."""


def kind(name: str) -> Kind:
    """Return what a figure is; one of a later version by its own name."""
    return KINDS.get(name, Kind(name, lambda value: f"{value:g}", max))


def ratios(ours: Mapping[str, Any], dense: Mapping[str, Any]) -> tuple[float, list[float]]:
    """Return the mean of a figure in times the dense network's, and the same of each seed."""
    own = [mine / theirs for mine, theirs in zip(ours["seeds"], dense["seeds"], strict=True)]
    return ours["mean"] / dense["mean"], own


def time_sentences(ours: Figures, dense: Figures) -> str:
    """Say how long a network took for a batch, in whatever it was measured in."""
    said = time_sentence(ours["seconds_per_batch"], dense["seconds_per_batch"])
    if "seconds_per_batch_onnxruntime" not in ours:
        return said
    own, before = (figures["seconds_per_batch_onnxruntime"] for figures in (ours, dense))
    return f"{said} {time_sentence(own, before, 'In onnxruntime it took')}"


def time_sentence(ours: Mapping[str, Any], dense: Mapping[str, Any], lead: str = "For one batch it took") -> str:
    """Say how long a network took for a batch, and whether the seeds agree on a difference."""
    mean, own = ratios(ours, dense)
    said = f"{lead} {mean:.2f} times as long"
    if len(own) == 1:
        return f"{said}, in a single seed."
    said += f" ({min(own):.2f} to {max(own):.2f} in the single seeds): "
    if min(own) <= 1 <= max(own) and min(own) < max(own):
        return f"{said}some seeds were faster and some slower, so no difference is shown."
    return f"{said}{'slower' if mean > 1 else 'faster' if mean < 1 else 'as fast'} in every seed."


def cost_sentence(state: str, ours: Figures, dense: Figures) -> str:
    """Say what became of the multiply-adds and of the file."""
    macs, file = (_times(ours[name], dense[name]) for name in ("macs", "bytes_file"))
    return f"The {state} network has {macs} the MACs and {file} the bytes on disk of the dense one."


def _times(ours: Mapping[str, Any], dense: Mapping[str, Any]) -> str:
    if ours["seeds"] == dense["seeds"]:
        return "exactly"
    times = ratios(ours, dense)[0]
    return f"{times:.4f} times" if round(times, 2) == 1 else f"{times:.2f} times"


def difference_sentence(difference: Mapping[str, Any]) -> str:
    """Say how far the outputs of the compacted network are from those of the masked one."""
    largest = max(difference["seeds"])
    if largest == 0:
        return "On the test part its logits equal those of the masked network."
    return (
        f"Its logits differ from those of the masked network by at most {largest:.1e} of the largest logit (of 1, "
        "where that is larger)."
    )
