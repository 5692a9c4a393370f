"""The folder of a run: what lies where, put in place at once and read back in one place.

results.json: the figures, as in results.schema.json. report.html: the figures as a page.
Below networks/NETWORK/seed-N/: dense/, pruned/ (masked and retrained) and compact/ (after physical removal), each as
in docs/spec/store.md, and rounds/R, the scores that decided round R with what it kept.
"""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from refprune.arrays import Array, Masks, Params, Scores
from refprune.errors import InvalidInput
from refprune.lab import store
from refprune.lab.files import cannot_write, writing
from refprune.lab.interrupts import interrupts_held
from refprune.network import Network

RESULTS, REPORT, NETWORKS = "results.json", "report.html", "networks"
STATES = ("dense", "pruned", "compact")
"""The networks that are kept of every seed: before pruning, after it, after physical removal."""


class Stored(NamedTuple):
    """One network on disk."""

    network: Network
    params: dict[str, Array]
    masks: dict[str, Array]


class StoredRound(NamedTuple):
    """One selection on disk: a score and a bool for each thing that competed."""

    scores: dict[str, Array]
    kept: dict[str, Array]


def seed_folder(folder: Path, network: str, seed: int) -> Path:
    """Return where one run of a network lies."""
    return folder / NETWORKS / network / f"seed-{seed}"


def open_run(folder: Path) -> dict[str, Any]:
    """Return results.json of a run's folder.

    Raises:
        InvalidInput: no folder of a run.
    """
    path = folder / RESULTS
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInput(str(folder), f"{RESULTS}: {error.strerror}", "the folder of a finished run") from error
    except ValueError as error:
        raise InvalidInput(str(path), f"text that is not JSON ({error})", "what refprune run writes") from error
    head = {key: document.get(key) for key in ("format", "version")} if isinstance(document, dict) else document
    if head != {"format": "refprune-results", "version": 0}:
        raise InvalidInput(str(path), head, "format refprune-results, version 0")
    return dict(document)


def load_state(folder: Path, network: str, seed: int, state: str) -> Stored:
    """Return one of STATES of a run.

    Raises:
        InvalidInput: it is not there, or damaged.
    """
    return Stored(*store.load(seed_folder(folder, network, seed) / state))


def save_round(folder: Path, number: int, scores: Scores, kept: Masks) -> None:
    """Write the selection of round `number`, from 1, into the folder of a seed."""
    (folder / "rounds").mkdir(parents=True, exist_ok=True)
    arrays = {f"scores/{name}": array for name, array in scores.items()}
    store.write_arrays(folder / "rounds" / str(number), arrays | {f"kept/{name}": mask for name, mask in kept.items()})


def load_round(folder: Path, network: str, seed: int, number: int) -> StoredRound:
    """Return the selection of round `number`, from 1.

    Raises:
        InvalidInput: it is not there, or damaged.
    """
    arrays = store.read_arrays(seed_folder(folder, network, seed) / "rounds" / str(number))
    return StoredRound(_below("scores/", arrays), _below("kept/", arrays))


def _below(prefix: str, arrays: Params) -> dict[str, Array]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def check_replaceable(folder: Path) -> str:
    """Return what stands where a run would put its files, in words; empty where nothing does.

    Raises:
        InvalidInput: something of these names that no run has made: it would be lost.
    """
    there = [name for name in (RESULTS, REPORT, NETWORKS) if os.path.lexists(folder / name)]
    if not there:
        return ""
    expected = "a folder without, or that of an earlier run: --out names another"
    try:
        earlier = open_run(folder)
    except InvalidInput as error:
        raise InvalidInput(str(folder), f"{' and '.join(there)} that no run has made", expected) from error
    strange = [path for path in (folder / NETWORKS).glob("*") if path.name not in earlier.get("networks", {})]
    if strange:
        raise InvalidInput(str(folder), f"{strange[0]}, which no run has made", expected)
    return f"the run of {' and '.join(earlier.get('networks', {}))}, seeds {earlier.get('seeds')}"


def publish(made: Path, folder: Path) -> None:
    """Put what a run has made into its folder, all of it or nothing; what an earlier run left there goes.

    Everything is first copied beside its place, so that a full disk leaves what was there before.
    """
    with placed(folder, (NETWORKS, REPORT, RESULTS)) as new:
        try:
            shutil.copytree(made, new, copy_function=_copy_file, dirs_exist_ok=True)
        except shutil.Error as error:  # of many files that cannot be written, the first is told
            raise cannot_write(folder, error.args[0][0][2]) from error


@contextmanager
def placed(folder: Path, replaced: Sequence[str] = ()) -> Iterator[Path]:
    """Give a folder to fill, and put what is then in it into `folder`, all of it or nothing.

    Args:
        folder: made when missing, the same one when not.
        replaced: names of what goes from there, whether or not there is something new of the name.

    Raises:
        OSError: something cannot be written; all is as before.
    """
    with writing(folder), _made(folder), _locked(folder):
        waiting = Path(tempfile.mkdtemp(prefix=".refprune-", dir=folder))
        try:
            new = waiting / "new"
            new.mkdir()
            yield new
            names = dict.fromkeys([*replaced, *(path.name for path in new.iterdir())])
            with interrupts_held():
                _exchange(folder, waiting, [*names])
        finally:
            shutil.rmtree(waiting, ignore_errors=True)


def _copy_file(source: str, target: str) -> None:
    """Copy a file; an error does not name the two, of which nobody but us knows."""
    try:
        shutil.copyfile(source, target)
    except OSError as error:
        raise OSError(error.strerror) from error


def _exchange(folder: Path, waiting: Path, names: Sequence[str]) -> None:
    """Set aside what is there and put the new in its place; when one of it fails, put everything back."""
    moved: list[tuple[Path, Path]] = []
    try:
        for name in names:
            for source, target in ((folder / name, waiting / name), (waiting / "new" / name, folder / name)):
                if os.path.lexists(source):  # a link that leads nowhere stands in the way too
                    source.rename(target)
                    moved.append((source, target))
    except OSError:
        for source, target in reversed(moved):
            target.rename(source)
        raise


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let one run at a time into a folder; the lock goes with the process."""
    if sys.platform == "win32":
        yield
        return
    import fcntl

    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Make a folder and those above it; when the work fails, remove those that were made and are empty."""
    new = [folder, *folder.parents]
    new = new[: next(place for place, path in enumerate(new) if path.exists())]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        for path in new:
            with suppress(OSError):
                path.rmdir()
        raise
