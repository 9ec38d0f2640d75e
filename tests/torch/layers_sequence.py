"""layers_sequence.py - norms, embedding, recurrent layers, attention and transformers as PyTorch computes them (layers.py)."""
import torch
import torch.nn.functional as F


def group_norm(n, x, p, training):
    return F.group_norm(x["a"], n["groups"], p.get("l.weight"), p.get("l.bias"), n["eps"])


def instance_norm(n, x, p, training):
    return F.instance_norm(x["a"], p.get("l.running_mean"), p.get("l.running_var"), p.get("l.weight"), p.get("l.bias"),
                           training or not n["track"], 0.1, 1e-5)


def embedding(n, x, p, training):
    if "padding" in n:
        assert training or not p["l.weight"][n["padding"]].any()
    return F.embedding(x["a"], p["l.weight"], n.get("padding"))


def prelu(n, x, p, training):
    return F.prelu(x["a"], p["l.weight"])


def bilinear(n, x, p, training):
    return F.bilinear(x["a"], x["b"], p["l.weight"], p["l.bias"])


def glu(n, x, p, training):
    return F.glu(x["a"], n["axis"])


CASES = {f.__name__: f for f in (group_norm, instance_norm, embedding, prelu, bilinear, glu)}
MODULES = {
    "group_norm": lambda n, x: torch.nn.GroupNorm(n["groups"], x["a"].shape[1], affine=n["groups"] == 3),
    "embedding": lambda n, x: torch.nn.Embedding(n["count"], 23 if n["count"] == 11 else 7, padding_idx=n.get("padding")),
    "prelu": lambda n, x: torch.nn.PReLU(1 if x["a"].dim() == 2 else 4),
    "bilinear": lambda n, x: torch.nn.Bilinear(x["a"].shape[-1], x["b"].shape[-1], 7),
}
