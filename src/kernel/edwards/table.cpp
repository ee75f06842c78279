#include "edwards/table.hpp"

#include <algorithm>
#include <stdexcept>

namespace hashpact::edwards {

namespace {

constexpr unsigned key_bits = 4;   // 60 KB for each key
constexpr unsigned base_bits = 8;  // 480 KB, once

Element small(std::uint64_t value) { return {{value, 0, 0, 0, 0}}; }

// d = -121665 / 121666, and the square root of -1 that is 2^((p - 1) / 4).
const Element& curve_d() {
    static const Element d = difference(zero, product(small(121665), inverse(small(121666))));
    return d;
}

const Element& root_of_minus_one() {
    static const Element root = power(small(2), exponent(1, 2));
    return root;
}

bool odd(const Element& a) { return (to_bytes(a)[0] & 1) != 0; }

Addend addend(const Element& x, const Element& y) {
    static const Element twice_d = carried(sum(curve_d(), curve_d()));
    return {carried(sum(y, x)), difference(y, x), product(product(x, y), twice_d)};
}

// The complete addition of Hisil, Wong, Carter and Dawson ("Twisted Edwards Curves Revisited", 2008, section 3.1, with
// a = -1 and z2 = 1): it has no exceptions, as -1 is a square and d is none.
Point plus(const Point& p, const Element& larger, const Element& smaller, const Element& scaled) {
    const Element a = product(difference(p.y, p.x), smaller);
    const Element b = product(sum(p.y, p.x), larger);
    const Element c = product(p.t, scaled);
    const Element twice = sum(p.z, p.z);
    const Element e = difference(b, a), f = difference(twice, c), g = carried(sum(twice, c)), h = carried(sum(b, a));
    return {product(e, f), product(g, h), product(f, g), product(e, h)};
}

Point plus(const Point& p, const Addend& q) { return plus(p, q.plus, q.minus, q.product); }

Point minus(const Point& p, const Addend& q) {
    return plus(p, q.minus, q.plus, difference(zero, q.product));
}

Point identity() { return {zero, one, one, zero}; }

// 1 / z of each point, with one inversion: the inverse of the product of all is taken apart again.
std::vector<Element> inverses(const std::vector<Point>& points) {
    std::vector<Element> products(points.size());
    Element all = one;
    for (std::size_t at = 0; at < points.size(); ++at) {
        products[at] = all;
        all = product(all, points[at].z);
    }
    Element rest = inverse(all);
    for (std::size_t at = points.size(); at-- > 0;) {
        products[at] = product(products[at], rest);
        rest = product(rest, points[at].z);
    }
    return products;
}

const Table& base_table() {
    static const Table table = [] {
        const std::array<unsigned char, 32> spelled = to_bytes(product(small(4), inverse(small(5))));  // x is even
        Point base;
        if (!decode(spelled.data(), base)) throw std::logic_error("the base point is on the curve");
        return Table(base, base_bits);
    }();
    return table;
}

Point negated(const unsigned char* key) {
    Point point;
    if (!decode(key, point)) throw std::invalid_argument("not the one spelling of a point of the curve");
    return {difference(zero, point.x), point.y, point.z, difference(zero, point.t)};
}

}  // namespace

bool decode(const unsigned char* bytes, Point& point) {
    const Element y = from_bytes(bytes);
    const bool wanted = bytes[31] >> 7 != 0;
    std::array<unsigned char, 32> spelled = to_bytes(y);
    spelled[31] = static_cast<unsigned char>(spelled[31] | (wanted ? 0x80 : 0));
    if (!std::equal(spelled.begin(), spelled.end(), bytes)) return false;
    const Element square = product(y, y);
    const Element u = difference(square, one), v = carried(sum(product(square, curve_d()), one));
    // RFC 8032, 5.1.3: x = u v^3 (u v^7)^((p - 5) / 8) is a root of u / v, or one of -u / v.
    const Element v3 = product(product(v, v), v), v7 = product(product(v3, v3), v);
    Element x = product(product(u, v3), power(product(u, v7), exponent(5, 3)));
    const Element found = product(v, product(x, x));
    if (!equal(found, u)) {
        if (!equal(found, difference(zero, u))) return false;
        x = product(x, root_of_minus_one());
    }
    if (equal(x, zero) && wanted) return false;
    if (odd(x) != wanted) x = difference(zero, x);
    point = {x, y, one, product(x, y)};
    return true;
}

Table::Table(const Point& point, unsigned bits) : bits_(bits) {
    const std::size_t half = std::size_t{1} << (bits - 1);
    std::vector<Point> multiples;
    Point weighted = point;
    for (unsigned digit = 0; digit < 256 / bits; ++digit) {
        const Element back = inverse(weighted.z);
        const Addend step = addend(product(weighted.x, back), product(weighted.y, back));
        Point multiple = plus(identity(), step);
        for (std::size_t number = 0; number < half; ++number) {
            multiples.push_back(multiple);
            if (number + 1 < half) multiple = plus(multiple, step);
        }
        weighted = multiple;  // 2^(bits - 1) times, and once more doubled
        const Element scale = inverse(weighted.z);
        weighted = plus(weighted, addend(product(weighted.x, scale), product(weighted.y, scale)));
    }
    const std::vector<Element> back = inverses(multiples);
    for (std::size_t at = 0; at < multiples.size(); ++at) {
        addends_.push_back(addend(product(multiples[at].x, back[at]), product(multiples[at].y, back[at])));
    }
}

void Table::add(Point& sum, const unsigned char* scalar) const {
    const int half = 1 << (bits_ - 1);
    int carry = 0;
    for (unsigned digit = 0; digit < 256 / bits_; ++digit) {
        const unsigned bit = digit * bits_;
        int value = (scalar[bit >> 3] >> (bit & 7) & (2 * half - 1)) + carry;
        carry = value >= half;
        value -= carry * 2 * half;
        const Addend* row = &addends_[digit * static_cast<std::size_t>(half)];
        if (value > 0) sum = plus(sum, row[value - 1]);
        if (value < 0) sum = minus(sum, row[-value - 1]);
    }
}

Verifier::Verifier(const unsigned char* key) : negated_(negated(key), key_bits) {}

std::vector<unsigned char> Verifier::verify(const unsigned char* r, const unsigned char* s, const unsigned char* h,
                                            std::size_t count) const {
    std::vector<Point> sums(count, identity());
    for (std::size_t at = 0; at < count; ++at) {
        base_table().add(sums[at], s + 32 * at);
        negated_.add(sums[at], h + 32 * at);
    }
    const std::vector<Element> back = inverses(sums);
    std::vector<unsigned char> found(count);
    for (std::size_t at = 0; at < count; ++at) {
        std::array<unsigned char, 32> spelled = to_bytes(product(sums[at].y, back[at]));
        const bool sign = odd(product(sums[at].x, back[at]));
        spelled[31] = static_cast<unsigned char>(spelled[31] | (sign ? 0x80 : 0));
        found[at] = std::equal(spelled.begin(), spelled.end(), r + 32 * at);
    }
    return found;
}

}  // namespace hashpact::edwards
