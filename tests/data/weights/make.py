#!/usr/bin/env python3
"""make.py - made the files beside it, which tests of readers begin with: mixed.pth, and old.pth in the form before 1.6, by PyTorch 2.7.1, small.h5
by h5py 3.16.0.

  make.py torch | h5    writes anew; the tests know what is in them
"""
import os
import sys

os.chdir(os.path.dirname(os.path.abspath(__file__)))
if sys.argv[1:] == ["torch"]:
    import torch

    base = torch.arange(12, dtype=torch.float32).reshape(3, 4)
    mixed = {"epoch": 3, "rate": 0.5, "name": "x", "none": None,
             "model": torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.BatchNorm1d(1)).state_dict(),
             "turned": base.t(), "part": base[1:, 2:], "whole": base, "wide": torch.ones(1).expand(5), "empty": torch.zeros(0, 3),
             "f16": torch.tensor([1.5, -2], dtype=torch.float16), "bf16": torch.tensor([1.5, -2], dtype=torch.bfloat16),
             "f64": torch.tensor(2.5, dtype=torch.float64), "i64": torch.tensor([1, -2]), "bool": torch.tensor([True, False]),
             **{name: torch.tensor(values, dtype=getattr(torch, dtype)) for name, dtype, values in (
                 ("i8", "int8", [1, -2]), ("i16", "int16", [1, -2]), ("i32", "int32", [1, -2]), ("u8", "uint8", [1, 255]),
                 ("u16", "uint16", [1, 65535]), ("u32", "uint32", [1, 2**32 - 1]), ("u64", "uint64", [1, 2**64 - 1]))},
             "f8": torch.tensor([1., -448]).to(torch.float8_e4m3fn),
             "list": [base[0], (base[1], -1)], 5: torch.nn.Parameter(base[2])}
    torch.save(mixed, "mixed.pth")
    torch.save(mixed, "old.pth", _use_new_zipfile_serialization=False)
else:
    import h5py
    import numpy as np

    with h5py.File("small.h5", "w", meta_block_size=1) as f:
        f["v/0"] = np.arange(6, dtype="f4").reshape(2, 3)
        f["v/1"] = np.arange(3).astype(">f4")
        f["bools"] = np.array([True, False])
        f["big"] = np.arange(3).astype(">i2")
        f["empty"] = np.zeros((0, 3), "u8")
        f["scalar"] = np.float64(2.5)
        f["text"] = np.bytes_(b"x")
        f["same"] = f["scalar"]
        f["link"] = h5py.SoftLink("/scalar")
        compact = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        compact.set_layout(h5py.h5d.COMPACT)
        space = h5py.h5s.create_simple((2,))
        h5py.h5d.create(f.id, b"compact", h5py.h5t.STD_I32LE, space, compact).write(space, space, np.array([7, -8], "i4"))
