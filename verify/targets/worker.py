"""The process that one target runs in, which process.py starts with FD NAME DEVICE."""

from __future__ import annotations

import faulthandler
import json
import os
import resource
import signal
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import recv_handle
from pathlib import Path
from typing import NoReturn

import torch

from . import inside
from .limits import limits_of
from .target import CHANGED, NotTaken, Target, TargetFailure, TargetMisnamed, TargetUnavailable
from .wire import case_of, receive, send, send_answer, send_failure, send_not_taken

KIBIBYTE = 1024  # the unit of ru_maxrss
LOOK_SECONDS = 1.0  # between looks at whether the checker lives
MOST_OF_MEMORY = 0.75  # what a target may take before allocations fail, so that the machine lives on


def limit_memory() -> None:
    """Makes an allocation beyond most of this machine's memory fail in this process alone."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = int(MOST_OF_MEMORY * physical)
    resource.setrlimit(resource.RLIMIT_DATA, (wanted if hard < 0 else min(wanted, hard), hard))


def leave_with_the_checker() -> None:
    """Ends this process when its parent is gone, also while the target hangs and nobody can read an end."""
    checker = os.getppid()

    def watch() -> None:
        while os.getppid() == checker:
            time.sleep(LOOK_SECONDS)
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


def resident_bytes() -> int:
    """Bytes of memory that this process holds: now, where the system tells, or else at the most."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIBIBYTE
    return pages * os.sysconf("SC_PAGE_SIZE")


def gpu_is_lost() -> bool:
    """Whether a failed call took the GPU along: after an illegal access every later call of the process
    fails too."""
    if not torch.cuda.is_initialized():
        return False
    try:
        torch.cuda.synchronize()
    except RuntimeError:
        return True
    return False


def answer_calls(connection: Connection, target: Target) -> None:
    """Answers one case after the other until the checker hangs up."""
    process = os.getpid()
    while True:
        message, arrays = receive(connection)
        case = case_of(message, arrays)
        before = case.copy()
        try:
            graph = message["graph"]
            answer = target.replay_graph(case) if graph else target.call(case, message["poison"], "")
            failure = None
        except (TargetFailure, NotTaken) as error:
            failure = error
        if os.getpid() != process:
            os._exit(0)  # the target forked, and this is the copy
        sys.stdout.flush()
        if isinstance(failure, NotTaken):
            send_not_taken(connection, failure)
            continue
        if failure is not None:
            lost = gpu_is_lost()
            send_failure(connection, failure, lost)
            if lost:
                os._exit(0)
            continue
        if not answer.damage and not case.has_same_memory(before):
            answer = replace(answer, trace=None, damage=CHANGED)
        send_answer(connection, answer, resident_bytes())


def threads() -> int:
    """Of this process, 0 where that cannot be told."""
    try:
        return len(list(Path("/proc/self/task").iterdir()))
    except OSError:
        return 0


def answer_in_copies(control: Connection, target: Target) -> None:
    """Makes a copy of this process for each connection that the checker passes, and tells how it ended."""
    while True:
        handle = recv_handle(control)
        child = os.fork()
        if child == 0:
            control.close()
            leave_with_the_checker()
            answer_calls_and_leave(Connection(handle), target)
        os.close(handle)
        send(control, {"pid": child})
        send(control, {"ended": os.waitstatus_to_exitcode(waited(child, control))})


def waited(child: int, control: Connection) -> int:
    """The status of a copy once it has ended; kills it where the checker is gone before."""
    ended = os.pidfd_open(child)
    try:
        while ended not in wait([ended, control], LOOK_SECONDS):
            if control.poll():  # it asks for nothing meanwhile: this is its end
                os.kill(child, signal.SIGKILL)
                os._exit(0)
    finally:
        os.close(ended)
    return os.waitpid(child, 0)[1]


def answer_calls_and_leave(connection: Connection, target: Target) -> NoReturn:
    """Answers until the checker hangs up, and ends this process without a word."""
    with suppress(EOFError, ConnectionError, KeyboardInterrupt, json.JSONDecodeError):
        answer_calls(connection, target)
    os._exit(0)


def serve(control: Connection, name: str, device: str) -> None:
    """Prepares the target and serves the checker, in copies of this process where it can be copied."""
    message, _ = receive(control)
    sys.path[:] = message["path"]
    for stream in (sys.stdout, sys.stderr):  # what is printed before a crash is not lost with a buffer
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    faulthandler.enable(all_threads=False)
    target = inside(name, device, limits_of(message["limits"]))
    if not target.on_gpu:  # a GPU's driver reserves more than there is
        limit_memory()
    torch.set_num_threads(1)
    before = threads()
    try:
        target.prepare()
    except TargetUnavailable as error:
        send(control, {"unavailable": str(error), "misnamed": isinstance(error, TargetMisnamed)})
        return
    copies = hasattr(os, "pidfd_open") and not target.on_gpu and 0 < threads() <= before
    told = {"fingerprint": target.fingerprint(), "place": target.place(), "limits": asdict(target.limits)}
    send(control, {**told, "shards": target.takes_shards, "copies": copies})
    if copies:
        answer_in_copies(control, target)
    leave_with_the_checker()
    answer_calls_and_leave(control, target)


def main() -> None:
    """Serves the connection that the checker passed, and leaves without a word when it hangs up."""
    fd, name, device = int(sys.argv[2]), sys.argv[3], sys.argv[4]
    try:
        serve(Connection(fd), name, device)
    except (EOFError, ConnectionError, KeyboardInterrupt, json.JSONDecodeError):
        os._exit(0)
