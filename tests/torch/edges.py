#!/usr/bin/env python3
"""edges.py - PyTorch computes what torch-edges (tests/torch/edges.c) printed, on the CPU, and the two are compared.

  edges.py FILE      compare; exits non-zero where they differ otherwise than DIFFERENCES says
  edges.py --can     is this PyTorch new enough? Exits with 77 and a sentence if not

The device is held to PyTorch in f32, the definition (tuff_evaluate's double precision) to PyTorch in f64. NaN is NaN, an infinity one of its
sign, zeros of results have their signs; numbers are near. Where f32 itself is off (cancellation in PyTorch), a device may be as near to f64.
"""
import math
import re
import sys

sys.dont_write_bytecode = True
import torch
import torch.nn.functional as F

TINY = 1.2e-38  # denormals may be flushed
F32_MAX = torch.finfo(torch.float32).max
TYPES = {"i32": torch.int32, "bool": torch.bool}


# ---- the file -----------------------------------------------------------------------------------------------------------------------------

def read(path):
    """[(name, numbers, inputs, results)]: one for each case and way; inputs name -> (type, tensor of f64), results (way, by, name) -> tensor."""
    cases = []
    for line in open(path):
        words = line.split()
        if not words or words[0] not in ("case", "in", "out"):
            continue
        if words[0] == "case":
            cases.append((words[1], {k: float(v) for k, v in (w.split("=") for w in words[2:])}, {}, {}))
            continue
        at = 3 if words[0] == "in" else 4
        shape = [] if words[at] == "-" else [int(n) for n in words[at].split(",")]
        values = torch.tensor([float(w) for w in words[at + 1:]], dtype=torch.float64).reshape(shape)
        if words[0] == "in":
            cases[-1][2][words[1]] = (words[2], values)
        else:
            cases[-1][3][tuple(words[1:4])] = values
    return cases


# ---- what PyTorch computes ------------------------------------------------------------------------------------------------------------------

ROWS = {
    "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b, "div": lambda a, b: a / b, "mod": torch.remainder, "fmod": torch.fmod, "pow": torch.pow,
    "minimum": torch.minimum, "maximum": torch.maximum, "neg": torch.neg, "abs": torch.abs, "square": torch.square,
    "reciprocal": torch.reciprocal, "sqrt": torch.sqrt, "rsqrt": torch.rsqrt, "exp": torch.exp, "log": torch.log, "sin": torch.sin,
    "cos": torch.cos, "erf": torch.erf, "tan": torch.tan, "asin": torch.asin, "acos": torch.acos,
    "atan": torch.atan, "sinh": torch.sinh, "cosh": torch.cosh, "asinh": torch.asinh, "acosh": torch.acosh, "atanh": torch.atanh, "floor": torch.floor, "ceil": torch.ceil, "round": torch.round, "is_finite": torch.isfinite,
    "sign": torch.sign, "relu": torch.relu, "relu6": F.relu6, "sigmoid": torch.sigmoid, "tanh": torch.tanh, "softplus": F.softplus, "silu": F.silu,
    "mish": F.mish, "gelu": F.gelu, "gelu_tanh": lambda a: F.gelu(a, approximate="tanh"), "hardsigmoid": F.hardsigmoid,
    "hardswish": F.hardswish, "equal": torch.eq, "not_equal": torch.ne, "less": torch.lt, "less_equal": torch.le, "greater": torch.gt,
    "greater_equal": torch.ge, "bce_logits": lambda a, b: F.binary_cross_entropy_with_logits(a, b, reduction="none"),
}
ROWS_WITH_NUMBERS = {
    "affine": lambda a, p, q: a * p + q, "clamp": torch.clamp, "pow_const": lambda a, p, q: torch.pow(a, p),
    "leaky_relu": lambda a, p, q: F.leaky_relu(a, p), "elu": lambda a, p, q: F.elu(a, p),
}


def row(name, numbers, x):
    operands = [x["a"]] + ([x["b"]] if "b" in x else [])
    if name in ROWS_WITH_NUMBERS:
        return {"y": ROWS_WITH_NUMBERS[name](x["a"], numbers["p0"], numbers["p1"])}
    return {"y": ROWS[name](*operands)}


def integers(n, x):
    a, b = x["a"], x["b"]
    return {"add": a + b, "sub": a - b, "mul": a * b, "neg": -a, "square": a * a, "minimum": torch.minimum(a, b),
            "maximum": torch.maximum(a, b), "less": a < b, "equal": a == b, "sum": a.sum(dtype=torch.int32), "f32": a.float()}


def casts(n, x):
    half = {"f16": torch.float16, "bf16": torch.bfloat16}
    y = {name: x["x"].to(kind) for name, kind in half.items()}
    y.update({"h." + name: x["h"].to(kind) for name, kind in half.items()})
    y.update({"bool": x["x"].to(torch.bool), "i32": x["i"].to(torch.int32)})
    return y


def cumsum(n, x):
    v = x["x"].flip(1) if n["reverse"] else x["x"]
    if n["exclusive"]:
        v = torch.cat([torch.zeros_like(v[:, :1]), v[:, :-1]], 1)
    y = v.cumsum(1)
    return {"y": y.flip(1) if n["reverse"] else y}


def topk(n, x):
    values, places = torch.sort(x["x"], dim=1, descending=not n["smallest"], stable=True)
    k = int(n["k"])
    return {"y": values[:, :k], "indices": places[:, :k]}


def cross_entropy(n, x, reduction="none"):
    return {"y": F.cross_entropy(x["x"], x["labels"].long(), weight=x["w"].detach() if "w" in x else None, ignore_index=int(n["ignore"]),
                                 label_smoothing=n["smooth"], reduction=reduction)}


def max_pool(n, x):
    k = [int(n[w]) for w in ("kernel", "stride", "pad", "dilation")]
    return {"y": F.max_pool2d(x["x"], *k, ceil_mode=bool(n["ceil"]))}


def avg_pool(n, x):
    k = [int(n[w]) for w in ("kernel", "stride", "pad")]
    return {"y": F.avg_pool2d(x["x"], *k, ceil_mode=bool(n["ceil"]), count_include_pad=bool(n["include"]))}


def batch_norm(n, x):
    mean, var = x["mean"].detach().clone(), x["var"].detach().clone()
    y = F.batch_norm(x["x"], mean, var, x["w"], x["b"], training=True, momentum=0.1, eps=n["eps"])
    return {"y": y, "mean": mean, "var": var}


def rms_norm(n, x):
    v = x["x"]
    return {"y": v * torch.rsqrt(v.square().mean(-1, keepdim=True) + n["eps"]) * x["w"]}


def attention(n, x):
    mask = x.get("mask")
    return {"y": F.scaled_dot_product_attention(x["q"], x["k"], x["v"], attn_mask=mask, is_causal=bool(n["causal"]))}


def where(n, x):
    one, zero = torch.ones((), dtype=x["a"].dtype), torch.zeros((), dtype=x["a"].dtype)
    return {"y": torch.where(x["c"], torch.log(torch.where(x["c"], x["a"], one)), zero)}


def training(n, x):
    names = ["conv.weight", "conv.bias", "norm.weight", "norm.bias", "out.weight", "out.bias"]
    p = [x[name].detach().clone().requires_grad_() for name in names]
    mean, var = x["norm.running_mean"].detach().clone(), x["norm.running_var"].detach().clone()
    out = {}
    for step in range(4):
        rows = x["x"].shape[0] if n["fit"] or step % 2 == 0 else int(n["rest"])
        y = F.batch_norm(F.conv2d(x["x"][:rows], p[0], p[1]), mean, var, p[2], p[3], training=True, momentum=0.1, eps=1e-5)
        y = F.linear(torch.relu(y).flatten(1), p[4], p[5])
        loss = F.cross_entropy(y, x["labels"][:rows].long())
        grads = torch.autograd.grad(loss, p)
        with torch.no_grad():
            for v, g in zip(p, grads):
                v -= 0.125 * g
        out["loss.%d" % step] = loss
        for name, v in zip(names + ["norm.running_mean", "norm.running_var"], p + [mean, var]):
            out["%s.%d" % (name, step)] = v.detach().clone()
    return out


CASES = {
    "integers": integers, "casts": casts, "cumsum": cumsum, "topk": topk, "cross_entropy": cross_entropy,
    "cross_entropy_mean": lambda n, x: cross_entropy(n, x, "mean"), "max_pool": max_pool, "avg_pool": avg_pool, "batch_norm": batch_norm,
    "sum": lambda n, x: {"y": x["x"].sum(int(n["axis"]))}, "mean": lambda n, x: {"y": x["x"].mean(int(n["axis"]))},
    "amax": lambda n, x: {"y": torch.amax(x["x"], int(n["axis"]))}, "amin": lambda n, x: {"y": torch.amin(x["x"], int(n["axis"]))},
    "logsumexp": lambda n, x: {"y": torch.logsumexp(x["x"], int(n["axis"]))},
    "argmax": lambda n, x: {"y": x["x"].argmax(1)}, "argmin": lambda n, x: {"y": x["x"].argmin(1)},
    "softmax": lambda n, x: {"y": torch.softmax(x["x"], int(n["axis"]))},
    "log_softmax": lambda n, x: {"y": torch.log_softmax(x["x"], int(n["axis"]))},
    "layer_norm": lambda n, x: {"y": F.layer_norm(x["x"], x["x"].shape[-1:], x["w"], x["b"], n["eps"])},
    "group_norm": lambda n, x: {"y": F.group_norm(x["x"], 2, x["w"], x["b"], n["eps"])}, "rms_norm": rms_norm, "attention": attention,
    "mse": lambda n, x: {"y": F.mse_loss(x["x"], x["target"], reduction="none")},
    "l1": lambda n, x: {"y": F.l1_loss(x["x"], x["target"], reduction="none")},
    "smooth_l1": lambda n, x: {"y": F.smooth_l1_loss(x["x"], x["target"], reduction="none")},
    "bce": lambda n, x: {"y": F.binary_cross_entropy_with_logits(x["x"], x["target"], reduction="none")},
    "matmul": lambda n, x: {"y": x["a"] @ x["b"]}, "gather": lambda n, x: {"y": x["a"][x["at"].long()]}, "where": where, "training": training,
}


def compute(name, numbers, inputs, results, kind):
    """Results by name, and gradients "d" + the input's name of y by those inputs that the case has gradients of."""
    wanted = {key[2] for key in results}
    x = {}
    for key, (type_name, values) in inputs.items():
        x[key] = values.to(TYPES[type_name]) if type_name in TYPES else values.to(torch.float32).to(kind)
        if "d" + key in wanted:
            x[key].requires_grad_()
    y = row(name[4:], numbers, x) if name.startswith("row/") else CASES[name](numbers, x)
    by = [key for key in x if "d" + key in wanted]
    if by and not y["y"].requires_grad:  # truths
        y.update({"d" + key: torch.zeros_like(x[key]) for key in by})
    elif by:
        weight = (torch.arange(y["y"].numel()) % 3 + 1).to(kind).reshape(y["y"].shape)
        got = torch.autograd.grad(y["y"], [x[key] for key in by], weight, allow_unused=True)
        for key, g in zip(by, got):
            y["d" + key] = torch.zeros_like(x[key]) if g is None else g
    return {key: v.detach().double() for key, v in y.items()}


# ---- where Tuff differs on purpose --------------------------------------------------------------------------------------------------------------

class At:
    """One element that differs, for a rule: its case, its numbers and operands (as far as they have the result's shape), PyTorch's and Tuff's number."""

    def __init__(self, numbers, x, got, torch32, torch64):
        self.n, self.x, self.got, self.f32, self.f64 = numbers, x, got, torch32, torch64


# (case, result, rule, reason): both names are regular expressions; docs/numerics.md says the same. A row that nothing needs is an error.
INF = math.inf
GATED = "row/(silu|mish|gelu|gelu_tanh|hardswish)"
DIFFERENCES = [
    (GATED, "y|da", lambda e: abs(e.x["a"]) == INF and math.isnan(e.f32), "the limit at infinity; PyTorch multiplies 0 and infinity"),
    ("row/(minimum|maximum)", "y", lambda e: e.got == 0 and e.f32 == 0, "-0 is below +0 (IEEE 754, 9.6); PyTorch takes the first or the second"),
    ("row/mod", "y", lambda e: e.got == 0 and e.f32 == 0, "a zero has the sign of b, as Python's; PyTorch keeps that of a"),
    ("row/(mod|fmod)", "db", lambda e: e.x["b"] == 0 or abs(e.x["b"]) > 2e38 or abs(e.x["a"]) > 3e38, "(y - a) / b, which overflows, and is NaN where y is; PyTorch rounds a / b"),
    ("row/acosh", "da", lambda e: e.x["a"] == -1 and abs(e.got) == INF, "of what has no result the sign is nobody's"),
    ("row/relu", "y", lambda e: e.x["a"] == 0, "+0 of -0, the maximum with +0"),
    ("row/elu", "y", lambda e: e.x["a"] == 0, "-0 of -0, as expm1 (C99, F.9.3.3)"),
    ("row/elu", "da", lambda e: math.isnan(e.x["a"]), "the gradient itself, as PyTorch's scalars and CUDA; its vectors on the CPU give NaN"),
    ("row/pow", "db", lambda e: abs(e.x["a"]) == INF and e.got == 0 or e.x["a"] < 0 and e.got == 0, "0 where the power is 0"),
    ("row/pow_const", "y|da", lambda e: abs(e.n["p0"]) == .5 and e.x["a"] in (0, -INF), "C99, F.9.4.4; PyTorch takes the root, and its sign of -0"),
    ("row/bce_logits|bce", "y|da|dx", lambda e: abs(e.x.get("a", e.x.get("x"))) == INF and math.isnan(e.f32), "the limit; PyTorch subtracts infinities"),
    ("row/bce_logits|bce", "y", lambda e: e.f32 == 0 and e.got > 3.9, "a b beside a: PyTorch's 1 - b loses b"),
    ("logsumexp", "dx", lambda e: e.x["x"] == -INF and e.got == 0, "of -infinity alone 0; PyTorch: NaN"),
    ("logsumexp", "dx", lambda e: e.x["x"] == F32_MAX and e.got < e.f32, "softmax of equal ones; PyTorch's e^(x - y), y rounded, is 1 for each"),
    ("sum|mean", "y", lambda e: abs(e.got) == INF and e.f64 == 0, "an overflow on the way: PyTorch adds in another order"),
    ("cumsum", "y", lambda e: abs(e.got - e.f64) <= 2 * 2**24 * 2**-23 * 3 or abs(e.got) == INF, "one after the other in f32; PyTorch adds in f64"),
    ("cross_entropy.*", "dx", lambda e: e.got == 0 and math.isnan(e.f32) and e.n["ignore"] >= 0, "what is ignored has no gradient, of NaN too"),
    ("(layer|group|batch)_norm", "dx", lambda e: e.n["eps"] == 0 and math.isnan(e.got) and abs(e.f64) > 1e15, "the cube of 1 / deviation overflows"),
    ("attention", "y", lambda e: e.n["wild"] and math.isnan(e.got) and e.f32 == 0, "a NaN goes on; PyTorch's kernel takes such a row for one that sees nothing"),
    ("attention", "y|dq|dmask", lambda e: e.n["wild"] and e.got == 0 and math.isnan(e.f32), "what is not seen takes no part, were it NaN"),
]


# ---- comparing ------------------------------------------------------------------------------------------------------------------------------

def close(got, want, relative, absolute, device):
    if math.isnan(want):
        return math.isnan(got)
    if abs(want) > F32_MAX:
        return (math.isinf(got) if device else abs(got) > F32_MAX) and (got > 0) == (want > 0)
    return abs(got - want) <= relative * abs(want) + absolute + TINY


def tolerances(name, result):
    if name == "training":
        return 2e-5, 2e-5
    if "norm" in name or name == "attention":
        return 2e-5, 1e-5
    if name in ("integers", "casts", "topk", "argmax", "argmin", "gather", "max_pool"):
        return 0, 0
    return 4e-6, 3e-6


def operands_at(inputs, shape, k):
    return {key: v.flatten()[k].item() for key, (_, v) in inputs.items() if list(v.shape) == list(shape)}


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if sys.argv[1] == "--can":
        old = tuple(int(n) for n in torch.__version__.split(".")[:2]) < (2, 5)  # what attention gives for a row that sees nothing
        if old:
            print("skipped: PyTorch %s is older than 2.5: sh tests/run_torch.sh make" % torch.__version__)
        sys.exit(77 if old else 0)
    torch.set_num_threads(1)
    failures, compared, used, names = 0, 0, [0] * len(DIFFERENCES), set()
    for name, numbers, inputs, results in read(sys.argv[1]):
        names.add(name)
        single, double = (compute(name, numbers, inputs, results, kind) for kind in (torch.float32, torch.float64))
        relative, absolute = tolerances(name, None)
        told = 0
        for (way, by, result), got in results.items():
            if result not in single or single[result].shape != got.shape:
                print(name, numbers, result, "expected", single.get(result, torch.zeros(0)).shape, "got", got.shape)
                failures += 1
                continue
            pairs = zip(got.flatten().tolist(), single[result].flatten().tolist(), double[result].flatten().tolist())
            for k, (g, s, d) in enumerate(pairs):
                compared += 1
                device = by == "device"
                fine = close(g, s if device else d, relative, absolute, device) or (device and close(g, d, relative, absolute, True))
                signs = result == "y" and name.startswith("row/") and g == 0 and s == 0
                if fine and not (signs and math.copysign(1, g) != math.copysign(1, s)):
                    continue
                at = At(numbers, operands_at(inputs, got.shape, k), g, s, d)
                rule = next((i for i, (c, r, f, _) in enumerate(DIFFERENCES)
                             if re.fullmatch(c, name) and re.fullmatch(r, result) and f(at)), None)
                if rule is not None:
                    used[rule] += 1
                    continue
                failures += 1
                told += 1
                if told <= 12:
                    print("%s %s, %s by %s, %s[%d] of %s: PyTorch f32 %.9g, f64 %.9g, got %.9g" %
                          (name, " ".join("%s=%g" % item for item in numbers.items()), way, by, result, k, at.x, s, d, g))
    for missing in sorted((set(CASES) | {"row/" + r for r in list(ROWS) + list(ROWS_WITH_NUMBERS)}) - names):
        print(missing, "has no case")
        failures += 1
    for count, (case, result, _, reason) in zip(used, DIFFERENCES):
        if count == 0:
            print("nothing differs as said of", case, result, "-", reason)
            failures += 1
    print("PyTorch %s: %d numbers compared, %d differ on purpose, %d otherwise" % (torch.__version__, compared, sum(used), failures))
    sys.exit(failures > 0)


main()
