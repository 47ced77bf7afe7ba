// Ends kernels that run on without ever touching memory or synchronising: no callback sees them.
#pragma once

namespace persistent_topk::emulator {

// While it lives, the calling thread's launch is looked at every second of its CPU time; one that has
// done nothing observable for several is given up as a runaway.
class Watchdog {
 public:
  Watchdog();
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
#ifdef __linux__
  void* timer_ = nullptr;
  bool armed_ = false;
#endif
};

}  // namespace persistent_topk::emulator
