// A testee in C++17, standard library only: the model for an adapter that speaks the wire protocol (docs/wire.md).
//
// It claims SELECT (entries and units) and SCHEDULE. In reading order: the library that is under test, JSON, what goes
// over the wire, the operations, the loop. To test a library of your own, replace the first part and adapt the fourth.
//
//     g++ -O2 -std=c++17 testee.cpp -o testee
//     refprune-spec run --backend exec:./testee
//
// -DWRONG_COUNT, -DWRONG_TIES and -DWRONG_PROGRESS each build a mistake in, which the suite has to find.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <map>
#include <numeric>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using std::size_t;
using std::string;
using std::vector;

// ---------------------------------------------------------------------------------------------- 1. The library

/// What the library raises: a question that has no answer.
struct Refused : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// How much is to go: a fraction of the entries, or how many of them are removed afterwards.
struct Sparsity {
    bool is_count;
    double fraction;
    long long count;
};

/// One named array, flat in C order: its scores, and what is still alive.
struct Tensor {
    string name;
    vector<size_t> shape;
    vector<double> scores;
    vector<bool> alive;
};

/// Masks of the tensors (true = kept), and of each pool how many units could not be removed as asked.
struct Selection {
    vector<vector<bool>> masks;
    vector<std::pair<string, long long>> shortfall;
};

/// SEL-01 to SEL-03: how many of n go.
long long removal_count(const Sparsity& sparsity, size_t n) {
    if (sparsity.is_count) {
        if (sparsity.count < 0 || sparsity.count > static_cast<long long>(n)) throw Refused("a count outside [0, n]");
        return sparsity.count;
    }
    if (!(sparsity.fraction >= 0 && sparsity.fraction <= 1)) throw Refused("a sparsity outside of [0, 1]");
    const double product = sparsity.fraction * static_cast<double>(n);
#ifdef WRONG_COUNT
    return static_cast<long long>(product);
#else
    return static_cast<long long>(std::nearbyint(product));  // half to even, the rounding mode a program starts with
#endif
}

/// SEL-04: keep the first `kept` entries in this order: reserved, alive, score descending, position ascending.
vector<bool> keep_best(const vector<double>& scores, const vector<bool>& alive, const vector<bool>& reserved,
                       size_t kept) {
    vector<size_t> order(scores.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
        if (reserved[a] != reserved[b]) return bool(reserved[a]);
        if (alive[a] != alive[b]) return bool(alive[a]);
        if (alive[a] && scores[a] != scores[b]) return scores[a] > scores[b];  // those of removed entries say nothing
#ifdef WRONG_TIES
        return a > b;
#else
        return a < b;
#endif
    });
    vector<bool> mask(scores.size(), false);
    for (size_t i = 0; i < kept; ++i) mask[order[i]] = true;
    return mask;
}

size_t count_true(const vector<bool>& mask) {
    return static_cast<size_t>(std::count(mask.begin(), mask.end(), true));
}

/// The `kept` best alive entries of one tensor; all of them where there are fewer.
vector<bool> best_alive(const Tensor& tensor, size_t kept) {
    const vector<bool> none(tensor.scores.size(), false);
    return keep_best(tensor.scores, tensor.alive, none, std::min(kept, count_true(tensor.alive)));
}

/// SEL-10, SEL-11, SEL-21: select in the pool of tensors [first, last), into masks; return how many are short.
long long select_pool(const vector<Tensor>& tensors, size_t first, size_t last, const Sparsity& sparsity,
                      size_t min_kept, size_t multiple, vector<vector<bool>>& masks) {
    vector<double> scores;
    vector<bool> alive, reserved;
    for (size_t t = first; t < last; ++t) {
        const vector<bool> set_aside = best_alive(tensors[t], min_kept);
        scores.insert(scores.end(), tensors[t].scores.begin(), tensors[t].scores.end());
        alive.insert(alive.end(), tensors[t].alive.begin(), tensors[t].alive.end());
        reserved.insert(reserved.end(), set_aside.begin(), set_aside.end());
    }
    const auto n = static_cast<long long>(scores.size());
    if (n == 0) throw Refused("a pool without entries");  // SEL-12
    const long long count = removal_count(sparsity, scores.size());
    const long long removed = n - static_cast<long long>(count_true(alive));
    if (count < removed) throw Refused("a target below what is removed already");  // SEL-05
    long long missed = std::max(0LL, count - (n - static_cast<long long>(count_true(reserved))));
    const vector<bool> kept = keep_best(scores, alive, reserved, static_cast<size_t>(n - (count - missed)));
    auto next = kept.begin();
    for (size_t t = first; t < last; ++t) {
        const auto size = static_cast<std::ptrdiff_t>(tensors[t].scores.size());
        vector<bool> mask(next, next + size);
        next += size;
        const size_t had = count_true(mask);
        const size_t wanted = std::min((had + multiple - 1) / multiple * multiple, count_true(tensors[t].alive));
        if (wanted != had) mask = best_alive(tensors[t], wanted);
        missed += static_cast<long long>(wanted) - static_cast<long long>(had);
        masks.push_back(mask);
    }
    return missed;
}

/// The masks that remove the stated part of every pool: one pool for each tensor, or one of all.
Selection select(const vector<Tensor>& tensors, const Sparsity& sparsity, bool global, size_t min_kept,
                 size_t multiple) {
    if (tensors.empty()) throw Refused("no tensors");
    for (const Tensor& tensor : tensors)
        for (size_t i = 0; i < tensor.scores.size(); ++i)
            if (tensor.alive[i] && std::isnan(tensor.scores[i])) throw Refused("NaN at an alive entry");  // SEL-07
    Selection found;
    const size_t step = global ? tensors.size() : 1;
    for (size_t first = 0; first < tensors.size(); first += step) {
        const long long missed =
            select_pool(tensors, first, first + step, sparsity, min_kept, multiple, found.masks);
        found.shortfall.emplace_back(global ? "global" : tensors[first].name, missed);
    }
    return found;
}

/// A curve from `initial` at `begin` to `final` at `end`, firing each `every` steps.
struct Schedule {
    string curve;
    double final, initial;
    long long end, begin, every;
};

/// SCH-07: refuse what could never fire, or would fall.
void check(const Schedule& s) {
    for (const double sparsity : {s.initial, s.final})
        if (!(sparsity >= 0 && sparsity <= 1)) throw Refused("a sparsity outside of [0, 1]");
    if (s.initial > s.final) throw Refused("a sparsity that falls");
    if (s.begin < 0 || s.end < s.begin || s.every < 1) throw Refused("steps that are no schedule");
}

/// SCH-01 to SCH-05: the sparsity at a step.
double sparsity_at(const Schedule& s, long long step) {
    if (step >= s.end) return s.final;
    if (step <= s.begin) return s.initial;
    const auto length = static_cast<double>(s.end - s.begin);
#ifdef WRONG_PROGRESS
    const double progress = static_cast<double>(step + 1 - s.begin) / length;
#else
    const double progress = static_cast<double>(step - s.begin) / length;
#endif
    double value = s.final;
    if (s.curve == "linear") value = s.initial + (s.final - s.initial) * progress;
    if (s.curve == "cubic") value = s.initial + (s.final - s.initial) * (1 - std::pow(1 - progress, 3));
    if (s.curve == "geometric" && s.initial != s.final)
        value = 1 - (1 - s.initial) * std::pow((1 - s.final) / (1 - s.initial), progress);
    return std::min(std::max(value, s.initial), s.final);  // SCH-02
}

/// SCH-06: whether pruning happens at a step.
bool fires(const Schedule& s, long long step) {
    return step == s.end || (s.begin <= step && step < s.end && (step - s.begin) % s.every == 0);
}

// ---------------------------------------------------------------------------------------------------- 2. JSON

/// A question that cannot be read: the adapter's trouble, and no refusal of the library's.
struct Unreadable : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// A value of JSON. A text stays as it was written, escapes included: names are compared and handed back, nothing else.
struct Json {
    enum Kind { null, boolean, number, text, list, object } kind = null;
    bool truth = false;
    double value = 0;
    string words;
    vector<string> names;
    vector<Json> inner;

    /// The member of this name.
    const Json& operator[](const string& name) const {
        const auto found = std::find(names.begin(), names.end(), name);
        if (kind != object || found == names.end()) throw Unreadable("no member " + name);
        return inner[static_cast<size_t>(found - names.begin())];
    }
    const string& as_text() const { return is(text).words; }
    double as_number() const { return is(number).value; }
    const vector<Json>& as_list() const { return is(list).inner; }

  private:
    const Json& is(Kind wanted) const {
        if (kind != wanted) throw Unreadable("a value of another kind than expected");
        return *this;
    }
};

/// Reads one line of JSON.
class Reader {
  public:
    explicit Reader(const string& line) : at_(line.c_str()) {}

    Json whole() {
        Json found = value(0);
        if (space() != '\0') throw Unreadable("something after the JSON");
        return found;
    }

  private:
    const char* at_;

    char space() {
        while (*at_ == ' ' || *at_ == '\t' || *at_ == '\r' || *at_ == '\n') ++at_;
        return *at_;
    }
    bool take(char wanted) {
        if (space() != wanted) return false;
        ++at_;
        return true;
    }
    void expect(char wanted) {
        if (!take(wanted)) throw Unreadable(string("no ") + wanted + " where JSON has one");
    }
    bool word(const char* wanted) {
        const size_t length = std::strlen(wanted);
        if (std::strncmp(at_, wanted, length) != 0) return false;
        at_ += length;
        return true;
    }

    Json value(int depth) {
        if (depth > 100) throw Unreadable("JSON that is too deep");
        Json found;
        const char next = space();
        if (next == '{') return object(depth);
        if (next == '[') return list(depth);
        if (next == '"') {
            found.kind = Json::text;
            found.words = words();
        } else if (word("true") || word("false")) {
            found.kind = Json::boolean;
            found.truth = next == 't';
        } else if (!word("null")) {
            char* end = nullptr;
            found.kind = Json::number;
            found.value = std::strtod(at_, &end);
            if (end == at_ || !(next == '-' || (next >= '0' && next <= '9'))) throw Unreadable("no JSON");
            at_ = end;
        }
        return found;
    }
    Json list(int depth) {
        Json found;
        found.kind = Json::list;
        expect('[');
        if (take(']')) return found;
        do found.inner.push_back(value(depth + 1));
        while (take(','));
        expect(']');
        return found;
    }
    Json object(int depth) {
        Json found;
        found.kind = Json::object;
        expect('{');
        if (take('}')) return found;
        do {
            space();
            found.names.push_back(words());
            expect(':');
            found.inner.push_back(value(depth + 1));
        } while (take(','));
        expect('}');
        return found;
    }
    string words() {
        expect('"');
        const char* const begin = at_;
        while (*at_ != '"') {
            if (*at_ == '\\') ++at_;
            if (*at_ == '\0') throw Unreadable("a text without an end");
            ++at_;
        }
        return string(begin, at_++);
    }
};

// ------------------------------------------------------------------------------------------- 3. Over the wire

/// A case outside of what is declared: said before the library is touched.
struct Unsupported : std::runtime_error {
    using std::runtime_error::runtime_error;
};

const string ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

vector<unsigned char> from_base64(const string& text) {
    if (text.size() % 4 != 0) throw Unreadable("no base64");
    vector<unsigned char> bytes;
    for (size_t i = 0; i < text.size(); i += 4) {
        std::uint32_t bits = 0;
        int padding = 0;
        for (size_t j = i; j < i + 4; ++j) {
            const size_t digit = ALPHABET.find(text[j]);
            if (text[j] == '=' && j + 2 >= text.size())
                ++padding;
            else if (digit == string::npos || padding > 0)
                throw Unreadable("no base64");
            bits = bits << 6 | (text[j] == '=' ? 0 : static_cast<std::uint32_t>(digit));
        }
        for (int shift = 16; shift >= 8 * padding; shift -= 8)
            bytes.push_back(static_cast<unsigned char>(bits >> shift));
    }
    return bytes;
}

string to_base64(const vector<bool>& mask) {
    string text;
    for (size_t i = 0; i < mask.size(); i += 3) {
        std::uint32_t bits = 0;
        for (size_t j = i; j < i + 3; ++j) bits = bits << 8 | (j < mask.size() && mask[j] ? 1u : 0u);
        for (int shift = 18; shift >= 0; shift -= 6) text += ALPHABET[bits >> shift & 63];
        for (size_t j = mask.size(); j < i + 3; ++j) text[text.size() - (j - mask.size()) - 1] = '=';
    }
    return text;
}

/// The little-endian integer in `size` bytes.
std::uint64_t integer(const unsigned char* bytes, size_t size) {
    std::uint64_t value = 0;
    for (size_t i = size; i-- > 0;) value = value << 8 | bytes[i];
    return value;
}

double from_float64(const unsigned char* bytes) {
    const std::uint64_t bits = integer(bytes, 8);
    double value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

double from_float32(const unsigned char* bytes) {
    const auto bits = static_cast<std::uint32_t>(integer(bytes, 4));
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

double from_float16(const unsigned char* bytes) {
    const auto bits = static_cast<int>(integer(bytes, 2));
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    const double size = exponent == 31  ? (fraction ? std::nan("") : INFINITY)
                        : exponent == 0 ? std::ldexp(fraction, -24)
                                        : std::ldexp(1024 + fraction, exponent - 25);
    return bits >> 15 ? -size : size;
}

vector<size_t> shape_of(const Json& array) {
    vector<size_t> shape;
    for (const Json& side : array["shape"].as_list()) shape.push_back(static_cast<size_t>(side.as_number()));
    return shape;
}

/// The bytes of an array, if there are as many as its shape and the size of an entry say.
vector<unsigned char> bytes_of(const Json& array, size_t size) {
    vector<unsigned char> bytes = from_base64(array["data"].as_text());
    for (const size_t side : shape_of(array)) size *= side;
    if (bytes.size() != size) throw Unreadable("an array of another length than its shape says");
    return bytes;
}

/// The scores of an array; this library ranks floats only.
vector<double> scores_of(const Json& array) {
    static const std::map<string, std::pair<size_t, double (*)(const unsigned char*)>> readers = {
        {"float16", {2, from_float16}}, {"float32", {4, from_float32}}, {"float64", {8, from_float64}}};
    const auto reader = readers.find(array["dtype"].as_text());
    if (reader == readers.end()) throw Refused("scores of dtype " + array["dtype"].as_text());
    const auto [size, read] = reader->second;
    const vector<unsigned char> bytes = bytes_of(array, size);
    vector<double> scores;
    for (size_t i = 0; i < bytes.size(); i += size) scores.push_back(read(&bytes[i]));
    return scores;
}

/// What a mask says is alive.
vector<bool> alive_of(const Json& mask, const Tensor& tensor) {
    if (mask["dtype"].as_text() != "bool" || shape_of(mask) != tensor.shape) throw Refused("a mask that does not fit");
    const vector<unsigned char> bytes = bytes_of(mask, 1);
    return vector<bool>(bytes.begin(), bytes.end());
}

/// A scalar is null, or an object of one member that is named after the type.
bool is_scalar(const Json& scalar, const string& type) {
    return scalar.kind == Json::object && scalar.names.size() == 1 && scalar.names[0] == type;
}

/// An int of this library; a bool is none. Beyond 2^53 it comes as a text, and then it is no count of anything.
long long int_of(const Json& scalar) {
    if (!is_scalar(scalar, "int")) throw Refused("no integer");
    const Json& value = scalar.inner[0];
    if (value.kind == Json::text) throw Refused("an integer beyond 2^53");
    return static_cast<long long>(value.as_number());
}

/// A fraction: a float or an int. What is not finite comes as a text.
double fraction_of(const Json& scalar) {
    if (is_scalar(scalar, "int")) return static_cast<double>(int_of(scalar));
    if (!is_scalar(scalar, "float") || scalar.inner[0].kind == Json::text) throw Refused("no finite number");
    return scalar.inner[0].as_number();
}

Sparsity sparsity_of(const Json& scalar) {
    if (is_scalar(scalar, "int")) return {true, 0, int_of(scalar)};
    return {false, fraction_of(scalar), 0};
}

/// Writes a finite float so that the same one is read.
string written(double value) {
    char text[40];
    std::snprintf(text, sizeof text, "{\"float\":%.17g}", value);
    return text;
}

string quoted(const string& words) { return '"' + words + '"'; }

/// Writes a list of what is written already.
string listed(const vector<string>& parts) {
    string text = "[";
    for (const string& part : parts) text += (text.size() > 1 ? "," : "") + part;
    return text + "]";
}

// --------------------------------------------------------------------------------------------- 4. Operations

const string DECLARATION =
    R"({"name":"cpp","library":"testee.cpp 1","profiles":["SCHEDULE","SELECT"],"granularities":["element","unit"]})";

vector<Tensor> tensors_of(const Json& question) {
    vector<Tensor> tensors;
    for (const Json& array : question["scores"].as_list()) {
        const vector<double> scores = scores_of(array);
        tensors.push_back({array["name"].as_text(), shape_of(array), scores, vector<bool>(scores.size(), true)});
    }
    if (question["within"].kind == Json::null) return tensors;
    for (const Json& mask : question["within"].as_list()) {
        const auto tensor = std::find_if(tensors.begin(), tensors.end(),
                                         [&](const Tensor& one) { return one.name == mask["name"].as_text(); });
        if (tensor == tensors.end()) throw Refused("a mask of nothing");
        tensor->alive = alive_of(mask, *tensor);
    }
    return tensors;
}

Selection selection_of(const Json& question) {
    const string kind = question["granularity"]["kind"].as_text();
    if (kind != "element" && kind != "unit") throw Unsupported("entries and units only");
    const bool units = kind == "unit";
    const long long min_kept = units ? int_of(question["granularity"]["min_kept"]) : 0;
    const long long multiple = units ? int_of(question["granularity"]["multiple"]) : 1;
    if (min_kept < 0 || multiple < 1) throw Refused("a reserve below 0 or a multiple below 1");
    return select(tensors_of(question), sparsity_of(question["sparsity"]), question["pools"].as_text() == "global",
                  static_cast<size_t>(min_kept), static_cast<size_t>(multiple));
}

string select(const Json& question) {
    const Json& scores = question["case"]["scores"];
    const Selection found = selection_of(question["case"]);
    vector<string> masks;
    for (size_t t = 0; t < found.masks.size(); ++t) {
        vector<string> shape;
        for (const size_t side : shape_of(scores.inner[t])) shape.push_back(std::to_string(side));
        masks.push_back("{\"name\":" + quoted(scores.inner[t]["name"].as_text()) + ",\"dtype\":\"bool\",\"shape\":" +
                        listed(shape) + ",\"data\":" + quoted(to_base64(found.masks[t])) + "}");
    }
    return listed(masks);
}

string shortfall(const Json& question) {
    vector<string> pools;
    for (const auto& [pool, missed] : selection_of(question["case"]).shortfall)
        pools.push_back("{\"name\":" + quoted(pool) + ",\"value\":{\"int\":" + std::to_string(missed) + "}}");
    return listed(pools);
}

string curve_of(const Json& curve) {
    const string& name = curve.as_text();
    if (name != "linear" && name != "cubic" && name != "geometric") throw Unsupported("no curve " + name);
    return name;
}

string trace(const Json& question) {
    const Json& given = question["case"];
    const Schedule schedule = {curve_of(given["curve"]),  fraction_of(given["final"]), fraction_of(given["initial"]),
                               int_of(given["end"]),      int_of(given["begin"]),      int_of(given["every"])};
    const long long steps = int_of(question["steps"]);
    check(schedule);
    if (steps < schedule.end) throw Refused("a run that ends before the schedule");
    vector<string> found;
    for (long long step = 0; step <= steps; ++step)
        found.push_back(string("{\"fires\":{\"bool\":") + (fires(schedule, step) ? "true" : "false") +
                        "},\"sparsity\":" + written(sparsity_at(schedule, step)) + "}");
    return listed(found);
}

string rounds(const Json& question) {
    const Schedule schedule = {curve_of(question["curve"]), fraction_of(question["final"]), 0,
                               int_of(question["count"]),   0,                              1};
    if (schedule.end < 1) throw Refused("fewer than one round");
    check(schedule);
    vector<string> found;
    for (long long step = 1; step <= schedule.end; ++step) found.push_back(written(sparsity_at(schedule, step)));
    return listed(found);
}

// ------------------------------------------------------------------------------------------------ 5. The loop

const std::map<string, string (*)(const Json&)> OPERATIONS = {
    {"select", select}, {"shortfall", shortfall}, {"trace", trace}, {"rounds", rounds}};

/// What stands in an answer behind its seq: a result, or why there is none.
string answer(const Json& question) {
    const auto operation = OPERATIONS.find(question["op"].as_text());
    if (operation == OPERATIONS.end()) return "\"unsupported\":\"this testee selects and schedules\"";
    try {
        return "\"result\":" + operation->second(question);
    } catch (const Refused& reason) {
        return "\"refused\":" + quoted(reason.what());
    } catch (const Unsupported& reason) {
        return "\"unsupported\":" + quoted(reason.what());
    } catch (const Unreadable& reason) {
        return "\"error\":" + quoted(reason.what());
    }
}

/// What is no JSON ends the program: its last words go to standard error, and the verdict is a crash.
int main() {
    std::ios::sync_with_stdio(false);
    for (string line; std::getline(std::cin, line);) {
        const Json question = Reader(line).whole();
        const string op = question["op"].as_text();
        if (op == "stop") break;
        if (op == "start")
            std::cout << "{\"protocol\":1,\"declaration\":" << DECLARATION << "}";
        else
            std::cout << "{\"seq\":" << static_cast<long long>(question["seq"].as_number()) << ","
                      << answer(question) << "}";
        std::cout << std::endl;
    }
}
