// Arrays of plain values: in memory of their own (in huge pages where the system gives them), or in a mapped file.
#pragma once

#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

namespace hashpact {

// Zeroed memory on a 64-byte line. Throws std::bad_alloc. `release` takes the same size again.
void* allocate(std::size_t bytes);
void release(void* memory, std::size_t bytes) noexcept;

// A fixed-size array of `size` values. It keeps alive what its values lie in.
template <class T>
class Array {
    static_assert(std::is_trivially_copyable_v<T>, "the bytes are all there is");

  public:
    Array() = default;

    // Zeroed memory of its own, followed by at least `padding` readable bytes.
    explicit Array(std::size_t size, std::size_t padding = 0) : size_(size), bytes_(size * sizeof(T) + padding) {
        if (bytes_ == 0) return;
        data_ = static_cast<T*>(allocate(bytes_));
        // If this throws, it has released the memory.
        place_ = std::shared_ptr<const void>(data_, [bytes = bytes_](const void* all) {
            release(const_cast<void*>(all), bytes);
        });
    }

    // Values that lie in `place`, and must not be written.
    Array(std::shared_ptr<const void> place, const T* data, std::size_t size)
        : size_(size), bytes_(size * sizeof(T)), data_(const_cast<T*>(data)), place_(std::move(place)) {}

    Array(Array&& other) noexcept { swap(other); }
    Array& operator=(Array&& other) noexcept {
        swap(other);
        return *this;
    }
    Array(const Array&) = delete;
    Array& operator=(const Array&) = delete;
    ~Array() = default;

    T* data() { return data_; }
    const T* data() const { return data_; }
    T& operator[](std::size_t i) { return data_[i]; }
    const T& operator[](std::size_t i) const { return data_[i]; }
    std::size_t size() const { return size_; }
    std::size_t bytes() const { return bytes_; }

  private:
    void swap(Array& other) noexcept {
        std::swap(size_, other.size_);
        std::swap(bytes_, other.bytes_);
        std::swap(data_, other.data_);
        place_.swap(other.place_);
    }

    std::size_t size_ = 0;
    std::size_t bytes_ = 0;
    T* data_ = nullptr;
    std::shared_ptr<const void> place_;
};

}  // namespace hashpact
