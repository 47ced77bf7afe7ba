"""What a peer documents as beyond it: told before the first call, and never held against it."""

from __future__ import annotations

import pytest
import torch
import wrong_topk
from test_adapters import case_of

from persistent_topk.verify.cases.case import Case
from persistent_topk.verify.failures.shrink import shrink
from persistent_topk.verify.judging.examination import Subject, check_one, examine
from persistent_topk.verify.targets import TargetUnavailable
from persistent_topk.verify.targets.function import Function
from persistent_topk.verify.targets.limits import TargetLimits
from persistent_topk.verify.targets.peers.peer import PeerTarget, installed_version, numbers_of


class AnyPeer(PeerTarget):
    package = "torch"
    least_capability, no_major = (9, 0), 12

    def load(self) -> Function:
        return self.kernel

    def kernel(self, logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
        raise RuntimeError("no kernel image is available")


def test_a_gpu_that_a_peer_does_not_know_is_no_mismatch(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TargetUnavailable, match="any: RuntimeError: no kernel image is available"):
        AnyPeer("any", device="cpu").prepare()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for found in ((8, 9), (12, 0)):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device, found=found: found)
        with pytest.raises(TargetUnavailable, match=rf"9.0 or newer, not 12.x; found {found[0]}.{found[1]}"):
            AnyPeer("any").prepare()


class Limited(AnyPeer):
    """Fails beyond its limits, as a kernel's own checks do, and loses the last column of what it selects."""

    documented = TargetLimits(ks=(64,), stride_multiple=4)

    def kernel(self, logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
        if k != 64 or logits.stride(0) % 4:
            raise RuntimeError("not supported")
        found = wrong_topk.correct(logits, lengths, k)
        if lengths.max() > 1000:
            found[:, -1] = found[:, 0]
        return found


class EndToEnd(Limited):
    documented = TargetLimits(ks=(64,), contiguous=True)

    def kernel(self, logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
        if not logits.is_contiguous():
            raise RuntimeError("not supported")
        return wrong_topk.correct(logits, lengths, k)


@pytest.mark.parametrize("made", [Limited, EndToEnd])
def test_other_layouts_are_those_that_the_peer_takes(made: type[PeerTarget]) -> None:
    target = made("limited", device="cpu")
    target._function = target.load()
    measured = examine(target, Subject(case_of(64, columns=100)))
    assert "layout-independent" in {item.promise for item in measured}
    assert not [item for item in measured if item.broken]


def test_shrinking_stays_within_the_limits() -> None:
    target = Limited("limited", device="cpu")
    target._function = target.load()

    def fails(case: Case) -> bool:
        found = check_one(target, case, "exact-set")
        return bool(found and found.broken)

    smallest = shrink(case_of(64), fails, seconds=10.0)
    assert (smallest.k, smallest.rows) == (64, 1) and smallest.row_stride % 4 == 0
    assert 1000 < smallest.clamped[0] < 1010
    assert check_one(target, case_of(65), "exact-set") is None


def test_versions_are_told() -> None:
    assert installed_version(("no-such-thing", "torch")) == torch.__version__
    assert installed_version(("no-such-thing",)) == "" and numbers_of("") == ()
    assert numbers_of("0.7.2.post1") == (0, 7, 2)
