#include "parts/voting.hpp"

#include <algorithm>
#include <cmath>

namespace hashpact {

namespace {

constexpr double kTolerance = 0.02;
constexpr double kFirstTolerance = 3 * kTolerance;
constexpr double kOctaves = 0.6;
constexpr double kTangent = 0.57735026918962576451;  // of 30 degrees
constexpr std::size_t kTried = 4;
constexpr unsigned kRounds = 3;

struct Complex {
    double re;
    double im;
};

Complex operator+(Complex a, Complex b) { return {a.re + b.re, a.im + b.im}; }
Complex operator-(Complex a, Complex b) { return {a.re - b.re, a.im - b.im}; }
Complex operator*(Complex a, Complex b) { return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re}; }
Complex conjugate(Complex a) { return {a.re, -a.im}; }
double norm(Complex a) { return a.re * a.re + a.im * a.im; }
Complex over(Complex a, double b) { return {a.re / b, a.im / b}; }
Complex operator/(Complex a, Complex b) { return over(a * conjugate(b), norm(b)); }

bool is_scale(Complex by) {
    const double squared = norm(by);
    return squared >= kLeastScale * kLeastScale && squared <= kMostScale * kMostScale;
}

// A vote as what is computed with: where it is in both pictures, and the scale and rotation that it is for.
struct Ballot {
    Complex asked;
    Complex shared;
    Complex by;
};

class Election {
  public:
    explicit Election(const std::vector<Vote>& votes) : votes_(votes) {
        for (const Vote& vote : votes) {
            const Complex asked{vote.asked.re, vote.asked.im};
            const Complex shared{vote.shared.re, vote.shared.im};
            ballots_.push_back({{vote.asked.x, vote.asked.y}, {vote.shared.x, vote.shared.y}, asked / shared});
        }
    }

    Transform run() {
        struct Base {
            std::size_t support;
            std::size_t vote;
        };
        std::vector<Base> bases;
        for (std::size_t base = 0; base < std::min(ballots_.size(), kBases); ++base) {
            support_of(base);
            bases.push_back({kept_.size(), base});
        }
        const auto better = [](const Base& a, const Base& b) {
            return a.support != b.support ? a.support > b.support : a.vote < b.vote;
        };
        std::sort(bases.begin(), bases.end(), better);
        Transform best;
        for (std::size_t i = 0; i < std::min(bases.size(), kTried); ++i) {
            support_of(bases[i].vote);
            const Transform found = fitted();
            if (found.points > best.points) best = found;
        }
        return best;
    }

  private:
    // Which votes support the transform that a vote is by itself.
    void support_of(std::size_t base) {
        const Ballot& ballot = ballots_[base];
        kept_.clear();
        if (is_scale(ballot.by)) keep(ballot.by, ballot.asked - ballot.by * ballot.shared, kFirstTolerance);
    }

    void keep(Complex by, Complex to, double tolerance) {
        static const double kMostForm = std::exp2(2 * kOctaves);
        const double scale = std::min(1.0, std::sqrt(norm(by)));
        const double most = tolerance * scale * tolerance * scale;
        const Complex inverse = over(conjugate(by), norm(by));
        kept_.clear();
        for (std::size_t i = 0; i < ballots_.size(); ++i) {
            const Ballot& ballot = ballots_[i];
            if (norm(ballot.asked - by * ballot.shared - to) > most) continue;
            const Complex form = ballot.by * inverse;
            const double size = norm(form);
            if (size > kMostForm || size * kMostForm < 1) continue;
            if (form.re <= 0 || std::abs(form.im) > form.re * kTangent) continue;
            kept_.push_back(i);
        }
    }

    // The transform that fits those who support one best, several times over. By least squares it is
    // sum((q - mean q) conj(p - mean p)) / sum(|p - mean p|^2).
    Transform fitted() {
        Complex by{};
        Complex to{};
        for (unsigned round = 0; round < kRounds; ++round) {
            if (kept_.size() < 2) break;
            Complex asked{};
            Complex shared{};
            for (const std::size_t i : kept_) {
                asked = asked + ballots_[i].asked;
                shared = shared + ballots_[i].shared;
            }
            asked = over(asked, static_cast<double>(kept_.size()));
            shared = over(shared, static_cast<double>(kept_.size()));
            Complex sum{};
            double spread = 0;
            for (const std::size_t i : kept_) {
                const Complex p = ballots_[i].shared - shared;
                sum = sum + (ballots_[i].asked - asked) * conjugate(p);
                spread += norm(p);
            }
            if (spread == 0 || !is_scale(over(sum, spread))) return {};
            by = over(sum, spread);
            to = asked - by * shared;
            keep(by, to, kTolerance);
        }
        const std::size_t points = std::min(different(&Vote::asked_at), different(&Vote::shared_at));
        return {by.re, by.im, to.re, to.im, static_cast<std::uint32_t>(points)};
    }

    std::size_t different(std::uint32_t Vote::*place) {
        places_.clear();
        for (const std::size_t i : kept_) places_.push_back(votes_[i].*place);
        std::sort(places_.begin(), places_.end());
        return static_cast<std::size_t>(std::unique(places_.begin(), places_.end()) - places_.begin());
    }

    const std::vector<Vote>& votes_;
    std::vector<Ballot> ballots_;
    std::vector<std::size_t> kept_;
    std::vector<std::uint32_t> places_;
};

}  // namespace

Transform elect(const std::vector<Vote>& votes) { return Election(votes).run(); }

}  // namespace hashpact
