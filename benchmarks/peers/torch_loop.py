"""PyTorch: the usual loop with fused Adam, eager, compiled, and (on a GPU) as a CUDA graph."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F


def versions() -> dict[str, str]:
    """What runs here."""
    return {"torch": torch.__version__}


class Images(nn.Module):
    """W2 and W4: convolutions on images that come as (N, H, W, C)."""

    def __init__(self, stack: nn.Module) -> None:
        super().__init__()
        self.stack = stack

    def forward(self, x: Any) -> Any:
        return self.stack(x.permute(0, 3, 1, 2))  # a view: channels come last in memory


class Reviews(nn.Module):
    """W3: the mean of embeddings."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.EmbeddingBag(10000, 16, mode="mean")
        self.hidden = nn.Linear(16, 16)
        self.last = nn.Linear(16, 1)

    def forward(self, x: Any) -> Any:
        return self.last(F.relu(self.hidden(self.embedding(x))))[:, 0]


def build(kind: str) -> nn.Module:
    """The model of a workload; its last layer gives logits."""
    if kind in ("W1", "W7"):
        return nn.Sequential(
            nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Dropout(0.2), nn.Linear(128, 10)
        )
    if kind == "W2":
        return Images(
            nn.Sequential(
                nn.Conv2d(1, 32, 3),
                nn.ReLU(),
                nn.Flatten(),
                nn.Linear(26 * 26 * 32, 128),
                nn.ReLU(),
                nn.Linear(128, 10),
            )
        )
    if kind == "W3":
        return Reviews()
    if kind == "W4":
        stack = nn.Sequential(
            nn.Conv2d(3, 32, 3),
            nn.ReLU(),
            nn.Conv2d(32, 32, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3),
            nn.ReLU(),
            nn.Conv2d(64, 64, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(1600, 512),
            nn.ReLU(),
            nn.Linear(512, 10),
        )
        return Images(stack.to(memory_format=torch.channels_last))
    if kind == "W5":
        block = nn.TransformerEncoderLayer(256, 4, 1024, dropout=0.0, batch_first=True)
        return nn.TransformerEncoder(block, 2, enable_nested_tensor=False)
    raise NotImplementedError


def loss_of(kind: str, y_pred: Any, y: Any) -> Any:
    """The mean loss of a batch."""
    if kind == "W3":
        return F.binary_cross_entropy_with_logits(y_pred, y)
    if kind == "W5":
        return F.mse_loss(y_pred, y)
    return F.cross_entropy(y_pred, y)


def trained(compiled: bool) -> Any:
    """The competitor that trains, or infers for the workloads W7."""

    def make(workload: str, data: Any, device: str) -> Any:
        place = torch.device("cuda" if device == "gpu" else "cpu")
        kind = workload.split()[0]
        model = build(kind).to(place)
        if kind == "W7":
            return _infer(model, data, place, compiled)
        x = torch.from_numpy(data["x"].copy()).to(place)
        y = torch.from_numpy(data["y"].copy()).to(place)
        y = y.float() if kind in ("W3", "W5") else y.long()
        batch = int(data["batch"])
        optimizer: Any = torch.optim.SGD(model.parameters(), lr=0.01)
        if kind != "W5":
            optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
        forward = torch.compile(model) if compiled else model
        steps = len(x) // batch

        def round() -> int:
            order = torch.randperm(len(x), device=place)
            loss = None
            for i in range(steps):
                rows = order[i * batch : (i + 1) * batch]
                optimizer.zero_grad(set_to_none=True)
                loss = loss_of(kind, forward(x.index_select(0, rows)), y.index_select(0, rows))
                loss.backward()
                optimizer.step()
            loss.item()
            return steps

        return round

    return make


def _infer(model: nn.Module, data: Any, place: Any, compiled: bool) -> Any:
    model.eval()
    model = nn.Sequential(model, nn.Softmax(dim=-1))
    x = torch.from_numpy(data["x"].copy()).to(place)
    times = int(data["times"])
    forward = torch.compile(model) if compiled else model

    def round() -> int:
        with torch.inference_mode():
            for _ in range(times):
                y = forward(x)
            y.sum().item()
        return times

    return round


def graphed(workload: str, data: Any, device: str) -> Any:
    """The whole step captured once as a CUDA graph, and replayed."""
    kind = workload.split()[0]
    if device != "gpu" or kind == "W7":
        raise NotImplementedError("CUDA graphs need a GPU and a training step")
    model = build(kind).cuda()
    x = torch.from_numpy(data["x"].copy()).cuda()
    y = torch.from_numpy(data["y"].copy()).cuda()
    y = y.float() if kind in ("W3", "W5") else y.long()
    batch = int(data["batch"])
    optimizer: Any = torch.optim.SGD(model.parameters(), lr=0.01)
    if kind != "W5":
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True, capturable=True)
    rows = torch.arange(batch, device="cuda")

    def step() -> Any:
        loss = loss_of(kind, model(x.index_select(0, rows)), y.index_select(0, rows))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=False)
        return loss

    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        loss = step()
    steps = len(x) // batch

    def round() -> int:
        order = torch.randperm(len(x), device="cuda")
        for i in range(steps):
            rows.copy_(order[i * batch : (i + 1) * batch])
            graph.replay()
        loss.item()
        return steps

    return round


COMPETITORS = {
    "eager": trained(False),
    "compile": trained(True),
    "CUDA graph": graphed,
}
