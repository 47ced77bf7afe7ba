"""The process that one target runs in, which isolated.py starts with FD NAME DEVICE."""

from __future__ import annotations

import json
import os
import resource
import sys
import threading
import time
from dataclasses import asdict
from multiprocessing.connection import Connection
from pathlib import Path

import torch

from . import inside
from .limits import limits_of
from .target import NotTaken, TargetFailure, TargetMisnamed, TargetUnavailable
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


def serve(connection: Connection, name: str, device: str) -> None:
    """Prepares the target, then answers one case after the other until the checker hangs up."""
    message, _ = receive(connection)
    sys.path[:] = message["path"]
    target = inside(name, device, limits_of(message["limits"]))
    if not target.on_gpu:  # a GPU's driver reserves more than there is
        limit_memory()
    try:
        target.prepare()
    except TargetUnavailable as error:
        send(connection, {"unavailable": str(error), "misnamed": isinstance(error, TargetMisnamed)})
        return
    told = {"fingerprint": target.fingerprint(), "place": target.place(), "limits": asdict(target.limits)}
    send(connection, {**told, "shards": target.takes_shards})
    torch.set_num_threads(1)
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
            answer = type(answer)(answer.indices, None, "logits or lengths were changed")
        send_answer(connection, answer, resident_bytes())


def main() -> None:
    """Serves the connection that the checker passed, and leaves without a word when it hangs up."""
    fd, name, device = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    leave_with_the_checker()
    try:
        serve(Connection(fd), name, device)
    except (EOFError, BrokenPipeError, KeyboardInterrupt, json.JSONDecodeError):
        os._exit(0)
