"""`python -m persistent_topk.verify.soak`: as `persistent-topk soak`."""

from __future__ import annotations

from ...commands.cli import main

if __name__ == "__main__":
    import sys

    main(["soak", *sys.argv[1:]])
