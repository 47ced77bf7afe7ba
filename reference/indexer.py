"""Logits as a sparse-attention indexer makes them: real input for top-k, from a seed.

Source: the lightning indexer of DeepSeek-V3.2 (DeepSeek Sparse Attention, technical report 2025, section 2.1)
scores the token at column s for the query of row t by

    I[t, s] = sum over heads h of w[t, h] * ReLU(q[t, h] . k[s])

with 64 heads of 128 dimensions, one key a token shared by all heads. As in the published inference
code, keys are layer-normalised, the first 64 dimensions of q and k carry a rotary position embedding in
the non-interleaved layout (dimension i turns with i + 32; plain base 10000, without the stretching for
long contexts), both are rotated by a Hadamard matrix, which spreads outliers before they are rounded to
FP8 e4m3 with one scale a token and head, and the weights are scaled by heads**-0.5, head_dim**-0.5 and
the scale of q.

Random activations stand in for the model's. They have the structure that shapes the scores:

- A context consists of spans of tokens on one topic, so good columns come in runs.
- A query leans towards some topics and away from others. A column that every head turns away from scores
  exactly 0, through ReLU. Zero is the commonest tie.
- All keys and queries share a direction. The rotary part turns it into a preference for recent tokens. The
  first tokens (sinks) lie along it and score high in most rows.
- Tokens repeat a small vocabulary. Equal words have similar scores, and equal ones after rounding to
  bfloat16, as some engines store them. That makes ties at the k-th place.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import layer_norm

FP8_MAX = 448.0  # largest finite e4m3
SMALLEST_AMAX = 1e-4  # keeps the scale of an all-zero vector finite
ROTARY_BASE = 10000.0
KEY_BLOCK = 8192  # keys made and scored at a time; part of what a seed means
PRODUCTS_AT_ONCE = 1 << 22  # q.k of (row, head, key) held at a time: 16 MiB


@dataclass(frozen=True)
class IndexerShape:
    """Sizes of the indexer: heads, and dimensions of each.

    head_dim must be a power of two (Hadamard), rotary_dim, of these, even.
    """

    heads: int = 64
    head_dim: int = 128
    rotary_dim: int = 64


DEEPSEEK_V32 = IndexerShape()


@dataclass(frozen=True)
class Text:
    """The structure of the random activations; strengths are relative to noise of unit variance.

    topics: number of topics. sink_strength: weight of the shared direction in the first tokens.
    key_shared_strength and query_shared_strength: its weight in all keys and queries. key_topic_strength and
    query_topic_strength: weight of a token's topic.
    """

    topics: int = 24
    span: int = 64  # tokens on one topic
    vocabulary: int = 2048  # distinct noise vectors of keys
    sinks: int = 4  # first tokens, along the shared direction
    sink_strength: float = 6.0
    key_shared_strength: float = 0.3
    query_shared_strength: float = 2.0
    key_topic_strength: float = 1.2
    query_topic_strength: float = 1.0


PROSE = Text()


def indexer_logits(
    rows: int,
    context: int,
    seed: int = 0,
    *,
    shape: IndexerShape = DEEPSEEK_V32,
    text: Text = PROSE,
    power_of_two_scales: bool = True,
    score_dtype: torch.dtype = torch.float32,
) -> tuple[Tensor, Tensor]:
    """Indexer scores of the last `rows` positions of a `context`, and how many columns each row may see.

    Returns logits float32 [rows, context] and int32 lengths [rows]. Lengths are causal: the last row sees the
    whole context, the row before it one column less, and so on down to 1. Columns from a row's length on hold
    scores too, which a top-k must ignore. power_of_two_scales: FP8 scales are rounded up to powers of two
    (ue8m0). score_dtype: logits are rounded to it, such as torch.bfloat16, as some engines store them.
    seed: fixes all random numbers. shape: sizes of the indexer. text: the structure of the activations.

    The same arguments give the same logits on the same machine and version of PyTorch.
    """
    generator = torch.Generator().manual_seed(seed)
    topics = torch.randn(text.topics, shape.head_dim, generator=generator, device="cpu")
    shared = torch.randn(shape.head_dim, generator=generator, device="cpu")
    positions = torch.arange(context - rows, context, device="cpu").clamp(min=0)

    queries = _queries(rows, shape, text, topics, shared, generator)
    queries, query_scales = quantise(spread(rotate(queries, positions[:, None], shape)), power_of_two_scales)
    weights = 1.0 + 0.5 * torch.randn(rows, shape.heads, generator=generator, device="cpu")
    weights = weights * query_scales * (shape.heads**-0.5 * shape.head_dim**-0.5)

    vocabulary = torch.randn(text.vocabulary, shape.head_dim, generator=generator, device="cpu")
    logits = torch.empty(rows, context, device="cpu")
    for begin in range(0, context, KEY_BLOCK):
        end = min(begin + KEY_BLOCK, context)
        keys = _keys(begin, end, text, topics, shared, vocabulary, generator)
        keys = layer_norm(keys, (shape.head_dim,))
        keys = spread(rotate(keys, torch.arange(begin, end, device="cpu"), shape))
        keys, key_scales = quantise(keys, power_of_two_scales)
        logits[:, begin:end] = score(queries, weights, keys) * key_scales
    return logits.to(score_dtype).to(torch.float32), (positions + 1).clamp(max=context).to(torch.int32)


def rotate(vectors: Tensor, positions: Tensor, shape: IndexerShape) -> Tensor:
    """Rotary embedding of the first rotary_dim dimensions, float32 of the same shape.

    vectors: float32 [..., head_dim]. positions: integers [...] that broadcast against the leading
    dimensions. shape: sizes of the indexer. Dimension i turns with
    i + rotary_dim / 2 by the angle position * ROTARY_BASE ** (-2 i / rotary_dim).
    """
    half = shape.rotary_dim // 2
    frequencies = ROTARY_BASE ** (-torch.arange(half, dtype=torch.float64, device=vectors.device) / half)
    angles = positions[..., None] * frequencies
    cosine, sine = angles.cos().float(), angles.sin().float()
    first, second, rest = torch.split(vectors, [half, half, shape.head_dim - shape.rotary_dim], -1)
    return torch.cat([first * cosine - second * sine, first * sine + second * cosine, rest], dim=-1)


def spread(vectors: Tensor) -> Tensor:
    """Vectors rotated by the orthonormal Hadamard matrix: float32 of the same shape.

    vectors: float32 [..., d], d a power of two.
    """
    size = vectors.shape[-1]
    matrix = torch.ones(1, 1, device=vectors.device)
    while matrix.shape[0] < size:
        matrix = torch.cat([torch.cat([matrix, matrix], 1), torch.cat([matrix, -matrix], 1)])
    return vectors @ (matrix / math.sqrt(size))


def quantise(vectors: Tensor, power_of_two_scales: bool) -> tuple[Tensor, Tensor]:
    """Vectors rounded to FP8 e4m3 with one scale a vector.

    vectors: float32 [..., d]. power_of_two_scales: round the scales up to powers of two. Returns the rounded
    numbers, still as float32 [..., d], and the scales, float32 [...], by which to multiply them.
    """
    scales = vectors.abs().amax(dim=-1).clamp(min=SMALLEST_AMAX) / FP8_MAX
    if power_of_two_scales:
        scales = torch.exp2(torch.ceil(torch.log2(scales)))
    rounded = (vectors / scales[..., None]).clamp(-FP8_MAX, FP8_MAX).to(torch.float8_e4m3fn)
    return rounded.to(torch.float32), scales


def _queries(
    rows: int, shape: IndexerShape, text: Text, topics: Tensor, shared: Tensor, generator: torch.Generator
) -> Tensor:
    """Activations [rows, heads, head_dim]: a row leans towards or away from each topic, heads vary."""
    leaning = torch.randn(rows, text.topics, generator=generator, device="cpu") * text.query_topic_strength
    common = (leaning @ topics + text.query_shared_strength * shared)[:, None, :]
    return common + torch.randn(rows, shape.heads, shape.head_dim, generator=generator, device="cpu")


def _keys(
    begin: int,
    end: int,
    text: Text,
    topics: Tensor,
    shared: Tensor,
    vocabulary: Tensor,
    generator: torch.Generator,
) -> Tensor:
    """Activations [end - begin, head_dim] of the tokens at columns begin .. end-1."""
    tokens = end - begin
    spans = torch.randint(text.topics, (KEY_BLOCK // text.span,), generator=generator, device="cpu")
    topic = spans.repeat_interleave(text.span)[:tokens]
    word = torch.randint(text.vocabulary, (KEY_BLOCK,), generator=generator, device="cpu")[:tokens]
    keys = text.key_topic_strength * topics[topic] + vocabulary[word] + text.key_shared_strength * shared
    sinks = torch.arange(begin, end, device="cpu") < text.sinks
    return keys + sinks[:, None] * text.sink_strength * shared


def score(queries: Tensor, weights: Tensor, keys: Tensor) -> Tensor:
    """sum over h of weights[t, h] * ReLU(queries[t, h] . keys[s]): float32 [rows, columns].

    queries: float32 [rows, heads, head_dim]. weights: float32 [rows, heads]. keys: float32 [columns,
    head_dim]. A few rows at a time.
    """
    rows, heads, dim = queries.shape
    scores = torch.empty(rows, keys.shape[0], device=keys.device)
    step = max(1, PRODUCTS_AT_ONCE // (heads * keys.shape[0]))
    for begin in range(0, rows, step):
        some = queries[begin : begin + step]
        products = (some.reshape(-1, dim) @ keys.T).relu_().view(-1, heads, keys.shape[0])
        scores[begin : begin + step] = torch.einsum("th,ths->ts", weights[begin : begin + step], products)
    return scores
