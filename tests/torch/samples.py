#!/usr/bin/env python3
"""samples.py - how long the samples' trainings take beside PyTorch's of the same networks, sizes and batches, on the same CPU.

  samples.py [--bin build/release/bin] [--only unet,series]    a table: seconds of an epoch (chargpt: of 100 steps), and their ratio

PyTorch runs eagerly before and after each sample, in as many threads as it takes itself, on made-up numbers that lie in memory; its time is the
median over steps, times their number. A sample's is the median of its epochs but the first, in which it is compiled; it reads its data as always.
"""
import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
import torch
import torch.nn.functional as F
from torch import nn

from pytorch_nets import Forecast, Gpt, Layer, Loss, Unet, decoder, encoder, mark_factor, tabular


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = encoder(True, 24)
        self.norms, self.decoders = (nn.ModuleList(make() for _ in range(2)) for make in (lambda: nn.BatchNorm1d(24), lambda: decoder(True, 24)))

    def forward(self, a, b):
        return sum(F.mse_loss(decoder(norm(self.encoder(x))), x) for x, norm, decoder in zip((a, b), self.norms, self.decoders))


class Text(Gpt):
    def __init__(self):
        nn.Module.__init__(self)
        self.tokens, self.places = nn.Parameter(torch.randn(80, 96) / 10), nn.Parameter(torch.randn(64, 96) / 10)
        act = lambda x: F.gelu(x, approximate="tanh")
        self.layers = nn.Sequential(*(Layer(2, 96, 4, 384, True, 1e-5, act) for _ in range(2)))
        self.norm, self.scores = mark_factor(nn.LayerNorm(96, 1e-5)), lambda x, vectors: F.linear(x, vectors)


def numbers(*shape):
    return lambda: torch.rand(shape)


def classes(most, *shape):
    return lambda: torch.randint(0, most, shape)


# name: network, a batch's numbers, optimizer, steps of an epoch as the sample has them by default, arguments, clipped
SAMPLES = {
    "unet": (lambda: Loss(Unet(True, 8, 3, 4)), (numbers(8, 3, 32, 32), classes(4, 8 * 32 * 32)), torch.optim.Adam, 75, ["--epochs", "6"], False),
    "tabular": (lambda: Loss(tabular(True)), (numbers(64, 16), numbers(64, 1)), torch.optim.AdamW, 25, [], False),
    "autoencoder": (Autoencoder, (numbers(16, 3, 32, 32), numbers(16, 3, 32, 32)), torch.optim.Adam, 32, ["--epochs", "6"], False),
    "series": (lambda: Loss(Forecast(True)), (numbers(64, 72, 5), numbers(64, 24)), torch.optim.Adam, 35, ["--epochs", "6"], True),
    "chargpt": (lambda: Loss(Text()), (classes(80, 16, 64), classes(80, 16 * 64)), torch.optim.AdamW, 100, ["--steps", "400", "--every", "100", "--written", "1"], True),
}


def of_torch(name, least=1.0):
    build, batch, optimizer, steps, _, clips = SAMPLES[name]
    model, batch, took, begun = build(), [make() for make in batch], [], time.perf_counter()
    optimizer = optimizer(model.parameters(), 1e-3)
    while len(took) < 13 or time.perf_counter() - begun < least:
        now = time.perf_counter()
        optimizer.zero_grad()
        model(*batch).backward()
        if clips:
            nn.utils.clip_grad_norm_(model.parameters(), 1)
        optimizer.step()
        took.append(time.perf_counter() - now)
    return statistics.median(took[3:]) * steps


def of_tuff(name, folder):
    with tempfile.TemporaryDirectory() as out:
        run = subprocess.run([os.path.join(folder, "sample-" + name), "--out", out, *SAMPLES[name][4]], capture_output=True, text=True)
    if run.returncode:
        sys.exit(run.stdout + run.stderr)
    times = [float(t) for t in re.findall(r"^(?:epoch|step) .* ([\d.]+) s$", run.stdout, re.M)]
    if name == "chargpt":
        times = [b - a for a, b in zip(times, times[1:])]
    else:
        times = times[1:]
    if not times:
        sys.exit(f"sample-{name} tells no times:\n{run.stdout}")
    return statistics.median(times)


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0], formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--bin", default="build/release/bin", help="folder of the samples")
    options.add_argument("--only", default=",".join(SAMPLES), help="some of them: A,B")
    options = options.parse_args()
    print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads\n\n| sample | PyTorch, s | Tuff, s | Tuff / PyTorch |\n|---|---|---|---|")
    for name in options.only.split(","):
        before = of_torch(name)
        tuff, after = of_tuff(name, options.bin), of_torch(name)
        torchs = (before + after) / 2
        print(f"| {name} | {torchs:.3f} ({before:.3f}, {after:.3f}) | {tuff:.3f} | {tuff / torchs:.2f} |", flush=True)


main()
