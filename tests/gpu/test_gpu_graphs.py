"""Captured once, replayed with other lengths, logits and leftovers: what an inference engine does."""

from __future__ import annotations

import ctypes

import pytest
import torch

from persistent_topk.bench.floors import Floor
from persistent_topk.cuda import calls, gpu
from persistent_topk.cuda.capture import capturing
from persistent_topk.reference import oracle

POISON = -777_777
REPLAYS = 2000
SCENES = 8  # inputs that replays go through in turn
SPIN_NS = 500_000_000  # much longer than replays on few SMs take
FREE_SMS = 6
KERNEL_NODE = 0  # CU_GRAPH_NODE_TYPE_KERNEL
BATCHES = [(1, 8192, 2048), (100, 8000, 512), (3, 131072, 2048), (8, 200000, 512), (64, 40000, 2048)]
BATCHES += [(200, 9000, 1024), (200, 20000, 1024)]  # more rows than SMs


class Captured:
    """A graph of one call over buffers of its own, and scenes with known answers to put into them."""

    def __init__(self, rows: int, columns: int, k: int, seed: int) -> None:
        generator = torch.Generator(device="cuda").manual_seed(seed)
        self.k, self.generator = k, generator
        self.logits = torch.empty(rows, columns, device="cuda")
        self.lengths = torch.empty(rows, dtype=torch.int32, device="cuda")
        self.output = torch.empty(rows, k, dtype=torch.int32, device="cuda")
        size = max(1, self.workspace_size())
        self.workspace = torch.empty(size, dtype=torch.uint8, device="cuda")
        self.scenes = [self.scene(index) for index in range(SCENES)]
        self.wrong = torch.zeros((), dtype=torch.int64, device="cuda")
        self.load(0)
        self.launch()
        self.graph = self.capture(torch.cuda.CUDAGraph())

    def workspace_size(self) -> int:
        return gpu.workspace_size(*self.logits.shape, self.k)

    def capture(self, graph: torch.cuda.CUDAGraph) -> torch.cuda.CUDAGraph:
        with torch.cuda.graph(graph):
            self.launch()
        return graph

    def launch(self) -> None:
        gpu.topk_out(self.logits, self.lengths, self.output, self.workspace, self.k)

    def scene(self, index: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """(logits, lengths, answer): full, short, zero, negative and over-long rows in turn."""
        rows, columns = self.logits.shape
        logits = torch.randn(rows, columns, generator=self.generator, device="cuda")
        if index % 2:
            logits = logits.mul_(8).round_()
        bounds = [(columns, columns + 9), (-9, 2), (0, self.k), (-9, columns + 9)][index % 4]
        lengths = torch.randint(*bounds, (rows,), generator=self.generator, device="cuda", dtype=torch.int32)
        return logits, lengths, oracle.topk(logits, lengths, self.k)

    def load(self, index: int) -> None:
        logits, lengths, _ = self.scenes[index % SCENES]
        self.logits.copy_(logits)
        self.lengths.copy_(lengths)
        self.output.fill_(POISON)
        self.workspace.random_(0, 256, generator=self.generator)

    def replay(self, index: int) -> None:
        """Counts on the device, so that nothing waits for the host between replays."""
        self.load(index)
        self.graph.replay()
        self.wrong += (self.output != self.scenes[index % SCENES][2]).any(dim=1).sum()


def check_on_two_streams(graphs: list[Captured]) -> None:
    streams = [torch.cuda.Stream(), torch.cuda.Stream()]
    torch.cuda.synchronize()
    for index in range(REPLAYS // 4):
        for captured, stream in zip(graphs, streams, strict=True):
            with torch.cuda.stream(stream):
                captured.replay(index)
    torch.cuda.synchronize()
    assert [0, 0] == [int(captured.wrong) for captured in graphs]


def check_beside_a_hog(captured: Captured) -> None:
    """With a kernel that holds all SMs but a few."""
    device = torch.cuda.current_device()
    limits = calls.device_limits(device)
    floor, hog, released = Floor(flush_bytes=4), torch.cuda.Stream(), torch.cuda.Event()
    captured.replay(0)  # loads all kernels: beside the hog, that may wait for it
    torch.cuda.synchronize()
    with torch.cuda.stream(hog):
        floor.spin(SPIN_NS, limits.sms - FREE_SMS, limits.shared_bytes)
        released.record()
    for index in range(4 * SCENES):
        captured.replay(index)
    assert not released.query(), "the hog was gone before the last launch"
    torch.cuda.current_stream().synchronize()
    # A team may have more CTAs than the free SMs take, and waits for the hog then. One CTA may not wait.
    if gpu.plan_for(*captured.logits.shape, captured.k, device).ctas == 1:
        assert not released.query(), "rows that need one SM waited for those that the hog held"
    torch.cuda.synchronize()
    assert int(captured.wrong) == 0


def node_types(graph: torch.cuda.CUDAGraph) -> list[int]:
    """The CUgraphNodeType of each node of a graph that was captured with keep_graph."""
    driver, handle = ctypes.CDLL("libcuda.so.1"), ctypes.c_void_p(graph.raw_cuda_graph())
    count = ctypes.c_size_t()
    assert 0 == driver.cuGraphGetNodes(handle, None, ctypes.byref(count))
    nodes = (ctypes.c_void_p * count.value)()
    assert 0 == driver.cuGraphGetNodes(handle, nodes, ctypes.byref(count))
    types = [ctypes.c_int() for _ in nodes]
    for node, kind in zip(nodes, types, strict=True):
        assert 0 == driver.cuGraphNodeGetType(ctypes.c_void_p(node), ctypes.byref(kind))
    return [kind.value for kind in types]


def check_is_its_launches(captured: Captured) -> None:
    if not hasattr(torch.cuda.CUDAGraph, "raw_cuda_graph"):
        pytest.skip("needs a torch that shows the nodes of a graph (2.8 or newer)")
    device = captured.logits.get_device()
    launches = len(gpu.plan_for(*captured.logits.shape, captured.k, device).launches)
    graph = captured.capture(torch.cuda.CUDAGraph(keep_graph=True))
    assert [KERNEL_NODE] * launches == node_types(graph)


@pytest.mark.parametrize(("rows", "columns", "k"), BATCHES)
def test_thousands_of_replays_follow_lengths_and_logits(rows: int, columns: int, k: int) -> None:
    captured = Captured(rows, columns, k, seed=rows)
    for index in range(REPLAYS):
        captured.replay(index)
    assert int(captured.wrong) == 0


def test_two_graphs_on_two_streams_do_not_disturb_each_other() -> None:
    graphs = [Captured(4, 131072, 2048, seed=1), Captured(16, 70000, 512, seed=2)]
    check_on_two_streams(graphs)


@pytest.mark.parametrize(("rows", "columns", "k"), BATCHES)
def test_no_deadlock_beside_a_kernel_that_holds_most_sms(rows: int, columns: int, k: int) -> None:
    captured = Captured(rows, columns, k, seed=3)
    check_beside_a_hog(captured)


@pytest.mark.parametrize(("rows", "columns", "k"), BATCHES)
def test_a_captured_call_is_its_launches_and_nothing_else(rows: int, columns: int, k: int) -> None:
    check_is_its_launches(Captured(rows, columns, k, seed=6))


def test_a_graph_captured_with_short_rows_is_right_for_long_ones() -> None:
    captured = Captured(8, 262144, 2048, seed=4)
    captured.logits.normal_(generator=captured.generator)
    captured.lengths.fill_(100)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        gpu.topk_out(captured.logits, captured.lengths, captured.output, captured.workspace, captured.k)
    captured.lengths.fill_(262144)
    captured.output.fill_(POISON)
    graph.replay()
    assert torch.equal(oracle.topk(captured.logits, captured.lengths, captured.k), captured.output)


def test_the_same_call_writes_the_same_bytes_every_time() -> None:
    generator = torch.Generator(device="cuda").manual_seed(5)
    logits = torch.randn(8, 300000, generator=generator, device="cuda").mul_(100).round_()
    lengths = torch.full((8,), 300000, dtype=torch.int32, device="cuda")
    first = gpu.topk(logits, lengths, 2048)
    differing = torch.zeros((), dtype=torch.int64, device="cuda")
    for _ in range(200):
        differing += (gpu.topk(logits, lengths, 2048) != first).sum()
    assert int(differing) == 0


def test_a_capture_that_fails_leaves_torch_as_it_was() -> None:
    before = torch.cuda.current_stream()
    torch.manual_seed(6)
    expected = torch.rand(3, device="cuda")
    torch.manual_seed(6)
    values = torch.zeros(3, device="cuda")
    with pytest.raises(RuntimeError, match="when stream is capturing"), capturing(torch.cuda.CUDAGraph()):
        values.add_(1).sum().item()  # waits for the device, which a capture may not
    assert torch.cuda.current_stream() == before
    assert torch.equal(expected, torch.rand(3, device="cuda"))
