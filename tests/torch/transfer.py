#!/usr/bin/env python3
"""transfer.py - PyTorch trains the head of samples/transfer from the same weights, pictures and order, and gets the same losses.

  transfer.py SHAPE MODEL.tuff PICTURES.npy LABELS.npy LOSSES SIZE BATCH SEED
      MODEL: as the training began; LOSSES: what sample-transfer --losses printed. In double precision, on the CPU.
"""
import math
import re
import struct
import sys

import numpy
import torch
import torch.nn.functional as F

BLOCKS = {"resnet50": (3, 4, 6, 3), "resnet34": (3, 4, 6, 3), "resnet18": (2, 2, 2, 2), "small": (1, 1, 1, 1)}
MASK = 0xFFFFFFFF


def weights_of(path):
    """Arrays of a .tuff file (backend/container.h): sections of kind 4, whose types and shapes stand in the one of kind 7."""
    content = open(path, "rb").read()
    count, = struct.unpack_from("<I", content, 12)
    arrays, described, found = [], "", {}
    for i in range(count):
        kind, _, offset, size, name, length = struct.unpack_from("<IIQQII", content, 32 + 32 * i)
        if kind == 4:
            arrays.append((content[32 + name:32 + name + length].decode(), content[offset:offset + size]))
        elif kind == 7:
            described = content[offset:offset + size].decode()
    for (name, data), line in zip(arrays, described.splitlines(), strict=True):
        element, *shape = line.split()
        if element == "F32":
            array = numpy.frombuffer(data, "<f4").reshape([int(d) for d in shape])
            found[name] = torch.from_numpy(array.copy()).double()
    return found


def resized(x, size):
    return F.interpolate(x, (size, size), mode="bilinear", antialias=True)


def features_of(w, shape, x):
    """torchvision's ResNet in inference; of "small" the first convolution is 3x3 and nothing is pooled behind it."""
    def conv_norm(x, conv, norm, stride):
        weight = w[conv + ".weight"]
        x = F.conv2d(x, weight, None, stride, weight.shape[2] // 2)
        return F.batch_norm(x, w[norm + ".running_mean"], w[norm + ".running_var"], w[norm + ".weight"], w[norm + ".bias"], False, 0, 1e-5)

    x = F.relu(conv_norm(x, "conv1", "bn1", 2))
    if shape != "small":
        x = F.max_pool2d(x, 3, 2, 1)
    count = 3 if shape == "resnet50" else 2
    for stage, blocks in enumerate(BLOCKS[shape], 1):
        for i in range(blocks):
            name, stride, y = f"layer{stage}.{i}.", 2 if stage > 1 and i == 0 else 1, x
            for k in range(1, count + 1):
                y = conv_norm(y, f"{name}conv{k}", f"{name}bn{k}", stride if k == count - 1 else 1)
                y = F.relu(y) if k < count else y
            if name + "downsample.0.weight" in w:
                x = conv_norm(x, name + "downsample.0", name + "downsample.1", stride)
            x = F.relu(x + y)
    return x.mean((2, 3))


def philox(counter, key):
    """Salmon et al. 2011: Philox4x32-10"""
    c, k = list(counter), list(key)
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(b >> 32) ^ c[1] ^ k[0], b & MASK, (a >> 32) ^ c[3] ^ k[1], a & MASK]
        k = [(k[0] + 0x9E3779B9) & MASK, (k[1] + 0xBB67AE85) & MASK]
    return c


def order_of(count, seed, epoch):
    """graph/train/shuffle.h"""
    rows = list(range(count))
    for n in range(count - 1):
        if n % 4 == 0:
            words = philox((n // 4, epoch & MASK, epoch >> 32, 0x73687566), (seed & MASK, seed >> 32))
        left = count - n
        k = words[n % 4] * left >> 32
        rows[left - 1], rows[k] = rows[k], rows[left - 1]
    return rows


def main():
    shape, model, pictures, labels, printed, size, batch, seed = sys.argv[1:]
    expected = [float(v) for v in re.findall(r"^loss +\d+ ([\d.e+-]+)$", open(printed).read(), re.M)]
    w, batch = weights_of(model), int(batch)
    x, y = torch.from_numpy(numpy.load(pictures)), torch.from_numpy(numpy.load(labels)).long()
    with torch.no_grad():
        features = torch.cat([features_of(w, shape, resized(part.double() / 255, int(size))) for part in x.split(16)])
    head = [w["head.dense%d.%s" % (i, kind)].requires_grad_() for i in (1, 2) for kind in ("weight", "bias")]
    adam, rows, epoch, worst = torch.optim.Adam(head, 1e-3), [], 0, 0
    for step, tuffs in enumerate(expected, 1):
        if not rows:
            rows, epoch = order_of(len(y), int(seed), epoch), epoch + 1
        now, rows = rows[:batch], rows[batch:]
        loss = F.cross_entropy(F.linear(F.relu(F.linear(features[now], head[0], head[1])), head[2], head[3]), y[now])
        adam.zero_grad()
        loss.backward()
        adam.step()
        apart = abs(loss.item() - tuffs) / abs(loss.item())
        worst = max(worst, apart)
        print(f"step {step}: PyTorch {loss.item():.7f}, Tuff {tuffs:.7f}")
        if not apart < (1e-5 if shape == "small" else 1e-3):  # what 50 layers round, Adam's first steps amplify
            sys.exit(f"FAILED: step {step} differs by {apart:.2g} of it")
    if len(expected) != 10 or math.isnan(worst):
        sys.exit(f"FAILED: {len(expected)} losses, not 10")
    print(f"{shape}: the first ten losses are PyTorch's within {worst:.2g} of them")


main()
