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


def recurrent_module(n, x, training=True):
    kinds = {"LSTM": torch.nn.LSTM, "GRU": torch.nn.GRU, "RNN": torch.nn.RNN}
    more = {k: n[k] for k in ("nonlinearity", "proj_size") if k in n}
    return kinds[n["kind"]](x["a"].shape[-1], n["units"], num_layers=n.get("layers", 1), bias=bool(n.get("bias", 1)),
                            batch_first=bool(n.get("batch_first", 0)), bidirectional=bool(n.get("bidirectional", 0)), **more)


def with_parameters(module, x, p, *arguments, **named):
    """The module's results with the parameters of p; their names without what stands before the first point."""
    return torch.func.functional_call(module.double(), {k.split(".", 1)[1]: v for k, v in p.items()}, arguments, named, strict=True)


def recurrent(n, x, p, training):
    module, a = recurrent_module(n, x), x["a"]
    batch_first = module.batch_first
    states = None
    width, loops = n.get("proj_size", n["units"]), n.get("layers", 1) * (1 + n.get("bidirectional", 0))
    batch = a.shape[0 if batch_first else 1]
    if "h_0" in n:
        states = x[n["h_0"]]
    if n["kind"] == "LSTM" and states is not None:
        states = (states, x[n["c_0"]] if "c_0" in n else torch.zeros(loops, batch, n["units"], dtype=a.dtype))
    if "lengths" in n:
        packed = torch.nn.utils.rnn.pack_padded_sequence(a, x[n["lengths"]] + 1, batch_first=batch_first, enforce_sorted=False)
        y, last = with_parameters(module, x, p, packed, states)
        y, _ = torch.nn.utils.rnn.pad_packed_sequence(y, batch_first=batch_first, total_length=a.shape[1 if batch_first else 0])
    else:
        y, last = with_parameters(module, x, p, a, states)
    return (y, *last) if n["kind"] == "LSTM" else (y, last)


CASES = {f.__name__: f for f in (group_norm, instance_norm, embedding, prelu, bilinear, glu, recurrent)}
MODULES = {
    "group_norm": lambda n, x: torch.nn.GroupNorm(n["groups"], x["a"].shape[1], affine=n["groups"] == 3),
    "embedding": lambda n, x: torch.nn.Embedding(n["count"], 23 if n["count"] == 11 else 7, padding_idx=n.get("padding")),
    "prelu": lambda n, x: torch.nn.PReLU(1 if x["a"].dim() == 2 else 4),
    "bilinear": lambda n, x: torch.nn.Bilinear(x["a"].shape[-1], x["b"].shape[-1], 7),
    "recurrent": recurrent_module,
}
