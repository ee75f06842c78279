// Multiples of points of the curve of Ed25519 (RFC 8032), from tables, and signatures that are compared with them.
#pragma once

#include <cstddef>
#include <vector>

#include "edwards/field.hpp"

namespace hashpact::edwards {

// A point as (x : y : z) with x y = z t.
struct Point {
    Element x, y, z, t;
};

// A point with z = 1, as an addition needs it: y + x, y - x, 2 d x y.
struct Addend {
    Element plus, minus, product;
};

// The point that 32 bytes spell. False if they spell none, or one in another way than RFC 8032 has it.
bool decode(const unsigned char* bytes, Point& point);

// For each digit of a scalar in the base 2^bits, the multiples 1 to 2^(bits - 1) of the point that has its weight. The
// digits are from -2^(bits - 1) on, so one of 256 / bits additions takes the place of each of them.
class Table {
  public:
    Table(const Point& point, unsigned bits);

    // Adds the multiple by a scalar below 2^253, little-endian.
    void add(Point& sum, const unsigned char* scalar) const;

  private:
    unsigned bits_;
    std::vector<Addend> addends_;
};

// What verifies the signatures of one public key.
class Verifier {
  public:
    // Throws std::invalid_argument unless the 32 bytes are the one spelling of a point.
    explicit Verifier(const unsigned char* key);

    // For each of `count` signatures whether the bytes of R are the one spelling of [s] B - [h] A: the equation of
    // RFC 8032 without the cofactor, as most libraries check it. `s` and `h` are scalars below the group's order. All
    // have 32 bytes, one after the other.
    std::vector<unsigned char> verify(const unsigned char* r, const unsigned char* s, const unsigned char* h,
                                      std::size_t count) const;

  private:
    Table negated_;
};

}  // namespace hashpact::edwards
