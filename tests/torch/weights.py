#!/usr/bin/env python3
"""weights.py - a small network of convolutions, trained a little: its checkpoint, an input and its output, which tests/train_weights.c reads.

  weights.py FOLDER    writes checkpoint.pth, x.npy, y.npy
"""
import os
import sys

import numpy
import torch

folder = sys.argv[1]
torch.manual_seed(7)
net = torch.nn.Module()
net.features = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, stride=2, padding=1), torch.nn.BatchNorm2d(8), torch.nn.ReLU(),
                                   torch.nn.Conv2d(8, 16, 3, bias=False), torch.nn.BatchNorm2d(16), torch.nn.ReLU())
net.head = torch.nn.Linear(16, 5)
run = lambda x: net.head(net.features(x).mean((2, 3)))
adam = torch.optim.Adam(net.parameters(), 1e-2)
for _ in range(5):
    adam.zero_grad()
    (run(torch.randn(16, 3, 16, 16)) - 2 * torch.arange(5)).square().mean().backward()
    adam.step()
net.eval()
net.features[3].weight.data = net.features[3].weight.data.to(memory_format=torch.channels_last) # strides of its own
wrapped = torch.nn.DataParallel(net) # names begin with "module."
torch.save({"epoch": 5, "model": wrapped.state_dict(), "optimizer": adam.state_dict()}, os.path.join(folder, "checkpoint.pth"))
x = torch.randn(4, 3, 16, 16)
with torch.no_grad():
    numpy.save(os.path.join(folder, "x.npy"), x.numpy())
    numpy.save(os.path.join(folder, "y.npy"), run(x).numpy())
