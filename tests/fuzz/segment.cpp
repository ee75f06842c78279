// A fuzz target for files: alters valid ones, opens them, and uses what opens in every way there is.
//
//     fuzz_segment DIRECTORY SECONDS [SEED]
//
// Build it with -fsanitize=address,undefined. Nothing may happen but an answer or a CorruptFile; and while `verify`
// finds nothing, the answers must be those of the unaltered file. The checksums of most files are made right again, for
// what an accident alters the header's and the table's own checksum refuse at once. No libFuzzer, which only clang has.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "store/checksum.hpp"
#include "store/search.hpp"
#include "stores.hpp"
#include "winnow/fingerprint.hpp"
#include "winnow/search.hpp"

namespace {

using hashpact::CorruptFile;
using hashpact::Hit;
using Bytes = std::vector<unsigned char>;
using Random = std::mt19937_64;
using HammingStore = hashpact::Store<hashpact::HammingSegment>;
using MinHashStore = hashpact::Store<hashpact::MinHashSegment>;
using WinnowStore = hashpact::Store<hashpact::WinnowSegment>;

// More than any delta has.
constexpr std::size_t kMore = 2500;
constexpr std::size_t kQueries = 6;

// Where things are in a file (docs/formats/segment.md).
constexpr std::size_t kLength = 32;
constexpr std::size_t kSections = 40;
constexpr std::size_t kTableChecksum = 44;
constexpr std::size_t kChecksum = 60;
constexpr std::size_t kTable = 64;
constexpr std::size_t kEntry = 64;
constexpr std::size_t kEntryOffset = 24;
constexpr std::size_t kEntryBytes = 32;
constexpr std::size_t kEntryChecksum = 44;

[[noreturn]] void fail(const char* what, const std::string& path) {
    std::fprintf(stderr, "%s: %s is kept\n", what, path.c_str());
    std::abort();
}

template <class T>
T get(const Bytes& bytes, std::size_t at) {
    T value{};
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
}

template <class T>
void put(Bytes& bytes, std::size_t at, T value) {
    std::memcpy(bytes.data() + at, &value, sizeof value);
}

std::size_t below(Random& random, std::size_t end) { return end == 0 ? 0 : random() % end; }

// Values that break what counts, adds and multiplies.
std::uint64_t odd_value(Random& random) {
    static const std::uint64_t values[] = {0, 1, 2, 63, 64, 65, 127, 255, 256, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF,
                                           0x100000000, 0x7FFFFFFFFFFFFFFF, 0x8000000000000000, 0xFFFFFFFFFFFFFFC0,
                                           0xFFFFFFFFFFFFFFFF};
    return random() % 4 == 0 ? random() % 4096 : values[below(random, std::size(values))];
}

// --- Valid files -----------------------------------------------------------------------------------------------------

// A kind of store, and how one is filled and asked: of winnowed texts a radius is the share that is missing, per mille.
template <class Store>
struct Sample {
    unsigned words;
    typename Store::Options options;
    std::vector<std::uint64_t> queries;
    std::vector<unsigned> radii;
};

// Makes a record one of some hashes in ascending order.
void sort_hashes(std::uint64_t* record, Random& random) {
    std::vector<std::uint32_t> hashes(hashpact::kEntryHashes);
    std::memcpy(hashes.data(), record, 4 * hashes.size());
    std::sort(hashes.begin(), hashes.end());
    for (std::size_t i = 9 + below(random, hashes.size() - 8); i < hashes.size(); ++i) hashes[i] = hashes[i - 1];
    std::memcpy(record, hashes.data(), 4 * hashes.size());
}

// Near-copies of a few records, so that buckets and groups are crowded.
template <class Store>
std::vector<std::uint64_t> make_records(std::size_t rows, unsigned words, Random& random) {
    std::vector<std::uint64_t> records(rows * words);
    for (std::uint64_t& word : records) word = random();
    for (std::size_t row = 0; row < rows; row += 2) {
        for (unsigned i = 0; i < words; ++i) records[row * words + i] = records[i];
        records[row * words + below(random, words)] ^= std::uint64_t{1} << below(random, 64);
    }
    for (std::size_t row = 0; std::is_same_v<Store, WinnowStore> && row < rows; ++row) {
        sort_hashes(records.data() + row * words, random);
    }
    return records;
}

template <class Store>
void fill(Store& store, std::size_t first, const std::vector<std::uint64_t>& records) {
    std::vector<std::uint64_t> ids(records.size() / store.words());
    for (std::size_t row = 0; row < ids.size(); ++row) ids[row] = 3 * (first + row);
    store.add(ids.data(), records.data(), ids.size());
}

template <class Store>
std::vector<Hit> ask(const Store& store, const std::uint64_t* query, unsigned radius, std::size_t limit) {
    return hashpact::search(store, query, radius, limit);
}
std::vector<Hit> ask(const WinnowStore& store, const std::uint64_t* query, unsigned radius, std::size_t limit) {
    const hashpact::WinnowValues text(query);
    std::vector<Hit> hits;
    const auto found = hashpact::search(store, {text.begin(), text.end()}, 1 - radius / 1000.0, limit);
    for (const auto& hit : found.hits) hits.push_back({static_cast<std::uint32_t>(hit.share * 1e9), hit.id});
    return hits;
}
template <class Store>
std::vector<std::vector<Hit>> answers(const Store& store, const Sample<Store>& sample) {
    std::vector<std::vector<Hit>> all;
    for (std::size_t i = 0; i < kQueries; ++i) {
        for (const unsigned radius : sample.radii) {
            const std::uint64_t* query = sample.queries.data() + i * sample.words;
            all.push_back(ask(store, query, radius, hashpact::kNoLimit));
            all.push_back(ask(store, query, radius, 3));
        }
    }
    return all;
}

bool same(const std::vector<std::vector<Hit>>& a, const std::vector<std::vector<Hit>>& b) {
    const auto equal_hits = [](const Hit& x, const Hit& y) { return x.id == y.id && x.distance == y.distance; };
    const auto equal = [&](const std::vector<Hit>& x, const std::vector<Hit>& y) {
        return std::equal(x.begin(), x.end(), y.begin(), y.end(), equal_hits);
    };
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), equal);
}

// --- Altering --------------------------------------------------------------------------------------------------------

Bytes read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return Bytes(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

void write(const std::string& path, const Bytes& bytes) {
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    if (!file.flush()) fail("cannot write", path);
}

std::size_t sections(const Bytes& bytes) {
    return std::min<std::size_t>(get<std::uint32_t>(bytes, kSections), (bytes.size() - kTable) / kEntry);
}

// Makes the checksums right, as far as what they are of is there.
void seal(Bytes& bytes, bool contents) {
    if (bytes.size() < kTable) return;
    const std::size_t count = sections(bytes);
    for (std::size_t i = 0; contents && i < count; ++i) {
        const std::size_t entry = kTable + i * kEntry;
        const auto offset = get<std::uint64_t>(bytes, entry + kEntryOffset);
        const auto size = get<std::uint64_t>(bytes, entry + kEntryBytes);
        if (offset > bytes.size() || size > bytes.size() - offset) continue;
        put(bytes, entry + kEntryChecksum, hashpact::crc32c(bytes.data() + offset, size));
    }
    put(bytes, kTableChecksum, hashpact::crc32c(bytes.data() + kTable, count * kEntry));
    put(bytes, kChecksum, hashpact::crc32c(bytes.data(), kChecksum));
}

void alter_bytes(Bytes& bytes, std::size_t first, std::size_t end, Random& random) {
    if (end > bytes.size() || first >= end) return;
    const std::size_t width = std::size_t{1} << random() % 4;
    for (std::size_t i = 1 + below(random, 8); i > 0; --i) {
        const std::uint64_t value = random() % 3 == 0 ? random() : odd_value(random);
        const std::size_t at = (first + below(random, end - first)) / width * width;
        if (random() % 4 == 0) {
            bytes[at] ^= static_cast<unsigned char>(1U << random() % 8);
        } else if (at + width <= end) {
            // Often the same value over and over: whole tables that lead astray.
            const std::size_t times = random() % 4 == 0 ? below(random, (end - at) / width) : 1;
            for (std::size_t k = 0; k < times; ++k) std::memcpy(bytes.data() + at + k * width, &value, width);
        }
    }
}

// What the file is altered to. True if the checksums of sections were made right, so that `verify` cannot tell.
bool alter(Bytes& bytes, Random& random) {
    const std::size_t count = sections(bytes);
    const std::size_t contents = kTable + count * kEntry;
    switch (random() % 6) {
        case 0:  // an accident
            alter_bytes(bytes, 0, bytes.size(), random);
            return false;
        case 1:  // cut short, or longer
            bytes.resize(random() % 2 == 0 ? below(random, bytes.size()) : bytes.size() + 1 + below(random, 200));
            if (random() % 2 == 0 && bytes.size() >= kTable) {
                put<std::uint64_t>(bytes, kLength, bytes.size());
                seal(bytes, false);
            }
            return true;
        case 2:  // contents that nobody has verified
            alter_bytes(bytes, contents, bytes.size(), random);
            return false;
        case 3: {  // the table
            alter_bytes(bytes, kTable, contents, random);
            seal(bytes, random() % 2 == 0);
            return true;
        }
        case 4:  // the header
            alter_bytes(bytes, 8, kTableChecksum, random);
            seal(bytes, true);
            return true;
        default: {  // one section, small ones as often as large ones
            const std::size_t entry = kTable + below(random, count) * kEntry;
            const auto offset = get<std::uint64_t>(bytes, entry + kEntryOffset);
            alter_bytes(bytes, offset, offset + get<std::uint64_t>(bytes, entry + kEntryBytes), random);
            seal(bytes, true);
            return true;
        }
    }
}

// --- Using -----------------------------------------------------------------------------------------------------------

// Opens a file and uses it. True if it was refused, then or later.
template <class Store>
bool use(const std::string& path, const Sample<Store>& sample, const std::vector<std::vector<Hit>>* expected,
         Random& random) {
    try {
        const std::vector<hashpact::FileName> files{{path, std::nullopt}};
        Store store(hashpact::open_layers<typename Store::SegmentType>(files, std::nullopt));
        bool damaged = false;
        if (store.words() == sample.words) {
            try {
                answers(store, sample);
            } catch (const CorruptFile&) {
                damaged = true;
            }
        }
        store.stats();
        if (random() % 8 == 0) {
            // Ids of the file may be anything: what is added may be there already.
            try {
                fill(store, 5'000'000, make_records<Store>(kMore, store.words(), random));
                store.settle();
                store.freeze().save(path + ".again");
            } catch (const std::invalid_argument&) {
            }
            return damaged;
        }
        store.verify();
        if (expected != nullptr && (damaged || !same(answers(store, sample), *expected))) {
            fail("a verified file answers otherwise", path);
        }
        return damaged;
    } catch (const CorruptFile&) {
        return true;
    }
}

template <class Store>
class Target {
  public:
    Target(const std::string& directory, const char* name, std::size_t rows, const Sample<Store>& sample,
           Random& random)
        : sample_(sample), path_(directory + "/" + name) {
        Store store(sample.words, sample.options);
        const std::vector<std::uint64_t> records = make_records<Store>(rows, sample.words, random);
        fill(store, 0, records);
        sample_.queries = make_records<Store>(kQueries, sample.words, random);
        const std::size_t shared = std::min(records.size(), sample_.queries.size() / 2);
        std::copy_n(records.begin(), shared, sample_.queries.begin());
        store.freeze().save(path_);
        bytes_ = read(path_);
        expected_ = answers(store, sample_);
        if (use(path_, sample_, &expected_, random)) fail("a valid file is refused", path_);
    }

    bool once(Random& random) {
        Bytes bytes = bytes_;
        const bool sealed = alter(bytes, random);
        write(path_, bytes);
        return use(path_, sample_, sealed ? nullptr : &expected_, random);
    }

  private:
    Sample<Store> sample_;
    std::string path_;
    Bytes bytes_;
    std::vector<std::vector<Hit>> expected_;
};

// Tombstones for a store of two layers.
class TombstonesTarget {
  public:
    TombstonesTarget(const std::string& directory, Random& random) : path_(directory + "/tombstones") {
        HammingStore store(1, {7});
        for (std::size_t i = 0; i < 2; ++i) {
            fill(store, i * 5000, make_records<HammingStore>(5000 / (1 + 19 * i), 1, random));
            layers_.emplace_back(path_ + std::to_string(i), std::nullopt);
        }
        store.freeze();
        for (std::uint64_t id = 0; id < 900; id += 9) store.remove(&id, 1);
        const auto frozen = store.freeze();
        if (frozen.layers() != layers_.size()) fail("not as many layers as files", path_);
        for (std::size_t i = 0; i < layers_.size(); ++i) frozen.write_layer(i, layers_[i].first);
        frozen.write_tombstones(path_);
        bytes_ = read(path_);
    }

    bool once(Random& random) {
        Bytes bytes = bytes_;
        alter(bytes, random);
        write(path_, bytes);
        try {
            const hashpact::FileName name{path_, std::nullopt};
            HammingStore store(hashpact::open_layers<hashpact::HammingSegment>(layers_, name));
            store.settle();
            return store.size() > 5250;
        } catch (const CorruptFile&) {
            return true;
        }
    }

  private:
    std::string path_;
    std::vector<hashpact::FileName> layers_;
    Bytes bytes_;
};

// The two ways to a checksum agree, and with the example of RFC 3720, appendix B.4.
void check_checksums(Random& random) {
    Bytes bytes(4096);
    if (hashpact::crc32c(bytes.data(), 32) != 0x8A9136AA) fail("the checksum is not CRC-32C", "crc32c");
    for (unsigned char& byte : bytes) byte = static_cast<unsigned char>(random());
    for (std::size_t size = 0; size < bytes.size(); size += 1 + size / 16) {
        const std::size_t at = below(random, bytes.size() - size);
        const std::uint32_t expected = hashpact::crc32c_portable(bytes.data() + at, size);
        const std::size_t cut = below(random, size + 1);
        const std::uint32_t start = hashpact::crc32c(bytes.data() + at, cut);
        const std::uint32_t whole = hashpact::crc32c(bytes.data() + at + cut, size - cut, start);
        if (whole != expected) fail("checksums differ", "crc32c");
    }
}

}  // namespace

int main(int count, char** arguments) {
    if (count < 3) {
        std::fprintf(stderr, "usage: fuzz_segment DIRECTORY SECONDS [SEED]\n");
        return 2;
    }
    const std::string directory = arguments[1];
    const std::chrono::duration<double> limit(std::atof(arguments[2]));
    Random random(count > 3 ? std::strtoull(arguments[3], nullptr, 10) : 1);
    check_checksums(random);

    const Sample<HammingStore> short_codes{1, {7}, {}, {0, 7, 10, 40, 64}};
    const Sample<HammingStore> codes{4, {31}, {}, {0, 31, 80, 256}};
    const Sample<MinHashStore> signatures{hashpact::kSignatureWords, {50, 4}, {}, {0, 51, 64, 128}};
    Target<HammingStore> none(directory, "none", 0, short_codes, random);
    Target<HammingStore> scanned(directory, "scanned", 300, codes, random);
    Target<HammingStore> short_tables(directory, "short", 3000, short_codes, random);
    Target<HammingStore> tables(directory, "tables", 12'000, codes, random);
    Target<MinHashStore> bands(directory, "bands", 400, signatures, random);
    const Sample<WinnowStore> winnowed{hashpact::kWinnowWords, {}, {}, {0, 500, 900}};
    Target<WinnowStore> texts(directory, "texts", 400, winnowed, random);
    TombstonesTarget tombstones(directory, random);

    const auto start = std::chrono::steady_clock::now();
    std::size_t files = 0;
    std::size_t refused = 0;
    while (std::chrono::steady_clock::now() - start < limit) {
        refused += none.once(random) ? 1 : 0;
        refused += scanned.once(random) ? 1 : 0;
        refused += short_tables.once(random) ? 1 : 0;
        refused += tables.once(random) ? 1 : 0;
        refused += bands.once(random) ? 1 : 0;
        refused += texts.once(random) ? 1 : 0;
        refused += tombstones.once(random) ? 1 : 0;
        files += 7;
    }
    std::printf("%zu altered files, %zu of them refused\n", files, refused);
    return refused == 0 || refused == files ? 1 : 0;
}
