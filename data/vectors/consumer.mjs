// Reads selection.json and holds a selection written here to it: node consumer.mjs [selection.json]
//
// It knows nothing of Python. What it declares is the default of everything; operations it has none of are counted as
// not applicable. Exit code 1 when a vector fails.

import { readFileSync } from "node:fs";

const NUMBERS = { nan: NaN, inf: Infinity, "-inf": -Infinity };
const OPERATIONS = { select, shortfall, session };

class Refusal extends Error {}

// A pool is a list of entries in the order of ties: { name, place, score, alive, kept }.

function numbers(array) {
  return array.data.map((entry) => (typeof entry === "string" ? NUMBERS[entry] : entry));
}

function entries(request, name) {
  const scores = request.scores.find((tensor) => tensor.name === name);
  const within = (request.within ?? []).find((tensor) => tensor.name === name);
  return numbers(scores).map((score, place) => ({ name, place, score, alive: !within || within.data[place] === 1 }));
}

function pools(request) {
  const each = request.scores.map((tensor) => entries(request, tensor.name));
  return request.pools === "global" ? { global: each.flat() } : Object.fromEntries(each.map((pool, i) => [request.scores[i].name, pool]));
}

function count(sparsity, size) {
  if (Number.isInteger(sparsity)) {
    if (sparsity < 0 || sparsity > size) throw new Refusal("count");
    return sparsity;
  }
  const fraction = sparsity && typeof sparsity === "object" && "float" in sparsity ? sparsity.float : NaN;
  if (!(fraction >= 0 && fraction <= 1)) throw new Refusal("fraction");
  const product = fraction * size;
  const low = Math.floor(product);
  const half = product - low - 0.5;
  return half > 0 || (half === 0 && low % 2 === 1) ? low + 1 : low;
}

// Alive first, then score descending, then position ascending; Array.sort is stable.
function ordered(pool) {
  return [...pool].filter((entry) => entry.alive).sort((a, b) => (a.score < b.score) - (a.score > b.score));
}

function selected(request) {
  const units = request.granularity?.kind === "unit" ? request.granularity : { min_kept: 0 };
  const { min_kept: least = 1, multiple = 1 } = units;
  if (!Number.isInteger(multiple) || multiple < 1) throw new Refusal("multiple");
  const found = pools(request);
  if (Object.keys(found).length === 0) throw new Refusal("no pool");
  for (const pool of Object.values(found)) {
    if (pool.length === 0) throw new Refusal("empty pool");
    if (pool.some((entry) => entry.alive && Number.isNaN(entry.score))) throw new Refusal("NaN");
    const asked = count(request.sparsity, pool.length);
    const alive = ordered(pool);
    if (asked < pool.length - alive.length) throw new Refusal("nesting");
    const names = new Set(pool.map((entry) => entry.name));
    for (const name of names) alive.filter((entry) => entry.name === name).slice(0, least).forEach((entry) => (entry.kept = true));
    const rest = alive.filter((entry) => !entry.kept);
    rest.slice(0, Math.max(0, rest.length - (asked - (pool.length - alive.length)))).forEach((entry) => (entry.kept = true));
    for (const name of names) {
      const own = alive.filter((entry) => entry.name === name);
      const width = Math.ceil(own.filter((entry) => entry.kept).length / multiple) * multiple;
      own.slice(0, width).forEach((entry) => (entry.kept = true));
    }
    pool.short = asked - pool.filter((entry) => !entry.kept).length;
  }
  return found;
}

function select({ case: request }) {
  const every = Object.values(selected(request)).flat();
  const masks = {};
  for (const { name, shape } of request.scores) {
    const own = every.filter((entry) => entry.name === name).sort((a, b) => a.place - b.place);
    masks[name] = { shape, data: own.map((entry) => (entry.kept ? 1 : 0)) };
  }
  return masks;
}

function shortfall({ case: request }) {
  return Object.fromEntries(Object.entries(selected(request)).map(([name, pool]) => [name, pool.short]));
}

function session({ case: request, calls }) {
  let within = request.within;
  return calls.map((call) => {
    try {
      const masks = select({ case: { ...request, ...call, within } });
      within = Object.entries(masks).map(([name, mask]) => ({ name, ...mask }));
      return masks;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return { refused: true };
    }
  });
}

// null is anything; what is expected of an object is all that is compared of it.
function same(got, expected) {
  if (expected === null) return true;
  if (typeof expected !== "object") return got === expected;
  if (Array.isArray(expected) && got?.length !== expected.length) return false;
  return Object.keys(expected).every((key) => same(got?.[key], expected[key]));
}

function answer(operation, test) {
  try {
    return OPERATIONS[operation](test.in);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { refused: true };
  }
}

const path = process.argv[2] ?? new URL("v0/selection.json", import.meta.url);
const tally = { passed: 0, failed: 0, "not applicable": 0 };
for (const { operation, tests } of JSON.parse(readFileSync(path, "utf8")).groups) {
  for (const test of tests) {
    const got = operation in OPERATIONS ? answer(operation, test) : undefined;
    const verdict = got === undefined ? "not applicable" : same(got, test.out) ? "passed" : "failed";
    tally[verdict] += 1;
    if (verdict === "failed") console.log(`${test.id}: ${test.comment}: got ${JSON.stringify(got)}, but should be ${JSON.stringify(test.out)}`);
  }
}
console.log(JSON.stringify(tally));
process.exitCode = tally.failed ? 1 : 0;
