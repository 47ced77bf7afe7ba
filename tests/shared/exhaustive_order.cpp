// Walks the floats in the contract's order and holds cuda/kernel/order.cuh to definitions that share
// nothing with it: comparisons of doubles, and a conversion to binary16 by the processor or in doubles.
//
//   exhaustive_order STRIDE THREADS [flush]
//
// STRIDE 1 visits all 2^32 floats; more visits every STRIDE-th and all around each rounding boundary of
// binary16. flush: the code under test runs with subnormals flushed to zero. This file must be built
// without -ffast-math; order_twin.cpp, which it is linked with, may be built with it.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

extern "C" {
void order_twin(const float* values, int64_t n, uint32_t* keys, uint32_t* bins11, uint32_t* bins8,
                float* back);
uint32_t bin_floor_key_11(uint32_t bin);
uint32_t bin_floor_key_8(uint32_t bin);
}

namespace {

constexpr uint64_t kFloats = 1ull << 32;
constexpr uint32_t kInfinity = 0x7F800000u;
constexpr uint32_t kSide = kInfinity + 1;  // floats from zero to infinity
constexpr uint32_t kNans = 0x007FFFFFu;    // NaNs of one sign
constexpr uint32_t kNanKey = 0xFFFFFFFFu;
constexpr size_t kBlock = 1 << 15;  // floats given to the code under test at a time

float float_at(uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

uint32_t bits_at(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}

// The bits of the float at a place of the contract's order: -infinity .. -0, +0 .. +infinity, NaNs.
uint32_t bits_of_place(uint64_t place) {
  if (place < kSide) return 0xFF800000u - static_cast<uint32_t>(place);
  place -= kSide;
  if (place < kSide) return static_cast<uint32_t>(place);
  place -= kSide;
  return place < kNans ? 0x7F800001u + static_cast<uint32_t>(place)
                       : 0xFF800001u + static_cast<uint32_t>(place - kNans);
}

uint64_t place_of_bits(uint32_t bits) {
  return (bits >> 31) ? 0xFF800000u - bits : static_cast<uint64_t>(kSide) + bits;
}

// Magnitude of a finite or infinite float rounded to binary16, by the definition of rounding: multiples
// of the spacing of halves at x, to nearest, ties to even.
[[maybe_unused]] uint32_t half_by_doubles(double magnitude) {
  if (magnitude >= 65520.0) return 0x7C00u;
  const int exponent = magnitude < 0x1p-14 ? -14 : std::ilogb(magnitude);
  const double steps = std::nearbyint(std::ldexp(magnitude, 10 - exponent));
  return static_cast<uint32_t>(steps) + (static_cast<uint32_t>(exponent + 14) << 10);
}

uint32_t half_magnitude(float x) {
#if defined(__F16C__)
  return _cvtss_sh(x, _MM_FROUND_TO_NEAREST_INT) & 0x7FFFu;
#else
  return half_by_doubles(std::fabs(static_cast<double>(x)));
#endif
}

uint32_t ordered_half(float x) {
  if (x != x) return 0xFFFFu;
  const uint32_t magnitude = half_magnitude(x);
  if (magnitude == 0) return 0x8000u;
  return x < 0 ? 0xFFFFu - (0x8000u + magnitude) : 0x8000u + magnitude;
}

[[noreturn]] void fail(const char* what, float x, uint32_t got, uint32_t expected) {
  std::fprintf(stderr, "%s: float bits 0x%08X (%a): got 0x%08X, expected 0x%08X\n", what, bits_at(x),
               static_cast<double>(x), got, expected);
  std::exit(1);
}

void expect(bool holds, const char* what, float x, uint32_t got, uint32_t expected) {
  if (!holds) fail(what, x, got, expected);
}

// Runs the code under test with subnormals flushed to zero, the judge without.
class Flush {
 public:
  explicit Flush(bool on) {
#if defined(__x86_64__)
    constexpr unsigned kFlushToZeroAndDenormalsAreZero = 0x8040;
    if (on) _mm_setcsr(saved_ | kFlushToZeroAndDenormalsAreZero);
#else
    (void)on;
#endif
  }
  ~Flush() {
#if defined(__x86_64__)
    _mm_setcsr(saved_);
#endif
  }

 private:
#if defined(__x86_64__)
  unsigned saved_ = _mm_getcsr();
#endif
};

// The lowest key met in each bin.
struct Floors {
  std::vector<uint32_t> bits11 = std::vector<uint32_t>(2048, kNanKey);
  std::vector<uint32_t> bits8 = std::vector<uint32_t>(256, kNanKey);
  std::vector<bool> met11 = std::vector<bool>(2048), met8 = std::vector<bool>(256);

  void meet(uint32_t bin11, uint32_t bin8, uint32_t key) {
    bits11[bin11] = std::min(bits11[bin11], key);
    bits8[bin8] = std::min(bits8[bin8], key);
    met11[bin11] = met8[bin8] = true;
  }

  void add(const Floors& other) {
    for (size_t bin = 0; bin < bits11.size(); ++bin) {
      bits11[bin] = std::min(bits11[bin], other.bits11[bin]);
      met11[bin] = met11[bin] || other.met11[bin];
    }
    for (size_t bin = 0; bin < bits8.size(); ++bin) {
      bits8[bin] = std::min(bits8[bin], other.bits8[bin]);
      met8[bin] = met8[bin] || other.met8[bin];
    }
  }
};

// Checks the floats at ascending places; each block starts with the last float of the one before.
class Walk {
 public:
  explicit Walk(bool flush) : flush_(flush) {}

  void visit(uint64_t place) {
    values_.push_back(float_at(bits_of_place(place)));
    if (values_.size() == kBlock) check();
  }

  const Floors& finish() {
    check();
    return floors_;
  }

 private:
  void check() {
    const size_t n = values_.size();
    keys_.resize(n), bins11_.resize(n), bins8_.resize(n), back_.resize(n);
    {
      Flush flush(flush_);
      order_twin(values_.data(), static_cast<int64_t>(n), keys_.data(), bins11_.data(), bins8_.data(),
                 back_.data());
    }
    for (size_t i = 0; i < n; ++i) check_one(i);
    for (size_t i = 1; i < n; ++i) check_pair(i);
    values_ = {values_.back()};
  }

  void check_one(size_t i) {
    const float x = values_[i];
    const uint32_t bits = bits_at(x), back = bits_at(back_[i]);
    if (x != x) {
      expect(keys_[i] == kNanKey, "key of NaN", x, keys_[i], kNanKey);
      expect(back_[i] != back_[i], "NaN from its key", x, back, bits);
    } else {
      const uint32_t expected = x == 0 ? 0 : bits;
      expect(back == expected, "float from its key", x, back, expected);
    }
    const uint32_t half = ordered_half(x);
    expect(bins11_[i] == half >> 5, "bin of 11 bits", x, bins11_[i], half >> 5);
    expect(bins8_[i] == half >> 8, "bin of 8 bits", x, bins8_[i], half >> 8);
    floors_.meet(bins11_[i], bins8_[i], keys_[i]);
  }

  void check_pair(size_t i) {
    const double before = values_[i - 1], x = values_[i];
    const bool same = before == x || (before != before && x != x);
    const bool right = same ? keys_[i - 1] == keys_[i] : keys_[i - 1] < keys_[i];
    expect(right, "key in the order of values", values_[i], keys_[i], keys_[i - 1]);
    expect(bins11_[i - 1] <= bins11_[i], "bin of 11 bits in order", values_[i], bins11_[i], bins11_[i - 1]);
    expect(bins8_[i - 1] <= bins8_[i], "bin of 8 bits in order", values_[i], bins8_[i], bins8_[i - 1]);
  }

  bool flush_;
  std::vector<float> values_, back_;
  std::vector<uint32_t> keys_, bins11_, bins8_;
  Floors floors_;
};

// The places next to each half and each midpoint between halves, ascending.
std::vector<uint64_t> boundary_places() {
  std::vector<uint64_t> places;
  for (uint32_t code = 0; code <= 2 * 0x7C00u; ++code) {  // halves and midpoints in turn
    const uint32_t exponent = code >> 11, mantissa = code & 0x7FF;
    const double value = exponent == 0 ? std::ldexp(mantissa, -25)
                                       : std::ldexp(2048.0 + mantissa, static_cast<int>(exponent) - 26);
    for (uint32_t sign : {0u, 0x80000000u}) {
      const int64_t place = place_of_bits(bits_at(static_cast<float>(value)) | sign);
      for (int64_t near = place - 2; near <= place + 2; ++near) places.push_back(near);
    }
  }
  for (uint64_t place : {uint64_t{0}, uint64_t{2} * kSide - 1, uint64_t{2} * kSide, kFloats - 1})
    places.push_back(place);  // infinities, the first NaN, the last
  std::sort(places.begin(), places.end());
  places.erase(std::unique(places.begin(), places.end()), places.end());
  return places;
}

// Visits every stride-th place of [begin, end), its first one, and those boundaries that lie inside.
void walk_range(Walk& walk, uint64_t begin, uint64_t end, uint64_t stride,
                const std::vector<uint64_t>& boundaries) {
  auto boundary = std::lower_bound(boundaries.begin(), boundaries.end(), begin);
  uint64_t next = begin;
  while (next < end) {
    walk.visit(next);
    uint64_t after = next + stride;
    while (boundary != boundaries.end() && *boundary <= next) ++boundary;
    if (boundary != boundaries.end() && *boundary < after) after = *boundary;
    next = after;
  }
}

template <typename FloorKey>
void check_floors(int bits, const std::vector<uint32_t>& lowest, const std::vector<bool>& met,
                  FloorKey floor_key) {
  const uint32_t bins = 1u << bits;
  const uint32_t lowest_bin = 0x03FFu >> (16 - bits), greatest_bin = 0xFC00u >> (16 - bits);
  for (uint32_t bin = 0; bin <= bins; ++bin) {
    const bool has_values = bin >= lowest_bin && bin <= greatest_bin;
    const uint32_t expected = has_values ? lowest[bin] : bin < lowest_bin ? 0x007FFFFFu : kNanKey;
    if (floor_key(bin) != expected || (has_values && !met[bin])) {
      std::fprintf(stderr, "floor of bin 0x%X of %d bits: got 0x%08X, expected 0x%08X\n", bin, bits,
                   floor_key(bin), expected);
      std::exit(1);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: exhaustive_order STRIDE THREADS [flush]\n");
    return 2;
  }
  const uint64_t stride = std::strtoull(argv[1], nullptr, 10);
  const uint64_t threads = std::strtoull(argv[2], nullptr, 10);
  const bool flush = argc > 3 && std::string(argv[3]) == "flush";
  const std::vector<uint64_t> boundaries = boundary_places();
  std::vector<Walk> walks(threads, Walk(flush));
  std::vector<std::thread> running;
  for (uint64_t t = 0; t < threads; ++t)
    running.emplace_back([&, t] {
      const uint64_t begin = t == 0 ? 0 : kFloats / threads * t - 1;  // one float of overlap
      const uint64_t end = t + 1 == threads ? kFloats : kFloats / threads * (t + 1);
      walk_range(walks[t], begin, end, stride, boundaries);
    });
  for (std::thread& thread : running) thread.join();
  Floors floors;
  for (Walk& walk : walks) floors.add(walk.finish());
  check_floors(11, floors.bits11, floors.met11, bin_floor_key_11);
  check_floors(8, floors.bits8, floors.met8, bin_floor_key_8);
  std::printf("order holds\n");
}
