"""docs/spec/surgery.md, requirement by requirement: a literal example, then a property."""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from refprune.arrays import Array, Masks, Params, apply_masks
from refprune.coupling import find_groups
from refprune.errors import InvalidInput
from refprune.granularity import Group, Slice
from refprune.network import Conv2d, Dense, Flatten, Input, MaxPool2d, Network, Relu, build, layers
from refprune.surgery import compact, cut_outgoing, masks_without, unread_units
from refprune.training import State, adam, sgd, update
from spec_tests.adapter import Backend
from spec_tests.oracle import layers as oracle
from spec_tests.oracle import surgery as define
from spec_tests.strategies import surgery as draw
from spec_tests.strategies.networks import Drawn, masks_of
from spec_tests.verdicts import call, expect_equal, fail, refuses, requirement, show

Units = Mapping[str, Sequence[Any]]
MLP = build(Input("x", (2,)), Dense("fc1"), Relu("relu"), Dense("out"))
LINE = build(Input("x", (1,)), Dense("fc1"), Relu("relu"), Dense("out"))


def floats(values: Any) -> Array:
    """Return a float64 array."""
    return np.array(values, np.float64)


def mlp(fc1: Any, bias1: Any, out: Any, bias: Any) -> dict[str, Array]:
    """Return the parameters of fc1 and out."""
    arrays = {"fc1.weight": fc1, "fc1.bias": bias1, "out.weight": out, "out.bias": bias}
    return {name: floats(values) for name, values in arrays.items()}


THREE = mlp([[1, 2], [3, 4], [5, 6]], [7, 8, 9], [[1, 2, 3], [4, 5, 6]], [0, 1])
FOUR = mlp([[1], [2], [3], [4]], [5, 6, 7, 8], [[1, 2, 3, 4]], [9])


def remove(backend: Backend, network: Network, params: Params, units: Units) -> tuple[dict[str, Any], str]:
    """Return what is left, and the call."""
    return dict(backend.remove(network, params, units)[0]), call("remove", network, params, units)


def expect(what: str, got: Any, should: Any, said: str) -> None:
    """Require equal values of something that the call leads to; the words stand in front of both."""
    expect_equal({what: got}, {what: should}, said)


def refused(backend: Backend, network: Network, params: Params, units: Units) -> None:
    """Require a refusal that changes nothing."""
    before = {name: array.copy() for name, array in params.items()}
    said = call("remove", network, before, units)
    refuses(lambda: backend.remove(network, params, units), said)
    expect("parameters afterwards", params, before, said)


def expect_kept(backend: Backend, network: Network, params: Params, units: Units) -> None:
    """Require the original indices of what is left, in order; a layer that is not told lost none."""
    kept, said = backend.remove(network, params, units)[1], call("remove", network, params, units)
    for name, indices in kept.items():
        if isinstance(indices, AbstractSet | Mapping):
            fail(f"kept[{name!r}] = {indices!r}", "a sequence: a set has no order", said)
    everything = {node.name: list(range(len(params[f"{node.name}.bias"]))) for node in layers(network)}
    should = {name: [unit for unit in own if unit not in units.get(name, [])] for name, own in everything.items()}
    told = {name: [int(unit) for unit in indices] for name, indices in kept.items()}
    expect("kept", everything | told, should, said)


def logits(network: Network, params: Params, x: Array) -> list[oracle.Table]:
    """Return the logits by the definition of every layer: exact for the integers drawn here, in any dtype."""
    return oracle.logits(network, params, x)


def expect_logits(network: Network, got: Params, x: Array, should: list[oracle.Table], said: str) -> None:
    """Require these logits of what is left."""
    expect(f"logits of {show(x)}", logits(network, got, x), should, said)


# SUR-01 What goes


@requirement("SUR-01", "example", "REMOVE")
def test_what_goes_example(backend: Backend) -> None:
    got, said = remove(backend, MLP, THREE, {"fc1": [1]})
    expect_equal(got, mlp([[1, 2], [5, 6]], [7, 9], [[1, 3], [4, 6]], [0, 1]), said)
    got, said = remove(backend, MLP, THREE, {"fc1": [0, 2]})
    expect_equal(got, mlp([[3, 4]], [8], [[2], [5]], [0, 1]), said)


@requirement("SUR-01", "property", "REMOVE")
@given(st.data(), draw.networks())
def test_what_goes(backend: Backend, data: st.DataObject, drawn: Drawn) -> None:
    units = data.draw(draw.removals(drawn))
    got, said = remove(backend, drawn.network, drawn.params, units)
    expect_equal(got, define.compacted(drawn.network, drawn.params, units), said)


# SUR-02 Survivors


@requirement("SUR-02", "example", "REMOVE")
def test_survivors_example(backend: Backend) -> None:
    got, said = remove(backend, LINE, FOUR, {"fc1": [2, 0]})
    expect_equal(got, mlp([[2], [4]], [6, 8], [[2, 4]], [9]), said)
    expect_kept(backend, LINE, FOUR, {"fc1": [2, 0]})
    expect_kept(backend, LINE, FOUR, {"fc1": []})
    zeros = {"fc1.weight": floats([[-0.0], [1], [-0.0]]), "fc1.bias": floats([0, 1, -0.0])}
    zeros |= {"out.weight": floats([[-0.0, 1, 0]]), "out.bias": floats([-0.0])}
    small = {name: array.astype(np.float32) for name, array in zeros.items()}
    got, said = remove(backend, LINE, small, {"fc1": [1]})
    signs = {name: np.signbit(array).ravel().tolist() for name, array in got.items()}
    should = {
        "fc1.weight": [True, True],
        "fc1.bias": [False, True],
        "out.weight": [True, False],
        "out.bias": [True],
    }
    expect("signs", signs, should, said)
    expect("dtypes", {np.asarray(array).dtype.name for array in got.values()}, {"float32"}, said)


@requirement("SUR-02", "property", "REMOVE")
@given(st.data(), draw.networks())
def test_survivors(backend: Backend, data: st.DataObject, drawn: Drawn) -> None:
    """Bytes, dtypes and the indices that are told, with both zeros and numbers that no sum keeps."""
    units = data.draw(draw.removals(drawn))
    odd = {name: np.where(array == 0, array.dtype.type(-0.0), array / 3) for name, array in drawn.params.items()}
    should = define.compacted(drawn.network, odd, units)
    got, said = remove(backend, drawn.network, odd, units)
    for name, array in should.items():
        mine = np.asarray(got[name])
        expect(name, (mine.dtype.name, mine.shape), (array.dtype.name, array.shape), said)
        expect(f"bytes of {name}", mine.tobytes(), array.tobytes(), said)
    expect_kept(backend, drawn.network, odd, units)


# SUR-03 The list decides


@requirement("SUR-03", "example", "REMOVE")
def test_list_example(backend: Backend) -> None:
    params = mlp([[0, 0], [3, 4]], [0, 1], [[0, 5]], [0])
    got, said = remove(backend, MLP, params, {"fc1": [1]})
    expect_equal(got, mlp([[0, 0]], [0], [[0]], [0]), said)


@requirement("SUR-03", "property", "REMOVE")
@given(st.data(), draw.networks())
def test_list(backend: Backend, data: st.DataObject, drawn: Drawn) -> None:
    """Zeros everywhere, or in the units that stay: the shapes that are left are the same."""
    units, zero_all = data.draw(draw.removals(drawn)), data.draw(st.booleans())
    every = {
        name: [unit for unit in range(width) if zero_all or unit not in units.get(name, [])]
        for name, width in draw.widths(drawn).items()
    }
    zeros = define.masked(define.cut(drawn.network, drawn.params, every), every)
    got, said = remove(backend, drawn.network, zeros, units)
    should = {name: array.shape for name, array in define.compacted(drawn.network, drawn.params, units).items()}
    expect("shapes", {name: np.shape(array) for name, array in got.items()}, should, said)


# SUR-04 A layer keeps a unit


@requirement("SUR-04", "example", "REMOVE")
def test_emptied_example(backend: Backend) -> None:
    refused(backend, MLP, mlp([[1, 2], [3, 4]], [5, 6], [[7, 8]], [9]), {"fc1": [0, 1]})
    refused(backend, LINE, mlp([[1]], [2], [[3]], [4]), {"fc1": [0]})


@requirement("SUR-04", "property", "REMOVE")
@given(st.data(), draw.networks())
def test_emptied(backend: Backend, data: st.DataObject, drawn: Drawn) -> None:
    layer = data.draw(st.sampled_from(sorted(draw.widths(drawn))))
    everybody = data.draw(st.permutations(range(draw.widths(drawn)[layer])))
    refused(backend, drawn.network, drawn.params, data.draw(draw.removals(drawn)) | {layer: everybody})


# SUR-05 The function is preserved

KINK = mlp([[1], [2]], [1, 1], [[1, 10]], [0])


@requirement("SUR-05", "example", "REMOVE")
def test_function_example(backend: Backend) -> None:
    got, said = remove(backend, LINE, KINK, {"fc1": [0]})
    expect_logits(LINE, got, floats([[3], [-1]]), [{(0,): 70.0}, {(0,): 0.0}], said)
    # conv: 2 channels of 1 x 2, [x0, x1] and [2 x0, 2 x1]; the pool takes pairs of columns; out reads 1 and 10.
    image = build(
        Input("x", (1, 1, 3)), Conv2d("conv"), MaxPool2d("pool", (1, 2), (1, 1)), Flatten("flat"), Dense("out")
    )
    params = {"conv.weight": floats([[[[1]]], [[[2]]]]), "conv.bias": floats([0, 1])}
    params |= {"out.weight": floats([[1000, 100, 10, 1]]), "out.bias": floats([5])}
    got, said = remove(backend, image, params, {"conv": [0]})
    # 2 x + 1 = 3, 7, 5; the larger of each pair: 7, 7; 10 * 7 + 1 * 7 + 5 = 82
    expect_logits(image, got, floats([[[[1, 3, 2]]]]), [{(0,): 82.0}], said)


@requirement("SUR-05", "example")
def test_cut_example() -> None:
    """The reference's own cut network, which an equality can be run against."""
    groups = find_groups(LINE, KINK)
    got = cut_outgoing(KINK, groups, masks_without(groups, {"fc1": [0]}))
    expect_equal(got, KINK | {"out.weight": floats([[0, 10]])}, "cut_outgoing(KINK, groups, without unit 0)")


@requirement("SUR-05", "property", "REMOVE")
@given(st.data(), draw.networks())
def test_function(backend: Backend, data: st.DataObject, drawn: Drawn) -> None:
    units = data.draw(draw.removals(drawn))
    got, said = remove(backend, drawn.network, drawn.params, units)
    should = logits(drawn.network, define.cut(drawn.network, drawn.params, units), drawn.x)
    expect_logits(drawn.network, got, drawn.x, should, said)


@requirement("SUR-05", "property", "REMOVE")
@given(st.data(), draw.networks(images=True))
def test_function_of_images(backend: Backend, data: st.DataObject, drawn: Drawn) -> None:
    """Units of every layer at once, through strides, padding, pooling and flatten."""
    units = {name: data.draw(draw.some_units(width)) for name, width in draw.widths(drawn).items()}
    got, said = remove(backend, drawn.network, drawn.params, units)
    should = logits(drawn.network, define.cut(drawn.network, drawn.params, units), drawn.x)
    expect_logits(drawn.network, got, drawn.x, should, said)


@requirement("SUR-05", "property")
@given(st.data(), draw.networks())
def test_cut(data: st.DataObject, drawn: Drawn) -> None:
    units = data.draw(draw.removals(drawn))
    groups = find_groups(drawn.network, drawn.params)
    got = cut_outgoing(drawn.params, groups, masks_without(groups, units))
    expect_equal(got, define.cut(drawn.network, drawn.params, units), f"cut_outgoing(..., {units})")


# SUR-06 Unread units


def unread(network: Network, params: Params, masks: Masks) -> dict[str, list[int]]:
    """Return the units that the reference finds unread."""
    unit_masks = unread_units(params, find_groups(network, params), masks)
    return {name: [unit for unit, keep in enumerate(mask.tolist()) if not keep] for name, mask in unit_masks.items()}


@requirement("SUR-06", "example")
def test_unread_example() -> None:
    params = mlp([[1, 1], [0, 0]], [0, 5], [[1, 2], [3, 4]], [0, 0])
    second = {"out.weight": np.array([[True, False], [True, False]])}
    expect_equal(unread(MLP, params, second), {"fc1": [1]}, "unread_units, the second column masked")
    zero = params | {"out.weight": floats([[1, 0], [3, 0]])}
    expect_equal(unread(MLP, zero, {}), {"fc1": []}, "unread_units, the second column 0")
    inputs = {"fc1.weight": np.array([[True, True], [False, False]])}
    expect_equal(unread(MLP, params, inputs), {"fc1": []}, "unread_units, the second row masked: it gives 5")
    nothing = {"out.weight": np.zeros((2, 2), bool)}
    expect_equal(unread(MLP, params, nothing), {"fc1": [1]}, "unread_units, everything masked: the first stays")
    alone = (Group("fc1", 2, (Slice("fc1.weight", 0), Slice("fc1.bias", 0)), ()),)
    got = unread_units(params, alone, {})
    expect_equal(got, {"fc1": np.array([True, False])}, "unread_units, a group that no array reads: the first stays")


@requirement("SUR-06", "example")
def test_unread_by_unread_example() -> None:
    """Unit 1 of b is unread; unit 0 of a is read by it alone."""
    deep = build(Input("x", (1,)), Dense("a"), Dense("b"), Dense("c"))
    params = {
        f"{name}.{part}": np.ones(shape)
        for name, sizes in (("a", (2, 1)), ("b", (2, 2)), ("c", (1, 2)))
        for part, shape in (("weight", sizes), ("bias", sizes[:1]))
    }
    masks = {"b.weight": np.array([[False, True], [True, True]]), "c.weight": np.array([[True, False]])}
    expect_equal(unread(deep, params, masks), {"a": [0], "b": [1]}, "unread_units(deep)")


@requirement("SUR-06", "property")
@given(st.data(), draw.networks())
def test_unread(data: st.DataObject, drawn: Drawn) -> None:
    """Exactly the unread units; without them the masked network gives the same logits, whatever they output."""
    masks = data.draw(masks_of(drawn.params))
    gone = unread(drawn.network, drawn.params, masks)
    should = define.unread(drawn.network, drawn.params, masks)
    expect_equal(gone, should, f"unread_units with {masks}")
    params = apply_masks(drawn.params, masks)
    loud = {name: array.copy() for name, array in params.items()}
    for name, units in gone.items():
        loud[f"{name}.bias"][units] = 7
    groups = find_groups(drawn.network, params)
    small = compact(loud, groups, masks_without(groups, gone)).arrays
    got = logits(drawn.network, small, drawn.x)
    expect_equal(got, logits(drawn.network, params, drawn.x), f"the logits without {gone}")
    expect_equal(got, logits(drawn.network, loud, drawn.x), f"the logits without {gone}, which output something")


# SUR-07 What is no list of units


@requirement("SUR-07", "example", "REMOVE")
def test_no_units_example(backend: Backend) -> None:
    for wrong in ([-1], [3], [0, 0], [True], [False], [0.0], ["0"], [None], [1, -2], [2, 1, 2]):
        refused(backend, MLP, THREE, {"fc1": wrong})
    refused(backend, MLP, THREE, {"nobody": [0]})
    refused(backend, MLP, THREE, {"fc1": [0], "nobody": []})


@requirement("SUR-07", "property", "REMOVE")
@given(st.data(), draw.networks())
def test_no_units(backend: Backend, data: st.DataObject, drawn: Drawn) -> None:
    layer = data.draw(st.sampled_from(sorted(draw.widths(drawn))))
    wrong = data.draw(draw.no_units(draw.widths(drawn)[layer]))
    refused(backend, drawn.network, drawn.params, data.draw(draw.removals(drawn)) | {layer: wrong})


@requirement("SUR-07", "property")
@given(st.data(), draw.networks())
def test_message_says_what(data: st.DataObject, drawn: Drawn) -> None:
    """The reference names the layer, and changes neither the list nor the groups."""
    layer = data.draw(st.sampled_from(sorted(draw.widths(drawn))))
    wrong = data.draw(draw.no_units(draw.widths(drawn)[layer]))
    groups = find_groups(drawn.network, drawn.params)
    said = f"masks_without(groups, {{{layer!r}: {wrong}}})"
    error = refuses(lambda: masks_without(groups, {layer: wrong}), said)
    if not isinstance(error, InvalidInput) or repr(layer) not in str(error):
        fail(repr(error), f"InvalidInput naming {layer!r}", said)


# SUR-08 Removal of what outputs 0


@requirement("SUR-08", "example", "REMOVE")
def test_silent_example(backend: Backend) -> None:
    got, said = remove(backend, LINE, KINK, {"fc1": [0]})
    masked = mlp([[0], [2]], [0, 1], [[1, 10]], [0])
    expect_equal(logits(LINE, masked, floats([[3]])), [{(0,): 70.0}], "the logits of the masked network")
    expect_logits(LINE, got, floats([[3]]), [{(0,): 70.0}], said)
    expect("out.bias", got["out.bias"], floats([0]), said)


@requirement("SUR-08", "property", "REMOVE")
@given(st.data(), draw.networks())
def test_silent(backend: Backend, data: st.DataObject, drawn: Drawn) -> None:
    """Removal from the masked network and from the unmasked one both give the masked network's logits."""
    units = data.draw(draw.removals(drawn))
    masked = define.masked(drawn.params, units)
    should = logits(drawn.network, masked, drawn.x)
    for params in (masked, drawn.params):
        got, said = remove(backend, drawn.network, params, units)
        expect_logits(drawn.network, got, drawn.x, should, said)


# SUR-09 In steps or at once


@requirement("SUR-09", "example", "REMOVE")
def test_steps_example(backend: Backend) -> None:
    first, _ = remove(backend, LINE, FOUR, {"fc1": [0]})
    second, said = remove(backend, LINE, first, {"fc1": [1]})
    expect_equal(second, mlp([[2], [4]], [6, 8], [[2, 4]], [9]), said)
    once, said = remove(backend, LINE, FOUR, {"fc1": [0, 2]})
    expect_equal(once, second, said)


@requirement("SUR-09", "property", "REMOVE")
@given(st.data(), draw.networks())
def test_steps(backend: Backend, data: st.DataObject, drawn: Drawn) -> None:
    both = data.draw(draw.removals(drawn))
    first = {name: data.draw(st.lists(st.sampled_from(gone), unique=True)) for name, gone in both.items() if gone}
    left = {
        name: [unit for unit in range(width) if unit not in first.get(name, [])]
        for name, width in draw.widths(drawn).items()
    }
    rest = {
        name: [left[name].index(unit) for unit in gone if unit not in first.get(name, [])]
        for name, gone in both.items()
    }
    smaller, _ = remove(backend, drawn.network, drawn.params, first)
    twice, said = remove(backend, drawn.network, smaller, rest)
    once = remove(backend, drawn.network, drawn.params, both)[0]
    expect(f"all that is left after {show(first)}, then this", twice, once, said)


# SUR-10 Nothing to remove


@requirement("SUR-10", "example", "REMOVE")
def test_nothing_example(backend: Backend) -> None:
    params = mlp([[0, 0], [3, 4]], [0, 1], [[0, 5]], [0])
    requests: tuple[Units, ...] = ({"fc1": []}, {})
    for units in requests:
        got, said = remove(backend, MLP, params, units)
        expect_equal(got, mlp([[0, 0], [3, 4]], [0, 1], [[0, 5]], [0]), said)


@requirement("SUR-10", "property", "REMOVE")
@given(st.data(), draw.networks())
def test_nothing(backend: Backend, data: st.DataObject, drawn: Drawn) -> None:
    units: Units = {name: [] for name in draw.widths(drawn) if data.draw(st.booleans())}
    got, said = remove(backend, drawn.network, drawn.params, units)
    expect_equal(got, drawn.params, said)


# SUR-11 The signature stays


@requirement("SUR-11", "example", "REMOVE")
def test_signature_example(backend: Backend) -> None:
    got, said = remove(backend, MLP, THREE, {"fc1": [0, 2]})
    shapes = {"fc1.weight": (1, 2), "fc1.bias": (1,), "out.weight": (2, 1), "out.bias": (2,)}
    expect("shapes", {name: np.shape(array) for name, array in got.items()}, shapes, said)
    refused(backend, MLP, THREE, {"out": [0]})


@requirement("SUR-11", "property", "REMOVE")
@given(st.data(), draw.networks())
def test_signature(backend: Backend, data: st.DataObject, drawn: Drawn) -> None:
    units = data.draw(draw.removals(drawn))
    before = drawn.network
    got, said = remove(backend, drawn.network, drawn.params, units)
    first = next(iter(draw.widths(drawn)))
    expect("inputs", np.shape(got[f"{first}.weight"])[1:], drawn.params[f"{first}.weight"].shape[1:], said)
    expect("outputs", len(got["out.weight"]), len(drawn.params["out.weight"]), said)
    expect("network afterwards", drawn.network, before, said)
    refused(backend, drawn.network, drawn.params, units | {"out": [0]})


# SUR-12 Everything keyed alike


def without(network: Network, params: Params, arrays: Params, units: Units) -> dict[str, Array]:
    """Return arrays keyed as the parameters, compacted by the reference."""
    groups = find_groups(network, params)
    return compact(arrays, groups, masks_without(groups, units)).arrays


@requirement("SUR-12", "example")
def test_alike_example() -> None:
    masks = {"fc1.weight": np.array([[True, False], [True, True], [False, True]])}
    should = {"fc1.weight": np.array([[True, False], [False, True]])}
    expect_equal(without(MLP, THREE, masks, {"fc1": [1]}), should, "compact(masks) without unit 1 of fc1")
    momentum = {name: array * 10 for name, array in THREE.items()}
    should = mlp([[10, 20], [50, 60]], [70, 90], [[10, 30], [40, 60]], [0, 10])
    expect_equal(without(MLP, THREE, momentum, {"fc1": [1]}), should, "compact(momentum) without unit 1 of fc1")


@requirement("SUR-12", "property")
@given(st.data(), draw.networks())
def test_alike(data: st.DataObject, drawn: Drawn) -> None:
    """Update then compact = compact then update, to the last bit: every formula is coordinate by coordinate."""
    units, masks = data.draw(draw.removals(drawn)), data.draw(masks_of(drawn.params))
    optimiser = data.draw(st.sampled_from((sgd(0.9, weight_decay=0.1), sgd(0.5, nesterov=True), adam())))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    grads, *slots = (
        {name: rng.random(array.shape).astype(array.dtype) for name, array in drawn.params.items()}
        for _ in range(1 + optimiser.slots)
    )

    def small(arrays: Params) -> dict[str, Array]:
        return without(drawn.network, drawn.params, arrays, units)

    def state(params: Params, memory: list[Params]) -> State:
        return State(params, {name: tuple(slot[name] for slot in memory) for name in params}, 3)

    whole = update(state(drawn.params, list(slots)), grads, optimiser, 0.1, masks)
    compacted = update(
        state(small(drawn.params), [small(slot) for slot in slots]), small(grads), optimiser, 0.1, small(masks)
    )
    expect_equal(compacted.params, small(whole.params), f"the compacted update without {units}")
    for place in range(optimiser.slots):
        slot = {name: own[place] for name, own in whole.slots.items()}
        mine = {name: own[place] for name, own in compacted.slots.items()}
        expect_equal(mine, small(slot), f"slot {place} of the compacted update without {units}")


# SUR-13 Given things stay as they are


@requirement("SUR-13", "example", "REMOVE")
def test_pure_example(backend: Backend) -> None:
    params = {name: array.copy() for name, array in THREE.items()}
    got, said = remove(backend, MLP, params, {"fc1": [1]})
    expect("parameters afterwards", params, THREE, said)
    for name, array in params.items():
        if np.shares_memory(np.asarray(got[name]), array):
            fail(f"{name!r} that shares memory with the one given", "an array of its own", said)


@requirement("SUR-13", "property", "REMOVE")
@given(st.data(), draw.networks())
def test_pure(backend: Backend, data: st.DataObject, drawn: Drawn) -> None:
    units = data.draw(draw.removals(drawn))
    before = {name: array.copy() for name, array in drawn.params.items()}
    asked = {name: list(gone) for name, gone in units.items()}
    got, said = remove(backend, drawn.network, drawn.params, units)
    expect("parameters afterwards", drawn.params, before, said)
    expect("units afterwards", units, asked, said)
    for name, array in drawn.params.items():
        if np.shares_memory(np.asarray(got[name]), array):
            fail(f"{name!r} that shares memory with the one given", "an array of its own", said)


# SUR-14 Arrays of other groups


def refused_naming(arrays: Params, groups: Any, units: Units, *words: str) -> None:
    """Require InvalidInput with these words in it, and arrays that have not changed."""
    before = {key: array.copy() for key, array in arrays.items()}
    said = f"compact({show(before)}, groups, masks_without(groups, {units}))"
    expect_refusal(lambda: compact(arrays, groups, masks_without(groups, units)), said, *words)
    expect("arrays afterwards", arrays, before, said)


def expect_refusal(action: Callable[[], object], said: str, *words: str) -> None:
    """Require InvalidInput with these words in it."""
    error = refuses(action, said)
    missing = [word for word in words if word not in str(error)]
    if not isinstance(error, InvalidInput) or missing:
        fail(repr(error), f"InvalidInput with {words} in it", said)


@requirement("SUR-14", "example")
def test_other_groups_example() -> None:
    groups = find_groups(MLP, THREE)
    smaller = compact(THREE, groups, masks_without(groups, {"fc1": [1]})).arrays
    two = "group 'fc1': got array 'fc1.weight' of shape (2, 2), expected length 3 along axis 0"
    refused_naming(smaller, groups, {"fc1": [1]}, two)
    flat = "group 'fc1': got array 'out.weight' of shape (2,), expected length 3 along axis 1"
    refused_naming(THREE | {"out.weight": floats([1, 2])}, groups, {}, flat)


@requirement("SUR-14", "example")
def test_other_masks_example() -> None:
    """Masks of a group that is not there or of another size; masks of entries that do not fit their array."""
    groups = find_groups(MLP, THREE)
    units: tuple[tuple[Any, tuple[str, ...]], ...] = (
        ({"fc2": np.ones(3, bool)}, ("'fc2'",)),
        ({"fc1": np.ones(2, bool)}, ("'fc1'", "(2,)", "(3,)")),
        ({"fc1": np.ones(3)}, ("'fc1'", "float64")),
    )
    for mask, words in units:
        for what in (compact, cut_outgoing):
            expect_refusal(lambda: what(THREE, groups, mask), f"{what.__name__}(THREE, groups, {show(mask)})", *words)  # noqa: B023  called at once
    entries: tuple[tuple[Any, tuple[str, ...]], ...] = (
        ({"out": np.ones((2, 3), bool)}, ("'out'",)),
        ({"out.weight": np.ones((3, 2), bool)}, ("'out.weight'", "(3, 2)", "(2, 3)")),
        ({"out.weight": np.ones((2, 3))}, ("'out.weight'", "float64")),
    )
    for mask, words in entries:
        expect_refusal(lambda: unread_units(THREE, groups, mask), f"unread_units(THREE, groups, {show(mask)})", *words)  # noqa: B023  called at once


@requirement("SUR-14", "property")
@given(st.data(), draw.networks())
def test_other_groups(data: st.DataObject, drawn: Drawn) -> None:
    """One more or one fewer entry along the axis of a group."""
    layer = data.draw(st.sampled_from(sorted(draw.widths(drawn))))
    axis, name = data.draw(
        st.sampled_from(
            ((0, f"{layer}.weight"), (0, f"{layer}.bias"), (1, f"{define.readers(drawn.network)[layer]}.weight"))
        )
    )
    array = drawn.params[name]
    places = list(range(array.shape[axis]))
    other = array.take(data.draw(st.sampled_from((places[:-1], [*places, 0]))), axis=axis)
    groups = find_groups(drawn.network, drawn.params)
    refused_naming(drawn.params | {name: other}, groups, {}, f"array {name!r}")
