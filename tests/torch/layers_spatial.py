"""layers_spatial.py - convolutions and padding as PyTorch computes them (layers.py)."""
import torch
import torch.nn.functional as F


def settings(n):
    """Those of the case that torch.nn.ConvNd takes, lists as tuples."""
    names = ("stride", "dilation", "padding", "output_padding", "groups", "padding_mode", "bias")
    made = {k: tuple(n[k]) if isinstance(n[k], list) else n[k] for k in names if k in n}
    made["bias"] = bool(n.get("bias", 1))
    return made


def module(n, x, transposed):
    dims = x["a"].dim() - 2
    make = getattr(torch.nn, "Conv%s%dd" % ("Transpose" if transposed else "", dims))
    kernel = tuple(n["k"]) if isinstance(n["k"], list) else n["k"]
    return make(x["a"].shape[1], n["c"], kernel, **settings(n))


def apply(n, x, p, transposed):
    made = module(n, x, transposed).double()
    parameters = {"weight": p["l.weight"]}
    if "l.bias" in p:
        parameters["bias"] = p["l.bias"]
    return torch.func.functional_call(made, parameters, (x["a"],))


def conv(n, x, p, training):
    return apply(n, x, p, False)


def conv_transpose(n, x, p, training):
    return apply(n, x, p, True)


def pad(n, x, p, training):
    a = x["a"].unsqueeze(0)  # PyTorch pads at most the last three of five axes
    return F.pad(a, [3, 0, 1, 2, 2, 1], n["mode"])[0]


CASES = {f.__name__: f for f in (conv, conv_transpose, pad)}
MODULES = {"conv": lambda n, x: module(n, x, False), "conv_transpose": lambda n, x: module(n, x, True)}
