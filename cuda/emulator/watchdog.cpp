#include "watchdog.hpp"

#ifdef __linux__

#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <csignal>
#include <ctime>

#include "machine.hpp"

namespace persistent_topk::emulator {

namespace {

constexpr int kPatienceSeconds = 2;
int64_t seen = 0;       // observable steps at the last look
int idle_seconds = 0;

int watchdog_signal() { return SIGRTMAX - 2; }

// Where the interrupted code would go on; as pcs of failures are, one behind the instruction.
const void* interrupted_at([[maybe_unused]] void* context) {
#ifdef __x86_64__
  return reinterpret_cast<const void*>(static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP] + 1);
#elif defined(__aarch64__)
  return reinterpret_cast<const void*>(static_cast<ucontext_t*>(context)->uc_mcontext.pc + 1);
#else
  return nullptr;
#endif
}

// Runs on the fiber that it interrupts. A fiber without a callback for seconds is in the kernel's own
// code, which holds no locks and owns nothing: leaving it for good, by way of the host's context, is
// safe there.
void look(int, siginfo_t*, void* context) {
  if (machine == nullptr || current == nullptr) return;
  const int64_t now = machine->statistics.accesses + machine->statistics.steps;
  idle_seconds = now == seen ? idle_seconds + 1 : 0;
  seen = now;
  if (idle_seconds < kPatienceSeconds) return;
  sigset_t own;  // it is blocked while its handler runs, and this handler does not return
  sigemptyset(&own);
  sigaddset(&own, watchdog_signal());
  pthread_sigmask(SIG_UNBLOCK, &own, nullptr);
  fail("runaway", interrupted_at(context), "runs on for %d seconds without touching memory or synchronising",
       kPatienceSeconds);
}

}  // namespace

Watchdog::Watchdog() {
  seen = idle_seconds = 0;
  struct sigaction action = {};
  action.sa_sigaction = look;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  sigaction(watchdog_signal(), &action, nullptr);
  sigevent event = {};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = watchdog_signal();
  event._sigev_un._tid = static_cast<pid_t>(syscall(SYS_gettid));
  armed_ = timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &timer_) == 0;
  const itimerspec every_second = {{1, 0}, {1, 0}};
  if (armed_) timer_settime(timer_, 0, &every_second, nullptr);
}

Watchdog::~Watchdog() {
  if (armed_) timer_delete(timer_);
}

}  // namespace persistent_topk::emulator

#else

namespace persistent_topk::emulator {

Watchdog::Watchdog() = default;
Watchdog::~Watchdog() = default;

}  // namespace persistent_topk::emulator

#endif
