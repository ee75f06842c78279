#include "store/segment_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <random>
#include <vector>

#include "store/checksum.hpp"

namespace hashpact {

namespace {

// As PNG's signature (RFC 2083, section 12.11): a byte that is not text, and line ends that a transfer as text changes.
constexpr unsigned char kMagic[8] = {0x89, 'H', 'P', 'S', 'E', 'G', '\r', '\n'};
constexpr std::uint32_t kVersion = 1;
constexpr std::uint32_t kByteOrder = 0x01020304;
constexpr std::uint64_t kAlignment = 64;
constexpr std::uint64_t kMostSections = 4096;

struct Header {
    unsigned char magic[8];
    std::uint32_t version;
    std::uint32_t byte_order;
    std::uint32_t kind;
    std::uint32_t width;
    std::uint64_t rows;
    std::uint64_t length;
    std::uint32_t sections;
    std::uint32_t table_checksum;
    std::uint32_t reserved[3];
    std::uint32_t checksum;
};
static_assert(sizeof(Header) == kAlignment, "no padding");

struct TableEntry {
    char name[24];
    std::uint64_t offset;
    std::uint64_t bytes;
    std::uint32_t value_bytes;
    std::uint32_t checksum;
    std::uint32_t reserved[4];
};
static_assert(sizeof(TableEntry) == kAlignment, "no padding");

constexpr std::uint64_t aligned(std::uint64_t offset) { return (offset + kAlignment - 1) / kAlignment * kAlignment; }

bool all_zero(const unsigned char* from, const unsigned char* to) {
    return std::all_of(from, to, [](unsigned char byte) { return byte == 0; });
}

// A call that a signal may cut short, until it is done.
template <class Call>
auto uninterrupted(const Call& call) {
    auto result = call();
    while (result < 0 && errno == EINTR) result = call();
    return result;
}

// Writes to an open file, in large pieces.
class Output {
  public:
    Output(int descriptor, std::string path) : path_(std::move(path)), descriptor_(descriptor) {}
    Output(const Output&) = delete;
    Output& operator=(const Output&) = delete;

    void write(const void* data, std::size_t size) {
        const auto* at = static_cast<const unsigned char*>(data);
        while (size > 0) {
            const std::size_t some = std::min(size, kPiece - held_);
            std::memcpy(piece_.data() + held_, at, some);
            held_ += some;
            at += some;
            size -= some;
            if (held_ == kPiece) flush();
        }
    }

    void rewind() {
        flush();
        if (::lseek(descriptor_, 0, SEEK_SET) < 0) throw FileError(errno, path_);
    }

    void flush() {
        const unsigned char* at = piece_.data();
        while (held_ > 0) {
            const ssize_t written = uninterrupted([&] { return ::write(descriptor_, at, held_); });
            if (written < 0) throw FileError(errno, path_);
            at += written;
            held_ -= static_cast<std::size_t>(written);
        }
    }

  protected:
    ~Output() = default;

    std::string path_;  // for messages
    int descriptor_ = -1;

  private:
    // The page cache keeps what one call wrote in as large a page as fits it, if the file system can (ext4 from Linux
    // 6.16 on, XFS). Whole huge pages at their own offsets are mapped as such, by every process that maps the file.
    static constexpr std::size_t kPiece = std::size_t{2} << 20;

    std::vector<unsigned char> piece_ = std::vector<unsigned char>(kPiece);
    std::size_t held_ = 0;  // bytes of it that are not written yet
};

// The caller's file.
class Given : public Output {
  public:
    explicit Given(int descriptor) : Output(descriptor, "the open file") {}
};

// A file under a name of its own, which is gone when it is not given its real one.
class Draft : public Output {
  public:
    explicit Draft(const std::string& path) : Output(-1, path) {
        const std::size_t slash = path.rfind('/');
        directory_ = slash == std::string::npos ? "." : path.substr(0, slash + 1);
        std::random_device random;
        const std::uint64_t number = std::uint64_t{random()} << 32 | random();
        char hex[17];
        std::snprintf(hex, sizeof hex, "%016llx", static_cast<unsigned long long>(number));
        name_ = path.substr(0, slash + 1) + "." + path.substr(slash + 1) + "." + hex + ".new";
        // For its owner only: it reveals what members submitted.
        descriptor_ = ::open(name_.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, S_IRUSR | S_IWUSR);
        if (descriptor_ < 0) throw FileError(errno, path_);
    }
    Draft(const Draft&) = delete;
    Draft& operator=(const Draft&) = delete;
    ~Draft() {
        ::close(descriptor_);
        if (!published_) ::unlink(name_.c_str());
    }

    void publish() {
        flush();
        if (uninterrupted([&] { return ::fsync(descriptor_); }) != 0) throw FileError(errno, path_);
        if (::rename(name_.c_str(), path_.c_str()) != 0) throw FileError(errno, path_);
        published_ = true;
        // Without this the new name may be gone after a power cut.
        const int directory = ::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (directory < 0) throw FileError(errno, directory_);
        const int failure = uninterrupted([&] { return ::fsync(directory); }) == 0 ? 0 : errno;
        ::close(directory);
        if (failure != 0) throw FileError(failure, directory_);
    }

  private:
    std::string directory_;
    std::string name_;
    bool published_ = false;
};

// Writes the whole of a file, and returns the header's checksum.
std::uint32_t write_all(Output& out, const FileHeader& header, const Sections& sections) {
    constexpr std::size_t kBlock = std::size_t{256} << 10;  // still in the cache when it is copied
    const unsigned char zeros[kAlignment + kSectionPadding] = {};

    std::vector<TableEntry> table(sections.all().size());
    std::uint64_t length = sizeof(Header) + table.size() * sizeof(TableEntry);
    std::vector<unsigned char> room(length);
    out.write(room.data(), room.size());
    for (std::size_t i = 0; i < table.size(); ++i) {
        const Sections::Section& section = sections.all()[i];
        TableEntry& entry = table[i];
        if (section.name.empty() || section.name.size() >= sizeof entry.name) throw std::logic_error(section.name);
        std::memcpy(entry.name, section.name.data(), section.name.size());
        entry.offset = length;
        entry.bytes = section.bytes;
        entry.value_bytes = section.value_bytes;
        const auto* data = static_cast<const unsigned char*>(section.data);
        for (std::size_t at = 0; at < section.bytes; at += kBlock) {
            const std::size_t size = std::min(kBlock, section.bytes - at);
            entry.checksum = crc32c(data + at, size, entry.checksum);
            out.write(data + at, size);
        }
        length += section.bytes;
        // The next section begins on a line; the last one is followed by what a reader may read ahead.
        const std::uint64_t last = i + 1 == table.size() ? kSectionPadding : 0;
        const std::uint64_t next = aligned(length + last);
        out.write(zeros, next - length);
        length = next;
    }

    Header first{};
    std::memcpy(first.magic, kMagic, sizeof kMagic);
    first.version = kVersion;
    first.byte_order = kByteOrder;
    first.kind = static_cast<std::uint32_t>(header.kind);
    first.width = header.width;
    first.rows = header.rows;
    first.length = length;
    first.sections = static_cast<std::uint32_t>(table.size());
    first.table_checksum = crc32c(table.data(), table.size() * sizeof(TableEntry));
    first.checksum = crc32c(&first, offsetof(Header, checksum));
    out.rewind();
    out.write(&first, sizeof first);
    out.write(table.data(), table.size() * sizeof(TableEntry));
    out.flush();
    return first.checksum;
}

}  // namespace

std::uint32_t write_file(const std::string& path, const FileHeader& header, const Sections& sections) {
    Draft draft(path);
    const std::uint32_t checksum = write_all(draft, header, sections);
    draft.publish();
    return checksum;
}

std::uint32_t write_file(int descriptor, const FileHeader& header, const Sections& sections) {
    Given given(descriptor);
    return write_all(given, header, sections);
}

std::shared_ptr<const SegmentFile> SegmentFile::open(const FileName& name, FileKind kind) {
    static_assert(sizeof(void*) == 8, "a file may be larger than 4 GiB");
    const std::shared_ptr<SegmentFile> file(new SegmentFile(name.first));
    file->check_header(kind);
    if (name.second && *name.second != file->checksum_) file->fail("it is another file than the one that was written");
    return file;
}

SegmentFile::SegmentFile(const std::string& path) : path_(path) {
    // Non-blocking, so that a named pipe is refused below and not waited for.
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (descriptor < 0) throw FileError(errno, path);
    struct stat status {};
    int failure = ::fstat(descriptor, &status) == 0 ? 0 : errno;
    const bool plain = failure == 0 && S_ISREG(status.st_mode);
    if (plain && status.st_size > 0) {
        size_ = static_cast<std::size_t>(status.st_size);
        void* mapped = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, descriptor, 0);
        if (mapped == MAP_FAILED) {
            failure = errno;
        } else {
            data_ = static_cast<const unsigned char*>(mapped);
            // Searches read lines that lie anywhere: what the system would read around each of them is of no use.
            ::madvise(mapped, size_, MADV_RANDOM);
        }
    }
    ::close(descriptor);
    if (failure != 0) throw FileError(failure, path);
    if (!plain) fail("it is not a plain file");
}

SegmentFile::~SegmentFile() {
    if (data_ != nullptr) ::munmap(const_cast<unsigned char*>(data_), size_);
}

void SegmentFile::fail(const std::string& what) const { throw CorruptFile(path_ + ": " + what); }

void SegmentFile::check_header(FileKind kind) {
    Header header{};
    if (size_ < sizeof header) fail("it has only " + std::to_string(size_) + " bytes");
    std::memcpy(&header, data_, sizeof header);
    if (std::memcmp(header.magic, kMagic, sizeof kMagic) != 0) fail("it is not a segment file");
    if (header.byte_order != kByteOrder) fail("it was written by a machine of another byte order, or is damaged");
    if (header.version != kVersion) fail("its version is " + std::to_string(header.version) + ", not 1");
    if (header.checksum != crc32c(data_, offsetof(Header, checksum))) fail("its header is damaged");
    if (header.length != size_) {
        fail("it has " + std::to_string(size_) + " bytes of " + std::to_string(header.length));
    }
    if (header.kind != static_cast<std::uint32_t>(kind)) fail("it is of another kind");
    header_ = FileHeader{kind, header.width, header.rows};
    checksum_ = header.checksum;
    check_table(header.sections, header.table_checksum);
}

// The checksum refuses accidents. The rest keeps reading inside the file even if someone made the checksum right.
void SegmentFile::check_table(std::uint64_t sections, std::uint32_t checksum) {
    const std::uint64_t table_bytes = sections * sizeof(TableEntry);
    if (sections > kMostSections || size_ - sizeof(Header) < table_bytes) fail("its section table is damaged");
    const unsigned char* table = data_ + sizeof(Header);
    if (crc32c(table, table_bytes) != checksum) fail("its section table is damaged");
    std::uint64_t end = sizeof(Header) + table_bytes;
    for (std::uint64_t i = 0; i < sections; ++i) {
        TableEntry entry{};
        std::memcpy(&entry, table + i * sizeof entry, sizeof entry);
        const std::string name(entry.name, ::strnlen(entry.name, sizeof entry.name));
        const bool fits = entry.offset >= end && entry.offset % kAlignment == 0 && entry.offset <= size_ &&
                          entry.bytes <= size_ - entry.offset &&
                          size_ - entry.offset - entry.bytes >= kSectionPadding;
        if (!fits || entry.value_bytes == 0 || entry.bytes % entry.value_bytes != 0) {
            fail("its section table is damaged at " + name);
        }
        end = entry.offset + entry.bytes;
        entries_.push_back(Entry{name, entry.offset, entry.bytes, entry.value_bytes, entry.checksum});
    }
}

const SegmentFile::Entry& SegmentFile::find(const std::string& name, std::size_t value_bytes) const {
    const auto entry = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.name == name; });
    if (entry == entries_.end()) fail("it has no section " + name);
    if (entry->value_bytes != value_bytes) fail("section " + name + " has values of another size");
    return *entry;
}

std::uint64_t SegmentFile::number(const std::string& name) const {
    const Array<std::uint64_t> values = verified<std::uint64_t>(name);
    if (values.size() != 1) fail("section " + name + " is not one number");
    return values[0];
}

void SegmentFile::verify(const Entry& entry) const {
    if (crc32c(at(entry), entry.bytes) != entry.checksum) fail("section " + entry.name + " is damaged");
}

void SegmentFile::verify() const {
    // All of it is read in order now: the system may read ahead.
    void* mapped = const_cast<unsigned char*>(data_);
    ::madvise(mapped, size_, MADV_SEQUENTIAL);
    const unsigned char* end = data_ + sizeof(Header) + entries_.size() * sizeof(TableEntry);
    for (const Entry& entry : entries_) {
        if (!all_zero(end, data_ + entry.offset)) fail("the bytes before section " + entry.name + " are damaged");
        verify(entry);
        end = data_ + entry.offset + entry.bytes;
    }
    if (!all_zero(end, data_ + size_)) fail("the bytes behind the last section are damaged");
    ::madvise(mapped, size_, MADV_RANDOM);
}

}  // namespace hashpact
