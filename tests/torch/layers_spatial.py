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


def pool(n, a, kind):
    names = ("stride", "padding", "dilation", "ceil_mode", "count_include_pad")
    made = {k: tuple(n[k]) if isinstance(n[k], list) else bool(n[k]) if k[0] == "c" else n[k] for k in names if k in n}
    kernel = tuple(n["k"]) if isinstance(n["k"], list) else n["k"]
    return getattr(F, "%s_pool%dd" % (kind, a.dim() - 2))(a, *([n["p"]] if kind == "lp" else []), kernel, **made)


def steps(a):
    """Rounded to whole numbers, so that there are ties, with the gradient of what was not."""
    return a + (torch.round(a) - a).detach()


def max_pool(n, x, p, training):
    return pool(n, steps(x["a"]) if "ties" in n else x["a"], "max")


def avg_pool(n, x, p, training):
    return pool(n, x["a"], "avg")


def lp_pool(n, x, p, training):
    return pool(n, x["a"], "lp")


def adaptive(n, x, p, training):
    a = steps(x["a"]) if "ties" in n else x["a"]
    return getattr(F, "adaptive_%s_pool%dd" % (n["kind"], a.dim() - 2))(a, n["size"])


def global_pool(n, x, p, training):
    axes = list(range(2, x["a"].dim()))
    return x["a"].amax(axes, keepdim=True) if n["kind"] == "max" else x["a"].mean(axes, keepdim=True)


def shuffle(n, x, p, training):
    return getattr(F, n["kind"])(x["a"], n["by"])


def squeeze_excite(n, x, p, training):
    s = F.relu(F.conv2d(F.adaptive_avg_pool2d(x["a"], 1), p["l.fc1.weight"], p["l.fc1.bias"]))
    s = F.conv2d(s, p["l.fc2.weight"], p["l.fc2.bias"])
    return x["a"] * (torch.clamp(s / 6 + 0.5, 0, 1) if "hard" in n else torch.sigmoid(s))


def interpolate(n, x, p, training):
    made = {"size": n.get("size"), "scale_factor": n.get("scale"), "mode": n["mode"], "antialias": bool(n.get("antialias"))}
    if n["mode"][-2:] == "ar" or n["mode"] == "bicubic":
        made["align_corners"] = bool(n.get("align_corners"))
    return F.interpolate(x["a"], **made)


def grid_sample(n, x, p, training):
    return F.grid_sample(x["a"], x["b"], n["mode"], n["padding_mode"], bool(n["align_corners"]))


def affine_grid(n, x, p, training):
    return F.affine_grid(x["a"], [x["a"].shape[0], 1] + n["size"], bool(n["align_corners"]))


CASES = {f.__name__: f for f in (conv, conv_transpose, pad, max_pool, avg_pool, lp_pool, adaptive, global_pool, shuffle, squeeze_excite, interpolate,
                              grid_sample, affine_grid)}
MODULES = {
    "conv": lambda n, x: module(n, x, False),
    "conv_transpose": lambda n, x: module(n, x, True),
    "squeeze_excite": lambda n, x: torch.nn.Sequential(torch.nn.Conv2d(6, 4, 1), torch.nn.Conv2d(4, 6, 1)),
}
