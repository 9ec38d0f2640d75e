#!/usr/bin/env python3
"""optimizers.py - PyTorch trains what torch-optimizers (tests/torch/optimizers.c) printed, in double precision on the CPU, with its own optimizers
(Lion and LAMB, which it does not have, as their papers write them), and the two are compared.

  optimizers.py FILE     compare; exits non-zero where they differ
"""
import sys

import torch

STEPS = 20


class Lion(torch.optim.Optimizer):
    """Chen et al. 2023, algorithm 2"""

    def __init__(self, groups, lr, weight_decay, betas=(0.9, 0.99)):
        super().__init__(groups, {"lr": lr, "weight_decay": weight_decay})
        self.betas = betas

    @torch.no_grad()
    def step(self):
        b1, b2 = self.betas
        for group in self.param_groups:
            for p in group["params"]:
                m = self.state[p].setdefault("m", torch.zeros_like(p))
                c = b1 * m + (1 - b1) * p.grad
                p -= group["lr"] * (torch.sign(c) + group["weight_decay"] * p)
                self.state[p]["m"] = b2 * m + (1 - b2) * p.grad


class Lamb(torch.optim.Optimizer):
    """You et al. 2020, algorithm 2, with phi(z) = z"""

    def __init__(self, groups, lr, weight_decay, betas=(0.9, 0.999), eps=1e-6):
        super().__init__(groups, {"lr": lr, "weight_decay": weight_decay})
        self.betas, self.eps, self.t = betas, eps, 0

    @torch.no_grad()
    def step(self):
        b1, b2 = self.betas
        self.t += 1
        for group in self.param_groups:
            for p in group["params"]:
                m, v = self.state[p].get("mv", (torch.zeros_like(p), torch.zeros_like(p)))
                m, v = b1 * m + (1 - b1) * p.grad, b2 * v + (1 - b2) * p.grad ** 2
                self.state[p]["mv"] = (m, v)
                r = m / (1 - b1 ** self.t) / (torch.sqrt(v / (1 - b2 ** self.t)) + self.eps) + group["weight_decay"] * p
                size, length = p.norm(), r.norm()
                p -= group["lr"] * (size / length if size > 0 and length > 0 else 1) * r


def optimizer(name, n, groups, lr):
    decay = n.get("decay", 0)
    make = {
        "sgd": lambda: torch.optim.SGD(groups, lr, momentum=n["momentum"], nesterov="nesterov" in n, weight_decay=decay),
        "adam": lambda: torch.optim.Adam(groups, lr, amsgrad="amsgrad" in n, weight_decay=decay),
        "adamw": lambda: torch.optim.AdamW(groups, lr, amsgrad="amsgrad" in n, weight_decay=decay),
        "rmsprop": lambda: torch.optim.RMSprop(groups, lr, alpha=n.get("alpha", 0.99), momentum=n.get("momentum", 0), centered="centered" in n,
                                               weight_decay=decay),
        "adagrad": lambda: torch.optim.Adagrad(groups, lr, lr_decay=n.get("lr_decay", 0), initial_accumulator_value=n.get("initial", 0),
                                               weight_decay=decay),
        "adadelta": lambda: torch.optim.Adadelta(groups, lr, weight_decay=decay),
        "adamax": lambda: torch.optim.Adamax(groups, lr, weight_decay=decay),
        "lion": lambda: Lion(groups, lr, decay),
        "lamb": lambda: Lamb(groups, lr, decay)}
    return make[name]()


def tensor(shape, numbers):
    return torch.tensor([float(k) for k in numbers], dtype=torch.float64).reshape([int(k) for k in shape.split(",")] if shape != "-" else [])


def read(path):
    """[(name, numbers, leaves, rates, results)]"""
    cases = []
    for line in open(path):
        words = line.split()
        if words[:1] == ["case"]:
            cases.append([words[1], {k: float(v) for k, v in (w.split("=") for w in words[2:])}, {}, [], {}])
        elif words[:1] == ["schedule"]:
            cases.append([words[1], {k: float(v) for k, v in (w.split("=") for w in words[2:])}, None, [], {}])
        elif words[:1] == ["leaf"]:
            cases[-1][2][words[1]] = tensor(words[2], words[3:])
        elif words[:1] == ["rates"]:
            cases[-1][3] = [float(w) for w in words[1:]]
        elif words[:1] == ["out"]:
            cases[-1][4][words[1]] = tensor(words[2], words[3:])
    return cases


def rates_of(name, n, count):
    """What the optimizer's rate is in each update"""
    o = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 0.3)
    lr = torch.optim.lr_scheduler
    if name == "table":
        return [[0.5, 0.25, 0.75, 0.125][min(k, 3)] for k in range(count)]
    if name == "plateau":
        s = lr.ReduceLROnPlateau(o, "max" if "rises" in n else "min", factor=n["factor"], patience=int(n["patience"]), cooldown=int(n["cooldown"]),
                                 threshold=n["threshold"], threshold_mode="abs" if "absolute" in n else "rel", min_lr=n["min"])
        rates = []
        for k in range(count):
            s.step(1 + 10 / (k // 5 + 1) + (k * 7 % 5) / 16)
            rates.append(o.param_groups[0]["lr"])
        return rates
    make = {
        "step": lambda: lr.StepLR(o, int(n["every"]), 0.4),
        "multi_step": lambda: lr.MultiStepLR(o, [3, 11, 20], 0.4),
        "exponential": lambda: lr.ExponentialLR(o, 0.9),
        "cosine": lambda: lr.CosineAnnealingLR(o, 30, 0.01),
        "polynomial": lambda: lr.PolynomialLR(o, 37, n["power"]),
        "linear": lambda: lr.LinearLR(o, 1.0, n["end"], 37),
        "restarts": lambda: lr.CosineAnnealingWarmRestarts(o, 11 if n["factor"] == 1 else 5, int(n["factor"]), 0.01 if n["factor"] == 1 else 0),
        "one_cycle": lambda: lr.OneCycleLR(o, 0.3, count, pct_start=n["share"], anneal_strategy="linear" if "linear" in n else "cos",
                                           cycle_momentum=False, div_factor=n["rise"], final_div_factor=n["fall"], three_phase="three" in n),
        "warmup": lambda: lr.LinearLR(o, 0.25, 1.0, 9)}
    s, rates = make[name](), []
    for k in range(count):
        rates.append(o.param_groups[0]["lr"])
        o.step()
        if k + 1 < count:
            s.step()
    return rates


def train(name, n, leaves, rates):
    out = {}
    x, y = leaves["x"], leaves["y"]
    p = {k: v.clone().requires_grad_() for k, v in leaves.items() if k not in "xy"}
    groups = [{"params": [v for k, v in p.items() if not k.endswith("bias")]},
              {"params": [v for k, v in p.items() if k.endswith("bias")], "weight_decay": 0.02}]
    o, averages = optimizer(name, n, groups, rates[0]), None
    for step in range(STEPS):
        o.param_groups[0]["lr"], o.param_groups[1]["lr"] = rates[step], 2 * rates[step]
        o.zero_grad()
        h = torch.tanh(torch.nn.functional.linear(x, p["a.weight"], p["a.bias"]))
        loss = torch.mean((torch.nn.functional.linear(h, p["b.weight"], p["b.bias"]) - y) ** 2)
        loss.backward()
        o.step()
        out["loss.%d" % step] = loss
        now = {k: v.detach().clone() for k, v in p.items()}
        d = min(n.get("ema", 0), (1 + step) / (10 + step)) if "warmup" in n else n.get("ema", 0)
        averages = {k: d * averages[k] + (1 - d) * now[k] for k in now} if averages else now
    out.update({"after." + k: v for k, v in p.items()})
    out.update({"average." + k: v for k, v in averages.items()})
    return {k: v.detach() for k, v in out.items()}


def main():
    torch.set_num_threads(1)
    failures, compared, worst = 0, 0, 0
    for name, n, leaves, rates, results in read(sys.argv[1]):
        if leaves is None:
            for k, (got, want) in enumerate(zip(rates, rates_of(name, n, len(rates)))):
                compared += 1
                if abs(got - want) > 1e-12 * abs(want) + 1e-16:
                    failures += 1
                    print(name, n, "rate", k, "is", got, "and PyTorch's", want)
            continue
        want = train(name, n, leaves, rates)
        for key, got in results.items():
            scale = want[key].abs().max().item()
            error = ((got - want[key]).abs() / (want[key].abs() + scale)).max().item()
            worst = max(worst, error)
            compared += got.numel()
            if not error <= 1e-4:
                failures += 1
                print(name, n, key, "is off by", error)
    print("PyTorch %s: %d numbers of optimizers and schedules compared, %d values wrong; the largest error, as part of the largest number: %.1e" %
          (torch.__version__, compared, failures, worst))
    sys.exit(failures > 0)


main()
