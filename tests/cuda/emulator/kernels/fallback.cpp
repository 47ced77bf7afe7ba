// Two fibers that take turns, on whichever switch the build chose.
#include <cstdio>
#include <vector>

#include "fiber.hpp"

using namespace persistent_topk::emulator;

namespace {

constexpr size_t kStackBytes = 64 << 10;
constexpr int kTurns = 4;
Context host, first, second;

void run_first() {
  for (;;) {
    std::putchar('a');
    switch_context(first, second);
  }
}

void run_second() {
  for (int turn = 1;; ++turn) {
    std::putchar('b');
    switch_context(second, turn == kTurns ? host : first);
  }
}

}  // namespace

int main() {
  std::vector<std::byte> stacks(2 * kStackBytes);
  prepare_context(first, stacks.data(), kStackBytes, run_first);
  prepare_context(second, stacks.data() + kStackBytes, kStackBytes, run_second);
  switch_context(host, first);
}
