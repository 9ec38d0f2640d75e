"""layers_basic.py - dense, convolution and norms as PyTorch computes them (layers.py)."""
import torch
import torch.nn.functional as F


def dense(n, x, p, training):
    return F.linear(x["a"], p["l.weight"], p["l.bias"])


def conv2d(n, x, p, training):
    return F.conv2d(x["a"], p["l.weight"], p["l.bias"], stride=(2, 1), padding=(1, 0), groups=2)


def batch_norm(n, x, p, training):
    return F.batch_norm(x["a"], p["l.running_mean"], p["l.running_var"], p["l.weight"], p["l.bias"], training, 0.1, 1e-5)


def layer_norm(n, x, p, training):
    return F.layer_norm(x["a"], x["a"].shape[-2:], p["l.weight"], p["l.bias"])


def rms_norm(n, x, p, training):
    return F.rms_norm(x["a"], x["a"].shape[-1:], p["l.weight"], 1e-6)


CASES = {f.__name__: f for f in (dense, conv2d, batch_norm, layer_norm, rms_norm)}
MODULES = {
    "dense": lambda n, x: torch.nn.Linear(x["a"].shape[-1], 7),
    "conv2d": lambda n, x: torch.nn.Conv2d(4, 6, (3, 2), groups=2),
    "batch_norm": lambda n, x: torch.nn.BatchNorm1d(3),
    "layer_norm": lambda n, x: torch.nn.LayerNorm((3, 5)),
    "rms_norm": lambda n, x: torch.nn.RMSNorm(5),
}
