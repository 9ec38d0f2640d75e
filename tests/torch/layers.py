#!/usr/bin/env python3
"""layers.py - PyTorch computes, differentiates and trains what torch-layers (tests/torch/layers.c) printed, in double precision on the CPU, and
the two are compared.

  layers.py FILE     compare; exits non-zero where they differ
  layers.py --can    is this PyTorch new enough? Exits with 77 and a sentence if not

The functions are those of the modules layers_*.py beside this file: each case has one of its name in CASES,
    def name(n, x, p, training): return y0 or (y0, y1, ..)
with n the case's numbers and words, x its inputs a, b, .., p parameters and states by name (states may be written in place). In MODULES it may
have the layer as PyTorch makes it, `lambda n, x: torch.nn.Linear(11, 7)`: what Tuff's parameters begin with then has the deviation and the
bounds of that module's, taken in the order in which both declare them.
"""
import glob
import importlib
import math
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import torch

RATE, MOMENTUM, STEPS = 0.05, 0.9, 10
TYPES = {"i32": torch.int64, "bool": torch.bool, "f32": torch.float64}


def word(text):
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return [word(k) for k in text.split(",")] if "," in text else text


def tensor(shape, numbers):
    return torch.tensor([float(k) for k in numbers], dtype=torch.float64).reshape([int(k) for k in shape.split(",")] if shape != "-" else [])


def read(path):
    """[(name, numbers, inputs, leaves, results)]; results by (by, name)."""
    cases = []
    for line in open(path):
        words = line.split()
        if not words:
            continue
        if words[0] == "case":
            cases.append((words[1], dict((k, word(v)) for k, v in (w.split("=") for w in words[2:])), {}, {}, {}))
        elif words[0] == "in":
            cases[-1][2][words[1]] = tensor(words[3], words[4:]).to(TYPES[words[2]])
        elif words[0] == "leaf":
            cases[-1][3][words[1]] = tensor(words[2], words[3:])
        elif words[0] == "out":
            cases[-1][4][(words[1], words[2])] = tensor(words[3], words[4:])
    return cases


def results_of(function, n, x, p, training):
    y = function(n, x, p, training)
    return list(y) if isinstance(y, (tuple, list)) else [y]


def compute(function, n, inputs, leaves, wanted):
    """Everything that torch-layers prints, by name; wanted are its names."""
    out = {}
    x = {k: v.clone() for k, v in inputs.items() if k != "w"}
    p = {k: v.clone() for k, v in leaves.items()}
    by = {name[2:]: x[name[2:]] if name[2:] in x else p[name[2:]] for name in wanted if name.startswith("d.")}
    for v in by.values():
        v.requires_grad_()
    y = results_of(function, n, x, p, False)
    for i, v in enumerate(y):
        out["y%d" % i] = v
    if by:
        gradients = torch.autograd.grad(y[0], list(by.values()), inputs["w"], allow_unused=True)
        for (name, v), g in zip(by.items(), gradients):
            out["d." + name] = torch.zeros_like(v) if g is None else g
    if "loss.0" in wanted:
        trained = [name[2:] for name in wanted if name.startswith("d.") and name[2:] in leaves]
        p = {k: v.clone() for k, v in leaves.items()}
        for k in trained:
            p[k].requires_grad_()
        sgd = torch.optim.SGD([p[k] for k in trained], lr=RATE, momentum=MOMENTUM)
        for step in range(STEPS):
            sgd.zero_grad()
            loss = torch.mean((results_of(function, n, x, p, True)[0] - inputs["w"]) ** 2)
            loss.backward()
            sgd.step()
            out["loss.%d" % step] = loss
        for k, v in p.items():
            out["after." + k] = v
    return {k: v.detach().double() for k, v in out.items()}


def begins_alike(name, module, leaves):
    """Deviation and bound of what each of at least 200 numbers begins with, beside 20 of PyTorch's own."""
    told = []
    parameters = [k for k in leaves]
    modules = [module() for _ in range(20)]
    theirs = [list(m.parameters()) for m in modules]
    if len(theirs[0]) > len(parameters):
        return ["%s: PyTorch has %d parameters, Tuff %d" % (name, len(theirs[0]), len(parameters))]
    for i, own in enumerate(theirs[0]):
        mine, all_ = leaves[parameters[i]], torch.stack([t[i].detach().double() for t in theirs])
        if mine.shape != own.shape:
            told.append("%s: %s is %s, PyTorch's %s" % (name, parameters[i], list(mine.shape), list(own.shape)))
        bound = all_.abs().max().item()
        few = mine.numel() < 200
        normal = bound > 2 * all_.std()  # a uniform number reaches 1.73 deviations
        if mine.abs().max().item() > (1.5 if normal else 1.02) * bound:
            told.append("%s: %s reaches %g, PyTorch's %g" % (name, parameters[i], mine.abs().max(), bound))
        if not few and not math.isclose(mine.std().item(), all_.std().item(), rel_tol=0.2, abs_tol=1e-9):
            told.append("%s: the deviation of %s is %g, PyTorch's %g" % (name, parameters[i], mine.std(), all_.std()))
    return told


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if sys.argv[1] == "--can":
        old = tuple(int(n) for n in torch.__version__.split(".")[:2]) < (2, 5)
        if old:
            print("skipped: PyTorch %s is older than 2.5: sh tests/run_torch.sh make" % torch.__version__)
        sys.exit(77 if old else 0)
    torch.set_num_threads(1)
    torch.manual_seed(1)
    functions, modules = {}, {}
    for path in sorted(glob.glob(os.path.join(os.path.dirname(os.path.abspath(__file__)), "layers_*.py"))):
        part = importlib.import_module(os.path.basename(path)[:-3])
        functions.update(part.CASES)
        modules.update(part.MODULES)
    failures, compared, worst, names = 0, 0, {}, set()
    for name, n, inputs, leaves, results in read(sys.argv[1]):
        names.add(name)
        want = compute(functions[name], n, inputs, leaves, {key for _, key in results})
        told = begins_alike(name, lambda: modules[name](n, inputs), leaves) if name in modules else []
        for (by, key), got in results.items():
            if key not in want or want[key].shape != got.shape:
                told.append("%s of shape %s, PyTorch's %s" % (key, list(got.shape), list(want[key].shape) if key in want else "is not there"))
                continue
            relative = 1e-12 if by == "definition" else 2e-5 if by == "device" else 2e-4
            scale = max(1e-30, want[key].abs().max().item() if got.numel() else 0)
            error = ((got - want[key]).abs() / (relative * (want[key].abs() + scale)))
            compared += got.numel()
            if got.numel() and not error.max().item() <= 1:
                at = error.argmax().item() if not error.isnan().any() else error.isnan().flatten().int().argmax().item()
                told.append("%s by %s [%d]: PyTorch %.9g, got %.9g" % (key, by, at, want[key].flatten()[at], got.flatten()[at]))
            elif got.numel():
                worst[by] = max(worst.get(by, 0), error.max().item() * relative)
        for line in told[:12]:
            print(name, " ".join("%s=%s" % item for item in n.items()) + ":", line)
        failures += len(told)
    print("PyTorch %s: %d cases, %d numbers compared, %d wrong; the largest errors, as parts of the largest number: %s" %
          (torch.__version__, len(names), compared, failures, ", ".join("%s %.1e" % item for item in sorted(worst.items()))))
    for missing in sorted(set(functions) - names):
        print(missing, "has no case")
        failures += 1
    sys.exit(failures > 0)


main()
