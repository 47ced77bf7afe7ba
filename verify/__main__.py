"""`python -m persistent_topk.verify`: the command `verify`; also under torchrun."""

from __future__ import annotations

import sys

from ..commands.entry import main

if __name__ == "__main__":
    main(["verify", *sys.argv[1:]])
