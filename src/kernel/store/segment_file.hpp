// The files that segments are kept in. docs/formats/segment.md has the bytes.
//
// A file is a header and named sections, each a flat array. It is written whole or not at all, never changed, and read
// as it lies in memory: opening one maps it and checks the header and the table of sections; `verify` checks the rest.
// What a section holds may therefore be anything until then, and no reader may go where an unchecked value points.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "store/memory.hpp"

namespace hashpact {

// The file system refused something.
class FileError : public std::system_error {
  public:
    FileError(int number, std::string path)
        : std::system_error(number, std::generic_category(), path), path_(std::move(path)) {}
    const std::string& path() const { return path_; }

  private:
    std::string path_;
};

// A file that is not what was written. The message names the file, and the section if it is one.
class CorruptFile : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

// An impossible value in a section. The caller that knows the file turns it into a CorruptFile.
class DamagedSection : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

enum class FileKind : std::uint32_t { kHamming = 1, kMinHash = 2, kTombstones = 3, kWinnow = 4, kParts = 5 };

struct FileHeader {
    FileKind kind;
    std::uint32_t width;  // bytes of a record
    std::uint64_t rows;
};

// The path of a file, and the header's checksum that it must have, if that is known.
using FileName = std::pair<std::string, std::optional<std::uint32_t>>;

// How many readable bytes follow every section.
constexpr std::size_t kSectionPadding = 64;

// Sections to be written. It refers to the arrays and does not copy them.
class Sections {
  public:
    struct Section {
        std::string name;  // 1 to 23 printable ASCII characters
        const void* data;
        std::size_t bytes;
        std::uint32_t value_bytes;
    };

    template <class T>
    void add(std::string name, const T* data, std::size_t size) {
        all_.push_back(Section{std::move(name), data, size * sizeof(T), sizeof(T)});
    }
    template <class T>
    void add(std::string name, const Array<T>& array) {
        add(std::move(name), array.data(), array.size());
    }
    void add(std::string name, std::uint64_t number) {
        numbers_.push_back(number);
        add(std::move(name), &numbers_.back(), 1);
    }

    const std::vector<Section>& all() const { return all_; }

  private:
    std::vector<Section> all_;
    std::deque<std::uint64_t> numbers_;
};

// Writes a file beside `path`, syncs it, and gives it that name, so that a reader of `path` finds the old file, the
// whole new one, or none, whatever fails. Returns the header's checksum. Throws FileError.
std::uint32_t write_file(const std::string& path, const FileHeader& header, const Sections& sections);

// Writes the same to the caller's open and empty file, which stays open and is not synced.
std::uint32_t write_file(int descriptor, const FileHeader& header, const Sections& sections);

class SegmentFile : public std::enable_shared_from_this<SegmentFile> {
  public:
    // Throws FileError if it cannot be read, CorruptFile if it is not a whole file of that kind, or another one.
    static std::shared_ptr<const SegmentFile> open(const FileName& name, FileKind kind);

    SegmentFile(const SegmentFile&) = delete;
    SegmentFile& operator=(const SegmentFile&) = delete;
    ~SegmentFile();

    const std::string& path() const { return path_; }
    const FileHeader& header() const { return header_; }

    // It covers the section table, and that their checksums: it stands for the whole file.
    std::uint32_t checksum() const { return checksum_; }

    // That section in place, unverified. Throws CorruptFile unless it has exactly `size` values.
    template <class T>
    Array<T> array(const std::string& name, std::size_t size) const {
        const Entry& entry = find(name, sizeof(T));
        if (entry.bytes / sizeof(T) != size) fail("section " + name + " has the wrong size");
        return Array<T>(shared_from_this(), static_cast<const T*>(at(entry)), size);
    }

    // That section in place, verified, whatever its size.
    template <class T>
    Array<T> verified(const std::string& name) const {
        const Entry& entry = find(name, sizeof(T));
        verify(entry);
        return Array<T>(shared_from_this(), static_cast<const T*>(at(entry)), entry.bytes / sizeof(T));
    }

    // The number that is that section, verified.
    std::uint64_t number(const std::string& name) const;

    // Compares every byte with the checksums. Throws CorruptFile.
    void verify() const;

    // Throws CorruptFile about this file.
    [[noreturn]] void fail(const std::string& what) const;

  private:
    struct Entry {
        std::string name;
        std::uint64_t offset;
        std::uint64_t bytes;
        std::uint32_t value_bytes;
        std::uint32_t checksum;
    };

    explicit SegmentFile(const std::string& path);
    void check_header(FileKind kind);
    void check_table(std::uint64_t sections, std::uint32_t checksum);
    const Entry& find(const std::string& name, std::size_t value_bytes) const;
    const void* at(const Entry& entry) const { return data_ + entry.offset; }
    void verify(const Entry& entry) const;

    std::string path_;
    const unsigned char* data_ = nullptr;
    std::size_t size_ = 0;
    FileHeader header_{};
    std::uint32_t checksum_ = 0;
    std::vector<Entry> entries_;
};

}  // namespace hashpact
