// Arrays of plain values, in huge pages where the system gives them.
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

namespace hashpact {

// Zeroed memory on a 64-byte line. Throws std::bad_alloc. `release` takes the same size again.
void* allocate(std::size_t bytes);
void release(void* memory, std::size_t bytes) noexcept;

// A fixed-size zeroed array of `size` values, followed by at least `padding` readable bytes.
template <class T>
class Array {
    static_assert(std::is_trivially_copyable_v<T>, "the bytes are all there is");

  public:
    Array() = default;
    explicit Array(std::size_t size, std::size_t padding = 0)
        : size_(size),
          bytes_(size * sizeof(T) + padding),
          data_(bytes_ == 0 ? nullptr : static_cast<T*>(allocate(bytes_))) {}
    Array(Array&& other) noexcept { swap(other); }
    Array& operator=(Array&& other) noexcept {
        swap(other);
        return *this;
    }
    Array(const Array&) = delete;
    Array& operator=(const Array&) = delete;
    ~Array() {
        if (data_ != nullptr) release(data_, bytes_);
    }

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
    }

    std::size_t size_ = 0;
    std::size_t bytes_ = 0;
    T* data_ = nullptr;
};

}  // namespace hashpact
