"""Runs scripts that need torch, each in a process forked from this one, which imports torch once.

Standard input has a JSON list a line: the folder of the script, its words, what is put before sys.path.
Output goes to stdout.txt and stderr.txt in that folder, the exit code to standard output.
"""

from __future__ import annotations

import json
import os
import runpy
import sys

import torch  # noqa: F401  what every script would import

for line in sys.stdin:
    folder, words, before = json.loads(line)
    pid = os.fork()
    if pid == 0:
        break
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
else:
    sys.exit()

os.chdir(folder)
for descriptor, name in ((1, "stdout.txt"), (2, "stderr.txt")):
    os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
sys.argv[:], sys.path[:0] = words, before
runpy.run_path(
    words[0], run_name="__main__"
)  # an error or sys.exit() ends this process as it would end Python
