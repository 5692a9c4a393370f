"""docs/spec/schedules.md."""

from dataclasses import replace
from typing import Any

from spec_tests.adapter import ScheduleCase
from spec_tests.kit.vectors.chapters.building import NAN
from spec_tests.kit.vectors.forms import Json
from spec_tests.kit.vectors.vector import Draft

CLOSE = {"within": 4 * 2.0**-52}
"""SCH-03: 4 ulp of 1, in doubles."""


def trace(requirement: str, comment: str, case: ScheduleCase, steps: Any, *flags: str, **more: Any) -> Draft:
    """Return a draft about sparsities only."""
    given: dict[str, Any] = {"hide": sparsities, "compare": CLOSE, **more}
    return Draft(requirement, "trace", comment, {"case": case, "steps": steps}, flags, **given)


def rounds(
    comment: str, curve: str, final: Any, count: Any, *, requirement: str = "SCH-08", refused: bool = False
) -> Draft:
    """Return a draft about the sparsities of rounds."""
    asked = {"curve": curve, "final": final, "count": count}
    flag = "BAD_NUMBER" if refused else "SCHEDULE_START"
    return Draft(requirement, "rounds", comment, asked, (flag,), refused=refused, compare="equal" if refused else CLOSE)


def refused(comment: str, case: ScheduleCase, steps: Any, flag: str = "BAD_NUMBER") -> Draft:
    """Return a draft about what is no schedule."""
    return Draft("SCH-07", "trace", comment, {"case": case, "steps": steps}, (flag,), refused=True)


def sparsities(found: Json) -> Json:
    """Leave out when it fires."""
    return found if isinstance(found, dict) else [step | {"fires": None} for step in found]


def firings(found: Json) -> Json:
    """Leave out the sparsities."""
    return [step | {"sparsity": None} for step in found]


def ends(case: ScheduleCase) -> Any:
    """Return what leaves out everything between the ends, which are exact."""
    return lambda found: [
        step | {"fires": None, "sparsity": None if case.begin < t < case.end else step["sparsity"]}
        for t, step in enumerate(found)
    ]


def exact(comment: str, case: ScheduleCase, steps: int, *flags: str) -> Draft:
    """Return a draft about the ends, exactly."""
    return trace("SCH-01", comment, case, steps, *flags, hide=ends(case), compare="equal")


RUN = ScheduleCase("linear", 0.5, 4)
FRACTION: Any = 4.0
YES: Any = True
LINEAR = ScheduleCase("linear", 0.8, 6, begin=2)
DRAFTS = [
    exact("0 until begin, 0.8 from end on", LINEAR, 8, "SCHEDULE_START", "SCHEDULE_END"),
    exact(
        "the ends of the cubic curve",
        ScheduleCase("cubic", 0.7, 6, initial=0.1, begin=2),
        8,
        "SCHEDULE_START",
        "SCHEDULE_END",
    ),
    exact(
        "the ends of the geometric curve",
        ScheduleCase("geometric", 0.7, 6, initial=0.1, begin=2),
        8,
        "SCHEDULE_START",
        "SCHEDULE_END",
    ),
    exact("begin = end: final at that step", ScheduleCase("linear", 0.3, 3, begin=3), 4, "SCHEDULE_START"),
    trace(
        "SCH-02",
        "no value is below 0, above 0.8, or below the one before",
        ScheduleCase("linear", 0.8, 4, begin=2),
        6,
        "SCHEDULE_SHAPE",
    ),
    trace(
        "SCH-02",
        "the cubic curve starts at its initial sparsity and not above",
        ScheduleCase("cubic", 0.5, 4),
        4,
        "SCHEDULE_SHAPE",
    ),
    trace("SCH-03", "0, 0.2, 0.4, 0.6, 0.8", ScheduleCase("linear", 0.8, 4), 4, "SCHEDULE_SHAPE"),
    trace(
        "SCH-03",
        "0.75 halfway from 0.5 to 1",
        ScheduleCase("linear", 1.0, 4, initial=0.5, begin=2),
        5,
        "SCHEDULE_SHAPE",
        "SCHEDULE_START",
    ),
    trace("SCH-04", "0.7 halfway to 0.8: fast at first", ScheduleCase("cubic", 0.8, 2), 2, "SCHEDULE_SHAPE"),
    trace(
        "SCH-04",
        "0.9375 halfway from 0.5 to 1",
        ScheduleCase("cubic", 1.0, 12, initial=0.5, begin=10),
        12,
        "SCHEDULE_SHAPE",
    ),
    trace("SCH-05", "half stays, then half of it", ScheduleCase("geometric", 0.75, 2), 2, "SCHEDULE_SHAPE"),
    trace(
        "SCH-05",
        "0.75 halfway from 0.5 to 0.875",
        ScheduleCase("geometric", 0.875, 2, initial=0.5),
        2,
        "SCHEDULE_SHAPE",
    ),
    trace("SCH-05", "to 1 everything goes at the first step", ScheduleCase("geometric", 1.0, 3), 3, "SCHEDULE_SHAPE"),
    trace(
        "SCH-05",
        "initial = final is that value throughout",
        ScheduleCase("geometric", 1.0, 3, initial=1.0),
        3,
        "SCHEDULE_SHAPE",
    ),
    trace(
        "SCH-06",
        "2, 5, 8 and the end 9",
        ScheduleCase("linear", 0.5, 9, begin=2, every=3),
        12,
        "SCHEDULE_END",
        "SCHEDULE_START",
        hide=firings,
    ),
    trace(
        "SCH-06", "0, 4, 8 and the end 10", ScheduleCase("linear", 0.5, 10, every=4), 10, "SCHEDULE_END", hide=firings
    ),
    trace(
        "SCH-06",
        "begin and end only",
        ScheduleCase("linear", 0.5, 6, begin=1, every=100),
        7,
        "NEVER_FIRES",
        hide=firings,
    ),
    trace(
        "SCH-06",
        "counted from begin, and not from 0",
        ScheduleCase("linear", 0.5, 7, begin=3, every=2),
        9,
        "SCHEDULE_START",
        hide=firings,
    ),
    trace(
        "SCH-06", "never again after the end", ScheduleCase("linear", 0.5, 4, every=2), 14, "SCHEDULE_END", hide=firings
    ),
    refused("an end after the run", ScheduleCase("linear", 0.5, 10), 9, "NEVER_FIRES"),
    refused("an end before begin", ScheduleCase("linear", 0.5, 4, begin=5), 9),
    refused("every 0", ScheduleCase("linear", 0.5, 4, every=0), 9),
    refused("a falling sparsity", ScheduleCase("linear", 0.4, 4, initial=0.5), 9),
    refused("a final sparsity above 1", ScheduleCase("linear", 1.5, 4), 9),
    refused("a final sparsity that is NaN", ScheduleCase("linear", NAN, 4), 9),
    refused("an initial sparsity below 0", ScheduleCase("linear", 0.5, 4, initial=-0.5), 9),
    refused("a begin below 0", ScheduleCase("linear", 0.5, 4, begin=-1), 9),
    refused("an end of 4.0", replace(RUN, end=FRACTION), 9),
    refused("an end that is true", replace(RUN, end=YES), 9),
    rounds("rounds to 1.5", "linear", 1.5, 2, requirement="SCH-07", refused=True),
    rounds("rounds to NaN", "linear", NAN, 2, requirement="SCH-07", refused=True),
    rounds("no round", "linear", 0.5, 0, requirement="SCH-07", refused=True),
    rounds("true rounds", "linear", 0.5, YES, requirement="SCH-07", refused=True),
    rounds("half stays, then half of it", "geometric", 0.75, 2),
    rounds("0.2, 0.4, 0.6, 0.8", "linear", 0.8, 4),
    rounds("one round is one-shot", "linear", 0.8, 1),
    rounds("one round of the cubic curve", "cubic", 0.8, 1),
    rounds("one round of the geometric curve", "geometric", 0.8, 1),
    rounds("two rounds of the cubic curve", "cubic", 0.8, 2),
    trace(
        "SCH-10",
        "once, at step 3",
        ScheduleCase("linear", 0.5, 3, begin=3),
        5,
        "NEVER_FIRES",
        "SCHEDULE_START",
        hide=None,
    ),
    trace(
        "SCH-10",
        "before the first update",
        ScheduleCase("linear", 0.5, 0),
        3,
        "NEVER_FIRES",
        "SCHEDULE_START",
        hide=None,
    ),
    trace("SCH-10", "whatever the curve", ScheduleCase("geometric", 0.5, 2, begin=2), 3, "NEVER_FIRES", hide=None),
]
"""What a schedule can be got wrong by."""
