"""PyTorch: the usual loop with fused Adam, eager, compiled, and (on a GPU) as a CUDA graph."""

from __future__ import annotations

import gc
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
import torch_large
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


def build(kind: str, sizes: Any = ()) -> nn.Module:
    """The model of a workload; its last layer gives logits."""
    if kind in torch_large.MODELS:
        return torch_large.MODELS[kind](*map(int, sizes))
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


class Training:
    """A model, its data and its optimizer on a device."""

    def __init__(self, workload: str, data: Any, device: str, captured: bool = False) -> None:
        self.place = torch.device("cuda" if device == "gpu" else "cpu")
        self.kind = workload.split()[0]
        # Products of float32 are those of float32 for all peers; W8 and W9 ask for bfloat16.
        torch.set_float32_matmul_precision("highest")
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cudnn.benchmark = True
        self.model = build(self.kind, data.get("sizes", ())).to(self.place)
        if self.kind == "W8":
            self.model = self.model.to(memory_format=torch.channels_last)
        self.x = torch.from_numpy(data["x"].copy()).to(self.place)
        y = torch.from_numpy(data["y"].copy()).to(self.place)
        self.y = y.float() if self.kind in ("W3", "W5") else y.long()
        self.batch = int(data["batch"])
        self.steps = len(self.x) // self.batch
        self.parameters = sum(p.numel() for p in self.model.parameters())
        self.optimizer = self._optimizer(captured)

    def _optimizer(self, captured: bool) -> Any:
        weights = self.model.parameters()
        if self.kind == "W5":
            return torch.optim.SGD(weights, lr=0.01)
        if self.kind == "W8":
            return torch.optim.SGD(weights, lr=0.01, momentum=0.9, fused=True)
        return torch.optim.Adam(weights, lr=1e-3, eps=1e-7, fused=True, capturable=captured)

    def precision(self, captured: bool = False) -> AbstractContextManager[Any]:
        """What the forward run is in; a captured one may not remember its casts."""
        if self.kind not in torch_large.MODELS:
            return nullcontext()
        return torch.autocast(self.place.type, torch.bfloat16, cache_enabled=not captured)

    def loss(self, forward: Any, rows: Any, captured: bool = False) -> Any:
        """The mean loss of the samples with these numbers."""
        with self.precision(captured):
            y_pred = forward(self.x.index_select(0, rows))
        return loss_of(self.kind, y_pred, self.y.index_select(0, rows))


def trained(compiled: bool) -> Any:
    """The competitor that trains, or infers for the workloads W7."""

    def make(workload: str, data: Any, device: str) -> Any:
        if workload.startswith("W7"):
            return _infer(data, device, compiled)
        training = Training(workload, data, device)
        forward = torch.compile(training.model) if compiled else training.model
        batch, optimizer = training.batch, training.optimizer

        def round() -> int:
            order = torch.randperm(len(training.x), device=training.place)
            loss = None
            for i in range(training.steps):
                optimizer.zero_grad(set_to_none=True)
                loss = training.loss(forward, order[i * batch : (i + 1) * batch])
                loss.backward()
                optimizer.step()
            loss.item()
            return training.steps

        round.parameters = lambda: training.parameters  # type: ignore[attr-defined]
        return round

    return make


def _infer(data: Any, device: str, compiled: bool) -> Any:
    model = build("W7").to("cuda" if device == "gpu" else "cpu").eval()
    model = nn.Sequential(model, nn.Softmax(dim=-1))
    x = torch.from_numpy(data["x"].copy()).to(next(model.parameters()).device)
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
    if device != "gpu" or workload.startswith("W7"):
        raise NotImplementedError("CUDA graphs need a GPU and a training step")
    training = Training(workload, data, device, captured=True)
    batch, optimizer = training.batch, training.optimizer
    rows = torch.arange(batch, device="cuda")

    def step() -> Any:
        loss = training.loss(training.model, rows, captured=True)
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

    def round() -> int:
        order = torch.randperm(len(training.x), device="cuda")
        for i in range(training.steps):
            rows.copy_(order[i * batch : (i + 1) * batch])
            graph.replay()
        loss.item()
        return training.steps

    round.parameters = lambda: training.parameters  # type: ignore[attr-defined]
    return round


def forget() -> None:
    """Give memory back before the next workload."""
    torch.compiler.reset()
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


COMPETITORS = {
    "eager": trained(False),
    "compile": trained(True),
    "CUDA graph": graphed,
}
