"""`refprune export` and `refprune convert`: networks as ONNX files, and back.

In: a network of a finished run, a folder as in docs/spec/store.md, or an ONNX file. Out: a file, or a folder, that is
there whole or not at all.
"""

import argparse
from pathlib import Path

import numpy as np

from refprune.arrays import Params, apply_masks
from refprune.errors import InvalidInput
from refprune.lab import folder as run_folder
from refprune.lab import store
from refprune.lab.exchange.from_onnx import from_onnx
from refprune.lab.exchange.to_onnx import to_onnx
from refprune.lab.explain.command import seed
from refprune.lab.extras import needs_onnx
from refprune.lab.files import check_writable, place, write_bytes_atomically
from refprune.lab.finished import read_finished
from refprune.network import Conv2d, DepthwiseConv2d, Network

SUFFIX = ".onnx"


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `refprune export` and `refprune convert`."""
    parser = commands.add_parser(
        "export",
        help="write a network of a run as an ONNX file",
        description="Write a network of a finished run as an ONNX file, which other libraries run.",
    )
    parser.set_defaults(work=work_export)
    parser.add_argument("folder", type=place, help="what `refprune run --out` wrote")
    parser.add_argument("--onnx", type=place, metavar="FILE", required=True, help=f"where to; FILE ends in {SUFFIX}")
    parser.add_argument(
        "--state",
        choices=run_folder.STATES,
        default="compact",
        help="before pruning, masked and retrained, or after physical removal (default: compact)",
    )
    parser.add_argument("--network", help="which network, where the run has several")
    parser.add_argument("--seed", type=seed, help="which seed (default: the run's first)")
    parser = commands.add_parser(
        "convert",
        help="make an ONNX file of a network's folder, or a folder of an ONNX file",
        description="Write a network from one form in the other: an ONNX file, and a folder of network.json, params "
        "and masks. An ONNX file has no masks: what they remove is 0 there.",
    )
    parser.set_defaults(work=work_convert)
    parser.add_argument("source", type=place, metavar="IN", help=f"a file that ends in {SUFFIX}, or a folder")
    parser.add_argument(
        "target",
        type=place,
        metavar="OUT",
        help=f"the other: a folder that is empty or not there yet, or a {SUFFIX} file, which is replaced",
    )


def work_export(options: argparse.Namespace) -> int:
    """Write the network that the options name."""
    if options.onnx.suffix != SUFFIX:
        raise InvalidInput("--onnx", str(options.onnx), f"a file whose name ends in {SUFFIX}")
    run = read_finished(options.folder, options.network, options.seed)
    name = run.settings.network
    network, params, _ = run_folder.load_state(options.folder, name, run.seed, options.state)
    write_model(options.onnx, network, params)
    print(f"written to {options.onnx}: {name}, {options.state}, seed {run.seed}")
    _say_precision(network, params)
    return 0


def work_convert(options: argparse.Namespace) -> int:
    """Write the network in the other form."""
    source, target = options.source, options.target
    if (source.suffix == SUFFIX) == (target.suffix == SUFFIX):
        raise InvalidInput("IN and OUT", f"{source} and {target}", f"a file that ends in {SUFFIX}, and a folder")
    if target.suffix == SUFFIX:
        network, params, masks = store.load(source)
        write_model(target, network, apply_masks(params, masks))
        print(f"written to {target}")
        _say_precision(network, params)
    else:
        _check_free(target)
        write_folder(target, *read_model(source))
        print(f"written to {target}")
    return 0


def _say_precision(network: Network, params: Params) -> None:
    """Print what a reader of the file may not be able to do."""
    convolutions = any(isinstance(node, Conv2d | DepthwiseConv2d) for node in network)
    if convolutions and any(array.dtype == np.float64 for array in params.values()):
        print("its numbers are float64, in which onnxruntime may have no convolution")


def write_model(path: Path, network: Network, params: Params) -> None:
    """Write a network as an ONNX file: all of it, or what stood there stays.

    Raises:
        InvalidInput: what ONNX cannot say.
        MissingExtra: the package onnx is not installed.
        OSError: the file cannot be written.
    """
    check_writable(path)
    write_bytes_atomically(path, to_onnx(network, params).SerializeToString(deterministic=True))


def read_model(path: Path) -> tuple[Network, Params]:
    """Return the network of an ONNX file and its parameters.

    Raises:
        InvalidInput: no file, a damaged one, or one that is no network of ours.
        MissingExtra: the package onnx is not installed.
    """
    needs_onnx()
    import onnx

    try:
        model = onnx.load_model_from_string(path.read_bytes())
    except OSError as error:
        raise InvalidInput(str(path), error.strerror, "an ONNX file") from error
    except Exception as error:  # what the parser raises on damaged bytes is no closed list
        raise InvalidInput(str(path), f"bytes that cannot be read ({error})", "an ONNX file") from error
    try:
        return from_onnx(model)
    except InvalidInput as error:
        raise InvalidInput(f"{path}, {error.args[0]}", *error.args[1:]) from error


def _check_free(folder: Path) -> None:
    """Refuse a folder that has something in it: it would be lost, or mixed up with what is new."""
    check_writable(folder / store.NETWORK)
    if folder.is_dir() and any(folder.iterdir()):
        raise InvalidInput(str(folder), "a folder with files in it", "one that is empty, or not there yet")


def write_folder(folder: Path, network: Network, params: Params) -> None:
    """Write a network as a folder, without masks: all of it, or nothing; a folder that is there stays the same one.

    Raises:
        OSError: nothing can be written there.
    """
    with run_folder.placed(folder) as new:
        store.save(new, network, params, {})
