"""peers.py - models of one operator each, drawn at the operators' edges, beside ONNX Runtime and onnx's own reference.

    peers.py PROGRAM [--count N] [--seed N] [--only OP] [--keep DIR]

PROGRAM is tuff-onnx. Every model gets the outputs of ONNX Runtime (graph optimizations off) and those of onnx.reference; it is
wrong where it differs from both, or from the one of them that computes it. Models that neither computes are drawn anew. Where the
two differ, the specification counts: RULES says what it says. Needs numpy, onnx, onnxruntime.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

# Where a difference is known, and whose side the specification takes: operator, opsets, what the line of tuff-onnx holds, why.
RULES = [
    ("ConvTranspose", "SAME_", "WRONG", "the result has n * stride elements (ConvTranspose: auto_pad), where ORT allows no pads below 0"),
    ("MaxPool", "'ceil_mode': 1", "WRONG", "SAME_* gives ceil(n / stride) elements, dilated or not; ORT leaves dilations out"),
    ("LpPool", "'ceil_mode': 1", "WRONG", "the same"),
    ("MaxPool", "'auto_pad': 'SAME_", "WRONG", "strides larger than the window: pads are not below 0, as in Conv; ORT cuts off here and not there"),
    ("AveragePool", "'auto_pad': 'SAME_", "WRONG", "the same"),
    ("LpPool", "'auto_pad': 'SAME_", "WRONG", "the same"),
    ("Upsample", "nearest", "WRONG", "ORT copies where the result is as large as the operand, whatever the scale"),
    ("Resize", "asymmetric", "WRONG", "the same"),
    ("Resize", "keep_aspect_ratio_policy", "WRONG", "sizes are those of the axes named; ORT mixes them up where axes are negative or out of order"),
    ("Resize", "tf_crop_and_resize", "WRONG", "the same of the region"),
    ("LSTM", "'layout': 1, 'activations'", "WRONG", "ORT has no layout 1, and onnx's reference takes no activations"),
    ("LSTM", "'layout': 1, 'clip'", "WRONG", "the same, and no clip"),
    ("GRU", "'layout': 1, 'clip'", "WRONG", "the same"),
    ("LSTM", "'clip'", "WRONG", "clip bounds the input of every activation, so the cell on its way into h, too; ORT that of the gates alone"),
    ("MaxPool", "'dilations'", "does not fit", "a window longer than the padded axis is refused; the peers count the result's elements below 1"),
    ("Slice", "", "WRONG", "an end is kept within the axis; ORT takes INT_MAX for \"to the begin\" where the step is negative"),
]

F = np.float32
WHOLE = [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.int64, np.uint32]


class Draw:
    """What a case is drawn with; x() adds an operand."""

    def __init__(self, seed):
        self.r = np.random.default_rng(seed)
        self.inputs = []  # (array or None, is an initializer)
        self.all = self.r.random() < 0.15  # are initializers: all is computed on the host
        self.opset = int(self.r.integers(7, 23))
        self.domain = ""
        self.nodes = None  # instead of the one node, where there are several
        self.skip = ()  # results that are left out

    def i(self, low, high):  # both are possible
        return int(self.r.integers(low, high + 1))

    def of(self, *choices):
        return choices[self.i(0, len(choices) - 1)]

    def maybe(self, p=0.5):
        return bool(self.r.random() < p)

    def shape(self, low=1, high=4, most=5):
        return [self.i(1, most) for _ in range(self.i(low, high))]

    def array(self, shape, dtype=F, low=-3.0, high=3.0):
        if dtype == np.bool_:
            return self.r.random(shape) < 0.5
        if np.issubdtype(dtype, np.integer):
            info = np.iinfo(dtype)
            return self.r.integers(max(info.min, int(low) if low > -3 else -20), min(info.max, int(high) if high < 3 else 20) + 1,
                                   shape).astype(dtype)
        return np.asarray(self.r.random(shape) * (high - low) + low).astype(dtype)

    def x(self, array, held=None):
        self.inputs.append((array, self.all or (self.maybe(0.3) if held is None else held)))
        return array

    def held(self, numbers, dtype=np.int64):  # sets shapes: an input too, which then is a compile-time value
        return self.x(np.array(numbers, dtype), self.maybe(0.6))

    def axis(self, rank):
        return self.i(-rank, rank - 1)

    def axes(self, rank):
        return [int(a) - (rank if self.maybe(0.4) else 0) for a in self.r.permutation(rank)[: self.i(1, rank)]]

    def broadcast(self, shape):
        """A shape that is broadcast to this one, or with it."""
        cut = self.i(0, len(shape)) if self.maybe(0.5) else 0
        return [1 if self.maybe(0.3) else n for n in shape[cut:]]


def unary(d):
    rows = {"Abs": 7, "Ceil": 7, "Cos": 7, "Erf": 9, "Exp": 7, "Floor": 7, "HardSwish": 14, "Log": 7, "Mish": 18, "Neg": 7,
            "Reciprocal": 7, "Round": 11, "Sigmoid": 7, "Sign": 9, "Sin": 7, "Softplus": 7, "Sqrt": 7, "Tanh": 7, "Relu": 7,
            "Elu": 7, "Celu": 12, "Gelu": 20, "HardSigmoid": 7, "LeakyRelu": 7, "Selu": 7, "Shrink": 9, "Softsign": 7,
            "ThresholdedRelu": 10, "IsNaN": 9, "IsInf": 10, "Tan": 7, "Sinh": 9, "Cosh": 9, "Asinh": 9, "Acosh": 9, "Atanh": 9,
            "Asin": 7, "Acos": 7, "Atan": 7}
    op = d.of(*rows)
    d.opset = max(d.opset, rows[op])
    attrs = {}
    if op in ("Elu", "Celu", "LeakyRelu", "HardSigmoid", "ThresholdedRelu") and d.maybe():
        attrs["alpha"] = d.of(0.3, 1.7)
    if op == "Shrink":
        attrs = {"lambd": d.of(0.5, 1.5), "bias": d.of(0.0, 1.5)}
    if op == "IsInf":
        attrs = {"detect_negative": d.i(0, 1), "detect_positive": d.i(0, 1)}
    x = d.array(d.shape(0, 4) if d.maybe(0.9) else [2, 0, 3], d.of(*WHOLE) if op in ("Abs", "Neg", "Sign", "Relu") and d.maybe() else F)
    if op in ("Log", "Sqrt"):
        x = abs(x)
    if op in ("Asin", "Acos", "Atanh"):
        x = x / 4
    if op == "Acosh":
        x = abs(x) + 1
    if x.size and x.dtype == F and op in ("IsNaN", "IsInf", "Relu", "Sign", "Floor", "Ceil", "Round", "HardSigmoid", "Abs", "Neg"):
        flat = x.reshape(-1)
        flat[0] = d.of(np.inf, -np.inf, np.nan if op.startswith("Is") else 0.5)
        if flat.size > 2:
            flat[1], flat[2] = -0.5, 2.5
    d.x(x)
    return op, attrs, 1


def binary(d):
    op = d.of("Add", "Sub", "Mul", "Div", "Pow", "Mod", "Equal", "Greater", "Less", "GreaterOrEqual", "LessOrEqual", "And", "Or", "Xor",
              "BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "PRelu")
    first = {"Mod": 10, "GreaterOrEqual": 12, "LessOrEqual": 12, "BitShift": 11, "BitwiseAnd": 18, "BitwiseOr": 18, "BitwiseXor": 18}
    d.opset = max(d.opset, first.get(op, 7))
    shape = d.shape(0, 4) if d.maybe(0.9) else [2, 0, 3]
    dtype = d.of(F, *WHOLE)
    if op in ("And", "Or", "Xor"):
        dtype = np.bool_
    elif op in ("BitShift",):
        dtype = d.of(np.uint8, np.uint32, np.uint16)
    elif op in ("BitwiseAnd", "BitwiseOr", "BitwiseXor"):
        dtype = d.of(*WHOLE)
    elif op == "Equal" and d.maybe(0.2):
        dtype = np.bool_
    elif op == "PRelu":
        dtype = F
    attrs = {"direction": d.of("LEFT", "RIGHT")} if op == "BitShift" else {}
    a, b = d.array(shape, dtype), d.array(d.broadcast(shape), dtype)
    if op != "PRelu" and d.maybe(0.3) and op != "Pow":
        a, b = b, a
    if op == "Pow":
        b = d.array(b.shape, d.of(F, np.int32, np.int64) if d.opset >= 12 else dtype, 0, 2)
        a = np.abs(a).astype(dtype) + (1 if dtype == F else 0)
        a = a.astype(dtype)
    if op in ("Div", "Mod"):
        b = np.where(b == 0, np.ones_like(b), b).astype(dtype)
    if op == "Mod":
        attrs = {"fmod": 1 if dtype == F else d.i(0, 1)}
    if op == "BitShift":
        b = (b % 8).astype(dtype)
    d.x(a), d.x(b)
    return op, attrs, 1


def variadic(d):
    op = d.of("Max", "Min", "Mean", "Sum", "Where")
    shape = d.shape(0, 4) if d.maybe(0.9) else [2, 0, 3]
    dtype = F if op in ("Mean", "Sum") or d.opset < 12 else d.of(F, np.int32, np.int64, np.uint8, np.int8)
    if op == "Where":
        d.opset = max(d.opset, 9)
        for t in (np.bool_, d.of(F, np.int64, np.uint8, np.bool_), None):
            d.x(d.array(d.broadcast(shape), t or d.inputs[1][0].dtype.type))
    else:
        for k in range(d.i(1, 4)):
            d.x(d.array(d.broadcast(shape) if k else shape, dtype))
    return op, {}, 1


def cast(d):
    op = d.of("Cast", "CastLike")
    types = [np.float32, np.float16, np.float64, np.bool_] + WHOLE
    x = d.array(d.shape(0, 3), d.of(*types), -20, 20)
    to = d.of(*types)
    if np.issubdtype(to, np.unsignedinteger) and not np.issubdtype(x.dtype, np.integer):
        x = np.abs(x)
    d.x(x)
    if op == "CastLike":
        d.opset = max(15, d.opset)
        d.x(np.zeros(d.shape(1, 2), to))
        return op, {}, 1
    return op, {"to": helper.np_dtype_to_tensor_dtype(np.dtype(to))}, 1


def clip(d):
    dtype = F if d.opset < 12 else d.of(F, np.int32, np.int64, np.int8, np.uint8)
    d.x(d.array(d.shape(0, 3), dtype))
    low, high = (1, 2) if dtype == np.uint8 else (-1, 1)
    if d.opset < 11:
        return "Clip", {k: v for k, v in (("min", -1.0), ("max", 1.5)) if d.maybe(0.7)}, 1
    d.x(np.array(low, dtype) if d.maybe(0.7) else None)
    d.x(np.array(high, dtype) if d.maybe(0.7) else None)
    return "Clip", {}, 1


def windows(d, rank, attrs, dilated=True, padded=True):
    kernel = [d.i(1, 3) for _ in range(rank)]
    if d.maybe(0.7):
        attrs["strides"] = [d.i(1, 3) for _ in range(rank)]
    if dilated and d.maybe(0.4):
        attrs["dilations"] = [d.i(1, 2) for _ in range(rank)]
    auto = d.of("NOTSET", "NOTSET", "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID")
    if auto != "NOTSET":
        attrs["auto_pad"] = auto
    elif padded and d.maybe(0.7):
        attrs["pads"] = [d.i(0, k - 1) for k in kernel * 2]
    return kernel


def conv(d):
    rank, group = d.i(1, 3), d.of(1, 1, 2, 3)
    attrs = {"group": group}
    kernel = windows(d, rank, attrs)
    c, out = group * d.i(1, 2), group * d.i(1, 2)
    if d.maybe():
        attrs["kernel_shape"] = kernel
    d.x(d.array([d.i(1, 2), c] + [d.i(5, 8) for _ in range(rank)]))
    d.x(d.array([out, c // group] + kernel))
    if d.maybe():
        d.x(d.array([out]))
    return "Conv", attrs, 1


def conv_transpose(d):
    rank, group = d.i(1, 3), d.of(1, 1, 2)
    attrs = {"group": group}
    kernel = windows(d, rank, attrs)
    strides = attrs.get("strides", [1] * rank)
    c = group * d.i(1, 2)
    size = [d.i(2, 5) for _ in range(rank)]
    if d.maybe(0.3):
        attrs["output_padding"] = [d.i(0, max(0, s - 1)) for s in strides]
    if d.maybe(0.25):
        attrs.pop("pads", None)
        attrs["output_shape"] = [n * s + d.i(0, 1) for n, s in zip(size, strides)]
    if d.maybe():
        attrs["kernel_shape"] = kernel
    d.x(d.array([d.i(1, 2), c] + size))
    out = d.i(1, 3)
    d.x(d.array([c, out] + kernel))
    if d.maybe():
        d.x(d.array([out * group]))
    return "ConvTranspose", attrs, 1


def pool(d):
    op = d.of("MaxPool", "AveragePool", "LpPool", "MaxPool", "AveragePool")
    rank, attrs = d.i(1, 3), {}
    dilated = op == "MaxPool" and d.opset >= 10 or op == "AveragePool" and d.opset >= 19 or op == "LpPool" and d.opset >= 18
    kernel = windows(d, rank, attrs, dilated)
    attrs["kernel_shape"] = kernel
    if d.maybe() and (d.opset >= 10 if op != "LpPool" else d.opset >= 18):
        attrs["ceil_mode"] = 1
    if op == "AveragePool" and d.maybe():
        attrs["count_include_pad"] = 1
    if op == "LpPool":
        attrs["p"] = d.i(1, 3)
    outputs = 1
    if op == "MaxPool" and d.opset >= 8 and d.maybe(0.3):
        outputs = 2
        if d.maybe() and "dilations" not in attrs:
            attrs["storage_order"] = d.i(0, 1)
    dtype = d.of(np.int8, np.uint8) if op == "MaxPool" and d.opset >= 12 and d.maybe(0.2) else F
    d.x(d.array([d.i(1, 2), d.i(1, 3)] + [d.i(4, 8) for _ in range(rank)], dtype))
    return op, attrs, outputs


def global_pool(d):
    op = d.of("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool")
    d.x(d.array([2, 3] + d.shape(1, 3)))
    return op, {"p": d.i(1, 3)} if op == "GlobalLpPool" else {}, 1


def resize(d):
    rank = d.of(2, 3, 4, 4)
    mode = d.of("nearest", "linear", "cubic")
    shape = [d.i(1, 2), d.i(1, 2)] + [d.i(2, 6) for _ in range(2)]
    shape = shape[-rank:]
    space = min(2, rank)
    scales = [1.0] * (rank - space) + [d.of(0.5, 0.6, 0.75, 1.0, 1.3, 2.0, 2.5, 3.0) for _ in range(space)]
    if mode == "cubic":
        shape, scales = [1, 1] + shape[-2:], [1.0, 1.0] + scales[-2:]
    scales = [s if int(s * n) >= 1 else 1.0 for s, n in zip(scales, shape)]
    dtype = d.of(np.uint8, np.int32) if d.maybe(0.1) and mode == "nearest" else F
    if d.opset < 11:
        mode = d.of("nearest", "linear")
        d.x(d.array(shape, dtype))
        if d.opset < 9:
            return "Upsample", {"mode": mode, "scales": [max(1.0, s) for s in scales]}, 1
        if d.opset == 9:
            scales = [max(1.0, s) for s in scales]
        d.held(scales, F)
        return ("Upsample" if d.opset == 9 else "Resize"), {"mode": mode}, 1
    ways = ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric", "tf_crop_and_resize"]
    if d.opset >= 19:
        ways.append("half_pixel_symmetric")
    way = d.of(*ways)
    attrs = {"mode": mode, "coordinate_transformation_mode": way}
    if mode == "nearest":
        attrs["nearest_mode"] = d.of("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
    if mode == "cubic":
        attrs["cubic_coeff_a"] = d.of(-0.75, -0.5)
        attrs["exclude_outside"] = d.i(0, 1)
    if d.opset >= 18 and mode != "nearest" and way != "tf_crop_and_resize" and d.maybe(0.4):
        attrs["antialias"] = 1
    d.x(d.array(shape, dtype))
    n = len(shape)
    axes = list(range(n))
    if d.opset >= 18 and d.maybe(0.4):
        axes = [n - 2, n - 1] if d.maybe() else [n - 1, n - 2]
        attrs["axes"] = [a - (n if d.maybe(0.3) else 0) for a in axes]
    if way == "tf_crop_and_resize":
        attrs["extrapolation_value"] = 7.0
        low = [0.13 if scales[a] != 1 else 0.0 for a in axes]
        high = [d.of(0.8, 1.2) if scales[a] != 1 else 1.0 for a in axes]
        d.held(low + high, F)
    else:
        d.x(np.zeros([0], F), True) if d.opset < 13 else d.x(None)
    sizes = [max(1, int(scales[a] * shape[a])) for a in axes]
    if d.maybe():
        d.held([scales[a] for a in axes], F)
    else:
        d.x(np.zeros([0], F), True) if d.opset < 13 else d.x(None)
        if d.opset >= 18 and d.maybe(0.4) and way != "tf_crop_and_resize":
            attrs["keep_aspect_ratio_policy"] = d.of("stretch", "not_larger", "not_smaller")
            if attrs["keep_aspect_ratio_policy"] != "stretch" and "axes" not in attrs:
                attrs["axes"] = [n - 2, n - 1]
                sizes = sizes[-2:]
        d.held(sizes)
    return "Resize", attrs, 1


def softmax(d):
    op = d.of("Softmax", "LogSoftmax", "Hardmax")
    shape = d.shape(1, 4)
    attrs = {"axis": d.i(0 if d.opset < 11 else -len(shape), len(shape) - 1)} if d.maybe(0.7) else {}
    if not attrs and d.opset < 13 and len(shape) == 1:
        shape = [2] + shape
    d.x(d.array(shape, F, -20, 20))
    return op, attrs, 1


def reduce(d):
    op = "Reduce" + d.of("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare")
    shape = d.shape(1, 4) if d.maybe(0.9) else [2, 0, 3]
    rank, attrs = len(shape), {}
    if d.maybe(0.7):
        attrs["keepdims"] = d.i(0, 1)
    dtype = d.of(F, F, np.int32, np.int64) if op not in ("ReduceLogSum", "ReduceLogSumExp", "ReduceL2") else F
    if op in ("ReduceMax", "ReduceMin") and d.opset >= 12 and d.maybe(0.3):
        dtype = d.of(np.int8, np.uint8)
    if op in ("ReduceMax", "ReduceMin") and d.opset >= 20 and d.maybe(0.3):
        dtype = np.bool_
    x = d.array(shape, dtype)
    d.x(abs(x) + F(0.1) if op == "ReduceLogSum" else (x % 3).astype(dtype) if op == "ReduceProd" and dtype != F else x)
    operand = d.opset >= (13 if op == "ReduceSum" else 18)
    axes = d.axes(rank) if d.maybe(0.8) else None
    if axes and d.opset < 11:
        axes = [a % rank for a in axes]
    if operand:
        if axes is not None:
            d.held(axes)
        elif d.maybe():
            d.held([])
        if d.maybe(0.3):
            attrs["noop_with_empty_axes"] = 1
    elif axes:
        attrs["axes"] = axes
    return op, attrs, 1


def arg(d):
    op = d.of("ArgMax", "ArgMin")
    shape = d.shape(1, 4)
    attrs = {"axis": d.i(0 if d.opset < 11 else -len(shape), len(shape) - 1)} if d.maybe(0.8) else {}
    if d.maybe():
        attrs["keepdims"] = d.i(0, 1)
    if d.opset >= 12 and d.maybe():
        attrs["select_last_index"] = 1
    x = d.array(shape, d.of(F, np.int32) if d.opset < 12 else d.of(F, np.int32, np.int8, np.uint8))
    d.x(np.round(x).astype(x.dtype))
    return op, attrs, 1


def pad(d):
    shape = [d.i(3, 5) for _ in range(d.i(1, 4))]
    rank = len(shape)
    mode = d.of("constant", "constant", "reflect", "edge") if d.opset < 19 else d.of("constant", "reflect", "edge", "wrap")
    axes = d.axes(rank) if d.opset >= 18 and d.maybe(0.4) else None
    pads = [d.i(-1 if mode == "constant" else 0, 2) for _ in range(2 * (len(axes) if axes else rank))]
    dtype = F if d.opset < 11 else d.of(F, F, np.int32, np.int64, np.uint8, np.bool_ if d.opset >= 13 else F)
    d.x(d.array(shape, dtype))
    attrs = {"mode": mode} if mode != "constant" or d.maybe() else {}
    if d.opset < 11:
        return "Pad", dict(attrs, pads=pads, **({"value": 1.5} if d.maybe() else {})), 1
    d.held(pads)
    if mode == "constant" and d.maybe(0.6):
        d.x(np.array(1, dtype))
    elif axes:
        d.x(None)
    if axes:
        d.held(axes, d.of(np.int32, np.int64))
    return "Pad", attrs, 1


def slices(d):
    shape = d.shape(1, 4, 6)
    rank = len(shape)
    axes = d.axes(rank)
    if d.opset < 10:
        axes = [a % rank for a in axes]
    start = [d.of(d.i(-7, 7), 0, -1) for _ in axes]
    end = [d.of(d.i(-7, 7), 2**31 - 1, 2**63 - 1, -(2**31)) for _ in axes]
    d.x(d.array(shape, d.of(F, np.int64, np.bool_, np.uint8)))
    if d.opset < 10:
        attrs = {"starts": start, "ends": end}
        if d.maybe(0.7) or len(axes) < rank:
            attrs["axes"] = axes
        return "Slice", attrs, 1
    t = d.of(np.int64, np.int32)
    d.held([np.clip(v, np.iinfo(t).min, np.iinfo(t).max) for v in start], t)
    d.held([np.clip(v, np.iinfo(t).min, np.iinfo(t).max) for v in end], t)
    if d.maybe(0.8):
        d.held(axes, t)
        if d.maybe(0.7):
            d.held([d.of(1, 2, -1, -2, 3) for _ in axes], t)
    return "Slice", {}, 1


def gather(d):
    op = d.of("Gather", "GatherElements", "GatherND", "ScatterElements", "ScatterND", "Scatter")
    shape = d.shape(1, 4)
    rank, axis = len(shape), d.axis(len(shape))
    low = 0 if d.opset < 11 else None
    x = d.x(d.array(shape, d.of(F, np.int64, np.int32, np.uint8, np.bool_) if not op.startswith("S") else d.of(F, np.int32, np.int64)))
    attrs = {"axis": axis} if axis != 0 or d.maybe() else {}
    if op == "Gather":
        n = shape[axis]
        d.x(d.r.integers(0 if low == 0 else -n, n, d.shape(0, 2)).astype(d.of(np.int32, np.int64)))
        return op, attrs, 1
    if op == "Scatter":
        d.opset = d.of(9, 10)
        attrs = {"axis": axis % rank}
    else:
        d.opset = max(d.opset, 11)
    if op == "GatherND":
        batch = d.i(0, rank - 1) if d.opset >= 12 and rank > 1 else 0
        r = d.i(1, rank - batch)
        lead = shape[:batch] + d.shape(0 if batch else 1, 2)
        places = np.stack([d.r.integers(-shape[batch + k], shape[batch + k], lead) for k in range(r)], -1)
        d.x(places.astype(np.int64))
        return op, {"batch_dims": batch} if batch else {}, 1
    reduction = "none"
    if op.startswith("Scatter") and d.opset >= 16:
        reduction = d.of("none", "add", "mul") if d.opset < 18 else d.of("none", "add", "mul", "min", "max")
    if op == "ScatterND":
        r = d.i(1, rank)
        if reduction == "none":
            n = d.i(1, int(np.prod(shape[:r])))
            flat = d.r.permutation(int(np.prod(shape[:r])))[:n]
            places = np.stack(np.unravel_index(flat, shape[:r]), -1)
        else:
            places = np.stack([d.r.integers(0, s, [5]) for s in shape[:r]], -1)
        d.x(places.astype(np.int64))
        d.x(d.array(list(places.shape[:-1]) + shape[r:], x.dtype.type))
        return op, {"reduction": reduction} if reduction != "none" else {}, 1
    less = [d.i(1, n) if k != axis % rank else d.i(1, n) for k, n in enumerate(shape)]
    n = shape[axis]
    if op == "GatherElements" or reduction != "none":
        places = d.r.integers(0 if op == "Scatter" else -n, n, less)
    else:
        places = np.argsort(d.r.random(shape), axis)[tuple(slice(0, k) for k in less)]
    d.x(places.astype(np.int64))
    if op != "GatherElements":
        d.x(d.array(less, x.dtype.type))
        if reduction != "none":
            attrs["reduction"] = reduction
    return op, attrs, 1


def topk(d):
    shape = d.shape(1, 3, 6)
    axis = d.axis(len(shape)) if d.opset >= 11 else d.i(0, len(shape) - 1)
    k = d.i(1, shape[axis])
    d.x(d.array(shape, F if d.opset < 11 else d.of(F, np.int64, np.int32)))
    attrs = {"axis": axis}
    if d.opset >= 11:
        attrs["largest"] = d.i(0, 1)
    if d.opset < 10:
        attrs["k"] = k
    else:
        d.held([k])
    return "TopK", attrs, 2


def shapes(d):
    op = d.of("Reshape", "Squeeze", "Unsqueeze", "Flatten", "Expand", "Tile", "Transpose", "Concat", "Split", "Shape", "Size", "Identity",
              "DepthToSpace", "SpaceToDepth", "Trilu", "EyeLike", "OneHot", "CumSum", "ConstantOfShape", "Range", "CenterCropPad",
              "ReverseSequence", "Compress", "NonZero", "Unique", "Expand", "Split", "Squeeze", "Unsqueeze", "Concat", "OneHot", "CumSum")
    shape = d.shape(1, 4) if d.maybe(0.9) else [2, 0, 3]
    rank, dtype = len(shape), d.of(F, np.int64, np.uint8, np.bool_)
    attrs, outputs = {}, 1
    if op == "Reshape":
        d.x(d.array(shape, dtype))
        to = [0 if d.maybe(0.3) else n for n in shape]
        if np.prod(shape) and d.maybe():
            to[d.i(0, rank - 1)] = -1
        elif np.prod(shape) and d.maybe():
            to = [int(np.prod(shape))] + [1] * d.i(0, 2)
        d.held(to)
    elif op == "Squeeze":
        shape = [1 if d.maybe() else n for n in shape]
        ones = [k for k, n in enumerate(shape) if n == 1]
        d.x(d.array(shape, dtype))
        if ones and d.maybe(0.7):
            axes = [k - (rank if d.opset >= 11 and d.maybe() else 0) for k in ones[: d.i(1, len(ones))]]
            if d.opset < 13:
                attrs["axes"] = axes
            else:
                d.held(axes)
    elif op == "Unsqueeze":
        d.x(d.array(shape, dtype))
        new = rank + d.i(1, 2)
        axes = [int(k) - (new if d.opset >= 11 and d.maybe(0.4) else 0) for k in d.r.permutation(new)[: new - rank]]
        if d.opset < 13:
            attrs["axes"] = sorted(axes) if d.opset < 11 else axes
        else:
            d.held(axes)
    elif op == "Flatten":
        d.x(d.array(shape, dtype if d.opset >= 9 else F))
        attrs = {"axis": d.i(0 if d.opset < 11 else -rank, rank)} if d.maybe(0.8) else {}
    elif op == "Expand":
        d.opset = max(d.opset, 8)
        d.x(d.array([1 if d.maybe() else n for n in shape], dtype))
        to = [n if d.maybe(0.7) else 1 for n in shape]
        d.held(([d.i(1, 3)] if d.maybe(0.3) else []) + to[0 if d.maybe(0.8) else 1:] or [1])
        if not to:
            op = "Identity"
    elif op == "Tile":
        d.x(d.array(shape, dtype))
        d.held([d.of(0, 1, 2, 3, 1, 2) for _ in shape])
    elif op == "Transpose":
        d.x(d.array(shape, dtype))
        attrs = {"perm": [int(k) for k in d.r.permutation(rank)]} if d.maybe(0.8) else {}
    elif op == "Concat":
        axis = d.axis(rank) if d.opset >= 11 else d.i(0, rank - 1)
        attrs = {"axis": axis}
        for _ in range(d.i(1, 4)):
            one = list(shape)
            one[axis] = d.i(0 if d.maybe(0.2) else 1, 3)
            d.x(d.array(one, dtype))
    elif op == "Split":
        shape = d.shape(1, 3, 7)
        axis = d.axis(len(shape)) if d.opset >= 11 else d.i(0, len(shape) - 1)
        attrs = {"axis": axis} if axis or d.maybe() else {}
        outputs = d.i(1, min(3, shape[axis]))
        sizes = sorted(int(v) for v in d.r.integers(0 if d.opset >= 11 else 1, shape[axis] + 1, outputs - 1))
        sizes = [b - a for a, b in zip([0] + sizes, sizes + [shape[axis]])]
        d.x(d.array(shape, dtype if dtype != np.bool_ else F))
        if d.maybe(0.6) and (min(sizes) > 0 or d.opset >= 11):
            attrs.update({"split": sizes} if d.opset < 13 else {})
            d.held(sizes) if d.opset >= 13 else None
        elif d.opset >= 18:
            attrs["num_outputs"] = outputs
        elif shape[axis] % outputs:
            outputs = 1
    elif op in ("Shape", "Size", "Identity"):
        d.x(d.array(shape, dtype))
        if op == "Shape" and d.opset >= 15:
            attrs = {k: d.i(-6, 6) for k in ("start", "end") if d.maybe()}
    elif op in ("DepthToSpace", "SpaceToDepth"):
        b = d.i(2, 3)
        attrs = {"blocksize": b}
        if op == "DepthToSpace" and d.opset >= 11 and d.maybe():
            attrs["mode"] = d.of("DCR", "CRD")
        d.x(d.array([d.i(1, 2), 2 * b * b, 2, 3] if op == "DepthToSpace" else [2, 3, 2 * b, 3 * b]))
    elif op == "Trilu":
        d.opset = max(d.opset, 14)
        d.x(d.array(d.shape(2, 4), d.of(F, np.int64)))
        if d.maybe():
            d.x(np.array(d.i(-3, 3), np.int64), d.maybe(0.7))
        attrs = {"upper": d.i(0, 1)} if d.maybe(0.7) else {}
    elif op == "EyeLike":
        d.opset = max(d.opset, 9)
        d.x(d.array(d.shape(2, 2), d.of(F, np.int32, np.int64)))
        attrs = {"k": d.i(-2, 2)}
        if d.maybe():
            attrs["dtype"] = d.of(TensorProto.FLOAT, TensorProto.INT64, TensorProto.INT32)
    elif op == "OneHot":
        d.opset = max(d.opset, 9)
        depth = d.i(1, 5)
        d.x(d.r.integers(-depth - 1, depth + 2, d.shape(1, 3)).astype(d.of(np.int64, np.int32)) if d.opset >= 11 else
            d.r.integers(0, depth, d.shape(1, 3)).astype(np.int64))
        d.held(d.of(depth, [depth]), np.int64)
        d.x(d.array([2], d.of(F, np.int64, np.int32)))
        attrs = {"axis": d.axis(len(d.inputs[0][0].shape) + 1)} if d.maybe(0.7) else {}
    elif op == "CumSum":
        d.opset = max(d.opset, 11)
        shape = d.shape(1, 4)
        d.x(d.array(shape, d.of(F, np.int32, np.int64)))
        d.x(np.array(d.axis(len(shape)), d.of(np.int32, np.int64)), d.maybe(0.7))
        attrs = {k: d.i(0, 1) for k in ("exclusive", "reverse") if d.maybe()}
    elif op == "ConstantOfShape":
        d.opset = max(d.opset, 9)
        d.held(shape if d.maybe(0.8) else [])
        if d.maybe(0.7):
            attrs["value"] = numpy_helper.from_array(np.array([d.of(1, 3)], d.of(F, np.int64, np.uint8, np.bool_)))
    elif op == "Range":
        d.opset = max(d.opset, 11)
        t = d.of(F, np.int64, np.int32)
        for v in (d.i(-3, 3), d.i(-9, 9), d.of(1, 2, -1, -2)):
            d.held(v, t)
    elif op == "CenterCropPad":
        d.opset = max(d.opset, 18)
        shape = d.shape(1, 4)
        axes = d.axes(len(shape)) if d.maybe() else None
        d.x(d.array(shape))
        d.held([d.i(1, 7) for _ in (axes or shape)])
        attrs = {"axes": axes} if axes else {}
    elif op == "ReverseSequence":
        d.opset = max(d.opset, 10)
        time = d.i(0, 1)
        shape = [d.i(1, 5), d.i(1, 5)] + d.shape(0, 2)
        attrs = {"time_axis": time, "batch_axis": 1 - time}
        d.x(d.array(shape))
        d.x(d.r.integers(1, shape[time] + 1, [shape[1 - time]]).astype(np.int64))
    elif op == "Compress":
        d.opset = max(d.opset, 9)
        shape = d.shape(1, 3)
        axis = d.axis(len(shape)) if d.opset >= 11 else d.i(0, len(shape) - 1)
        flat = d.maybe(0.3)
        attrs = {} if flat else {"axis": axis}
        d.x(d.array(shape, dtype))
        d.x(d.array([d.i(1, int(np.prod(shape)) if flat else shape[axis])], np.bool_), d.maybe(0.7))
    elif op == "NonZero":
        d.opset = max(d.opset, 9)
        d.x(np.round(d.array(d.shape(1, 3), d.of(F, np.int64, np.bool_))), d.maybe(0.6))
    elif op == "Unique":
        d.opset = max(d.opset, 11)
        shape = d.shape(1, 3)
        d.x(np.round(d.array(shape, d.of(F, np.int64)) / 4).astype(F), d.maybe(0.6))
        attrs = {"sorted": d.i(0, 1)} if d.maybe() else {}
        if d.maybe():
            attrs["axis"] = d.axis(len(shape))
        outputs = 4
    return op, attrs, outputs


def products(d):
    op = d.of("Gemm", "MatMul", "Gemm", "MatMul", "Einsum", "MatMulInteger", "QLinearMatMul")
    attrs = {}
    m, k, n = d.i(1, 5), d.i(1, 6), d.i(1, 5)
    if op == "Gemm":
        attrs = {key: d.i(0, 1) for key in ("transA", "transB") if d.maybe()}
        attrs.update({key: d.of(0.5, 2.0, 0.0) for key in ("alpha", "beta") if d.maybe(0.4)})
        d.x(d.array([k, m] if attrs.get("transA") else [m, k]))
        d.x(d.array([n, k] if attrs.get("transB") else [k, n]))
        if d.opset < 11 or d.maybe(0.7):
            d.x(d.array(d.of([m, n], [n], [1, n], [m, 1], [1], [])))
    elif op == "Einsum":
        d.opset = max(d.opset, 12)
        text, shape = d.of(("ij,jk->ik", [[m, k], [k, n]]), ("bij,bjk->bik", [[2, m, k], [2, k, n]]), ("ij->ji", [[m, k]]),
                           ("ii->i", [[m, m]]), ("ij->", [[m, k]]), ("i,j->ij", [[m], [n]]), ("...ij,...jk->...ik", [[2, m, k], [2, k, n]]),
                           ("bhqd,bhkd->bhqk", [[2, 2, m, k], [2, 2, n, k]]), ("ij,jk", [[m, k], [k, n]]), ("ijk,jil->kl", [[m, k, n], [k, m, 2]]),
                           ("ii", [[m, m]]), ("...ij->...ji", [[2, m, k]]))
        attrs["equation"] = text
        for s in shape:
            d.x(d.array(s))
    else:
        a, b = [m, k], [k, n]
        lead = d.shape(0, 2, 3)
        a = d.broadcast(lead) + a if d.maybe() else a
        b = d.broadcast(lead) + b if d.maybe() else b
        if op == "MatMul":
            if d.maybe(0.2):
                a = [k]
            elif d.maybe(0.2):
                b = [k]
            t = d.of(F, F, np.int32, np.int64) if d.opset >= 9 else F
            d.x(d.array(a, t)), d.x(d.array(b, t))
        else:
            d.opset = max(d.opset, 10)
            b = b[-2:]
            ta, tb = d.of(np.uint8, np.int8), d.of(np.uint8, np.int8)
            if op == "MatMulInteger":
                d.x(d.array(a, np.uint8, 0, 255)), d.x(d.array(b, tb, -100, 100))
                if d.maybe(0.7):
                    d.x(np.array(d.i(0, 20), np.uint8))
                    if d.maybe(0.7):
                        d.x(np.array(3, tb) if d.maybe() else d.array([n], tb))
            else:
                for t, s in ((np.uint8, a), (tb, b)):
                    d.x(d.array(s, t)), d.x(np.array(d.of(0.1, 0.03), F)), d.x(np.array(d.i(0, 9), t))
                d.x(np.array(0.37, F)), d.x(np.array(d.i(0, 9), np.uint8))
    return op, attrs, 1


def norms(d):
    op = d.of("BatchNormalization", "InstanceNormalization", "LayerNormalization", "GroupNormalization", "LRN", "LpNormalization",
              "MeanVarianceNormalization")
    c, attrs, outputs = d.i(2, 4), {}, 1
    shape = [d.i(1, 3), c] + d.shape(1, 2)
    if op == "LRN":
        shape = [2, d.i(3, 7), 3, 2]
        attrs = {"size": d.of(1, 3, 5), "alpha": 0.3, "beta": 0.6, "bias": 1.5}
    if op == "MeanVarianceNormalization":
        d.opset = max(d.opset, 9)
        shape = [2, 3, 4, 2]
        attrs = {"axes": [0, 2, 3]} if d.maybe() else {}
    if op == "LpNormalization":
        attrs = {"p": d.i(1, 2), "axis": d.axis(len(shape))}
    if op == "BatchNormalization" and d.maybe(0.3):
        shape = shape[:2]
    d.x(d.array(shape), False)
    if op in ("BatchNormalization", "InstanceNormalization", "GroupNormalization"):
        attrs["epsilon"] = d.of(1e-5, 1e-2)
        scale = c
        if op == "GroupNormalization":
            d.opset = max(d.opset, 18)
            attrs["num_groups"] = d.of(1, c)
            scale = attrs["num_groups"] if d.opset < 21 else c
        d.x(d.array([scale])), d.x(d.array([scale]))
        if op == "BatchNormalization":
            d.x(d.array([c])), d.x(abs(d.array([c])) + F(0.5))
            if d.opset >= 14 and d.maybe(0.3):
                attrs["training_mode"], outputs = 1, 3
                attrs["momentum"] = 0.7
    if op == "LayerNormalization":
        d.opset = max(d.opset, 17)
        attrs["axis"] = d.axis(len(shape))
        rest = shape[attrs["axis"] % len(shape):]
        d.x(d.array(rest))
        if d.maybe():
            d.x(d.array(rest))
        outputs = d.of(1, 3)
    return op, attrs, outputs


def recurrent(d):
    op = d.of("LSTM", "GRU", "RNN")
    gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[op]
    t, b, n, h = d.i(1, 4), d.i(1, 3), d.i(1, 3), d.i(1, 3)
    way = d.of("forward", "reverse", "bidirectional")
    two = 2 if way == "bidirectional" else 1
    attrs = {"hidden_size": h, "direction": way}
    layout = d.i(0, 1) if d.opset >= 14 and d.maybe(0.2) else 0
    if layout:
        attrs["layout"] = 1
    if op == "GRU" and d.maybe():
        attrs["linear_before_reset"] = d.i(0, 1)
    if d.maybe(0.2):
        attrs["clip"] = 0.5
    if d.maybe(0.2):
        attrs["activations"] = {"LSTM": ["Sigmoid", "Tanh", "Relu"], "GRU": ["HardSigmoid", "Tanh"], "RNN": ["Relu"]}[op] * two
    d.x(d.array([b, t, n] if layout else [t, b, n], F, -1, 1), False)
    d.x(d.array([two, gates * h, n], F, -1, 1)), d.x(d.array([two, gates * h, h], F, -1, 1))
    d.x(d.array([two, 2 * gates * h], F, -1, 1) if d.maybe() else None)
    d.x(d.r.integers(1, t + 1, [b]).astype(np.int32) if d.maybe(0.4) else None)
    state = [b, two, h] if layout else [two, b, h]
    d.x(d.array(state, F, -1, 1) if d.maybe() else None)
    if op == "LSTM":
        d.x(d.array(state, F, -1, 1) if d.maybe() else None)
        d.x(d.array([two, 3 * h], F, -1, 1) if d.maybe(0.3) else None)
    return op, attrs, 3 if op == "LSTM" else 2


def quantized(d):
    op = d.of("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "ConvInteger", "QLinearConv")
    d.opset, attrs = max(d.opset, 11 if op.startswith("Dy") else 10), {}
    shape = d.shape(2, 4)
    t = d.of(np.uint8, np.int8)
    if op == "DynamicQuantizeLinear":
        d.x(d.array(shape, F, d.of(-3.0, 1.0, -3.0), d.of(-1.0, 3.0, 3.0)) if d.maybe(0.9) else np.zeros(shape, F))
        return op, attrs, 3
    if op in ("QuantizeLinear", "DequantizeLinear"):
        axis = d.axis(len(shape))
        along = d.opset >= 13 and d.maybe()
        if along:
            attrs["axis"] = axis
        n = [shape[axis]] if along else []
        if op == "DequantizeLinear" and d.maybe(0.15):
            d.x(d.array(shape, np.int32)), d.x(np.asarray(abs(d.array(n)) + F(0.1)))
            return op, attrs, 1
        d.x(d.array(shape, F, -50, 50) if op[0] == "Q" else d.array(shape, t, -100, 100))
        d.x(np.asarray(abs(d.array(n)) + F(0.1)))
        if d.maybe(0.8) or op[0] == "D":
            d.x(d.array(n, t, 0, 100))
        return op, attrs, 1
    kernel = windows(d, 2, attrs)
    group = d.of(1, 1, 2)
    attrs["group"] = group
    c, out = group * d.i(1, 2), group * d.i(1, 2)
    x, w = d.array([1, c, 6, 5], np.uint8, 0, 255), d.array([out, c // group] + kernel, t, 0, 100)
    if op == "ConvInteger":
        d.x(x), d.x(w)
        if d.maybe(0.7):
            d.x(np.array(d.i(0, 20), np.uint8))
        return op, attrs, 1
    d.x(x), d.x(np.array(0.05, F)), d.x(np.array(d.i(0, 20), np.uint8))
    many = d.maybe()
    d.x(w), d.x(abs(d.array([out] if many else [])) / F(20) + F(0.01)), d.x(np.full([out] if many else [], 0 if many else d.i(0, 3), t))
    d.x(np.array(0.6, F)), d.x(np.array(d.i(0, 50), np.uint8))
    if d.maybe():
        d.x(d.array([out], np.int32))
    d.inputs[:] = [(np.asarray(a, dtype=a.dtype), h) for a, h in d.inputs]
    return op, attrs, 1


def qdq(d):
    """A product between DequantizeLinear and QuantizeLinear. With scales that are powers of two floats are exact too, so that results are the same
    bits, ties among them; with others they are floats."""
    op = d.of("Conv", "Conv", "Gemm", "MatMul")
    d.opset, d.all, attrs = max(d.opset, 13), False, {}
    even, many, k = d.maybe(0.7), d.maybe(), d.i(1, 40)
    tx, tw = d.of(np.uint8, np.int8), d.of(np.int8, np.int8, np.uint8)
    scale = lambda n, low: np.asarray((2.0 ** d.r.integers(low, low + 3, n) if even else d.r.random(n) * 0.02 + 2.0 ** (low + 1)).astype(F))
    zero = lambda n, t: np.asarray(d.r.integers(0, 20, n).astype(t))
    if op == "Conv":
        kernel = windows(d, 2, attrs)
        group = attrs["group"] = d.of(1, 1, 2, 3)
        c, n, axis = group * d.i(1, 5), group * d.i(1, 3), 0
        x, w = [d.i(1, 2), c, 6, 7], [n, c // group] + kernel
    else:
        m, n = d.i(1, 5), d.i(1, 9)
        attrs = {key: d.i(0, 1) for key in ("transA", "transB") if op == "Gemm" and d.maybe()}
        x, w, axis = ([k, m] if attrs.get("transA") else [m, k]), ([n, k] if attrs.get("transB") else [k, n]), 0 if attrs.get("transB") else 1
    sx, sw, sy = scale([], -5), scale([n] if many else [], -8), scale([], -2)
    d.x(d.array(x, F, -4, 4), False), d.x(sx, True), d.x(zero([], tx), True)
    d.x(d.array(w, tw, 0, 255) if tw == np.uint8 else d.array(w, tw, -127, 127), True), d.x(sw, True)
    d.x(np.zeros(sw.shape, tw) if many else zero([], tw), True), d.x(sy, True), d.x(zero([], tx), True)
    node = helper.make_node
    nodes = [node("QuantizeLinear", ["x0", "x1", "x2"], ["q"]), node("DequantizeLinear", ["q", "x1", "x2"], ["a"]),
             node("DequantizeLinear", ["x3", "x4", "x5"], ["b"], axis=axis if many else 0)]
    bias = d.of("", "whole", "float") if op != "MatMul" else ""
    if bias == "whole":
        d.x(d.array([n], np.int32, -3000, 3000), True), d.x(np.asarray(sx * sw, F), True), d.x(np.zeros(sw.shape, np.int32), True)
        nodes.append(node("DequantizeLinear", ["x8", "x9", "x10"], ["c"], axis=0))
    elif bias:
        d.x((d.array([n], np.int32) / F(16)).astype(F), True)
    nodes.append(node(op, ["a", "b"] + (["c" if bias == "whole" else "x8"] if bias else []), ["p"], **attrs))
    last = d.of("p", "Relu", "Clip")
    if last == "Clip":
        d.x(np.array(0, F), True), d.x(np.array(6, F), True)
    if last != "p":
        nodes.append(node(last, ["p"] + (["x%d" % (len(d.inputs) - 2), "x%d" % (len(d.inputs) - 1)] if last == "Clip" else []), ["r"]))
    nodes.append(node("QuantizeLinear", ["p" if last == "p" else "r", "x6", "x7"], ["y0"]) if even else
                 node("Identity", ["p" if last == "p" else "r"], ["y0"]))
    d.nodes = nodes
    return "QDQ", dict(attrs, op=op, even=even), 1


def sampled(d):
    op = d.of("GridSample", "RoiAlign", "DFT", "MaxUnpool", "Col2Im", "NonMaxSuppression", "STFT")
    attrs, outputs = {}, 1
    if op == "GridSample":
        d.opset = max(d.opset, 16)
        new = d.opset >= 20
        attrs = {"mode": d.of("linear", "nearest", "cubic") if new else d.of("bilinear", "nearest", "bicubic"),
                 "padding_mode": d.of("zeros", "border", "reflection"), "align_corners": d.i(0, 1)}
        d.x(d.array([2, 2, d.i(2, 5), d.i(2, 5)]))
        d.x(d.array([2, 3, 4, 2], F, -1.4, 1.4))
    elif op == "RoiAlign":
        d.opset = max(d.opset, 10)
        attrs = {"output_height": d.i(1, 3), "output_width": d.i(1, 3), "sampling_ratio": d.i(0, 3), "spatial_scale": d.of(1.0, 0.5),
                 "mode": d.of("avg", "avg", "max")}
        if d.opset >= 16 and d.maybe():
            attrs["coordinate_transformation_mode"] = d.of("half_pixel", "output_half_pixel")
        d.x(d.array([2, 2, 7, 6]))
        low = d.array([3, 2], F, 0, 3)
        d.held(np.concatenate([low, low + d.array([3, 2], F, 1, 5)], 1), F)
        d.x(np.array([0, 1, 1], np.int64))
    elif op == "DFT":
        d.opset = max(d.opset, 17)
        shape = [d.i(1, 2), d.i(2, 5), d.i(2, 5), d.of(1, 2)]
        axis = d.of(1, 2, -2, -3)
        attrs = {"inverse": 0}
        if shape[-1] == 2:
            attrs["inverse"] = d.i(0, 1)
        elif d.maybe():
            attrs["onesided"] = 1
        d.x(d.array(shape))
        if d.maybe(0.4):
            d.held(d.i(1, 7), np.int64)
        elif d.opset >= 20:
            d.x(None)
        if d.opset >= 20:
            d.held(axis, np.int64)
        else:
            attrs["axis"] = axis % 4
    elif op == "STFT":
        d.opset = max(d.opset, 17)
        attrs = {"onesided": d.i(0, 1)} if d.maybe() else {}
        d.x(d.array([2, 16, 1]), False)
        d.held(d.i(1, 5), np.int64)
        way = d.i(0, 2)
        d.x(d.array([6]) if way else None)
        if way != 1:
            d.held(6, np.int64)
    elif op == "MaxUnpool":
        d.opset = max(d.opset, 9)
        x = d.x(d.array([1, 2, 2, 3]))
        attrs = {"kernel_shape": [2, 2], "strides": [2, 2]}
        base = np.arange(2).reshape(1, 2, 1, 1) * 24 + (np.arange(2) * 2).reshape(1, 1, 2, 1) * 6 + (np.arange(3) * 2).reshape(1, 1, 1, 3)
        d.x((base + d.r.integers(0, 2, x.shape) + 6 * d.r.integers(0, 2, x.shape)).astype(np.int64))
    elif op == "Col2Im":
        d.opset = max(d.opset, 18)
        block, image = [d.i(1, 3), d.i(1, 3)], [d.i(4, 6), d.i(4, 6)]
        attrs = {"strides": [d.i(1, 2), d.i(1, 2)], "dilations": [d.i(1, 2), d.i(1, 2)], "pads": [d.i(0, 1) for _ in range(4)]}
        n = 1
        for k in range(2):
            n *= (image[k] + attrs["pads"][k] + attrs["pads"][k + 2] - attrs["dilations"][k] * (block[k] - 1) - 1) // attrs["strides"][k] + 1
        d.x(d.array([2, 2 * block[0] * block[1], n]))
        d.held(image), d.held(block)
    else:
        d.opset = max(d.opset, 10)
        low = d.array([2, 5, 2], F, 0, 3)
        d.x(np.concatenate([low, low + d.array([2, 5, 2], F, 0.5, 3)], 2), d.maybe(0.6))
        d.x(d.array([2, 2, 5], F, 0, 1), d.maybe(0.6))
        d.x(np.array([d.i(1, 4)], np.int64), True), d.x(np.array([d.of(0.2, 0.5)], F), True)
        if d.maybe():
            d.x(np.array([0.3], F), True)
        attrs = {"center_point_box": d.i(0, 1)}
    return op, attrs, outputs


def losses(d):
    op = d.of("NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss")
    d.opset = max(d.opset, 12)
    c, rest = d.i(2, 5), d.shape(0, 2)
    n = d.i(1, 4)
    attrs = {"reduction": d.of("none", "sum", "mean")} if d.maybe(0.8) else {}
    d.x(d.array([n, c] + rest))
    labels = d.r.integers(0, c, [n] + rest)
    if d.maybe(0.4):
        attrs["ignore_index"] = d.of(0, 1, -1, c + 3)
        labels = np.where(d.r.random(labels.shape) < 0.3, attrs["ignore_index"], labels)
        labels.reshape(-1)[0] = c - 1
    d.x(labels.astype(np.int64))
    if d.maybe():
        d.x(d.array([c], F, 0.1, 2))
    return op, attrs, d.i(1, 2) if op[0] == "S" else 1


def halves(d):
    """Operators of f16 and f64, and what is cast between."""
    op = d.of("Add", "Mul", "Sqrt", "Exp", "MatMul", "Softmax", "ReduceSum", "ReduceMean", "Conv", "LayerNormalization", "Gemm", "Sigmoid", "Div",
              "Max", "MaxPool", "AveragePool", "Clip", "Where", "Concat", "Gather", "InstanceNormalization", "GlobalAveragePool", "CumSum", "TopK",
              "Pow", "Greater", "Resize", "Relu", "Tanh", "ArgMax")
    t = d.of(np.float16, np.float64)
    d.opset = max(d.opset, 14)
    a = lambda s, low=-2.0, high=2.0: d.x(d.array(s, t, low, high))
    attrs, outputs = {}, 1
    if op in ("Add", "Mul", "Div", "Max", "Greater"):
        a([2, 3, 4]), a([3, 1], 0.5, 2)
    elif op in ("Sqrt", "Exp", "Sigmoid", "Relu", "Tanh", "Softmax", "ReduceMean", "ReduceSum", "ArgMax", "GlobalAveragePool"):
        a([2, 3, 4], 0)
    elif op == "Pow":
        a([2, 3], 0.5), d.x(d.array([3], d.of(t, np.int32, np.float32), 0, 2))
    elif op in ("MatMul", "Gemm"):
        a([3, 5]), a([5, 2])
    elif op == "Conv":
        a([1, 2, 5, 5]), a([3, 2, 3, 3])
        d.maybe() and a([3])
    elif op == "LayerNormalization":
        d.opset = max(d.opset, 17)
        a([2, 3, 4]), a([4]), a([4])
    elif op == "InstanceNormalization":
        a([2, 3, 4]), a([3]), a([3])
    elif op in ("MaxPool", "AveragePool"):
        a([1, 2, 5, 5])
        attrs["kernel_shape"] = [2, 3]
    elif op == "Clip":
        a([2, 3]), d.x(np.array(-1, t)), d.x(np.array(1, t))
    elif op == "Where":
        d.x(d.array([2, 3], np.bool_)), a([3]), a([2, 1])
    elif op == "Concat":
        a([2, 3]), a([2, 1])
        attrs["axis"] = 1
    elif op == "Gather":
        a([4, 2]), d.x(np.array([3, -1, 0], np.int64))
    elif op == "CumSum":
        t = np.float64 if d.opset < 14 else t
        a([2, 3]), d.x(np.array(1, np.int64), True)
    elif op == "TopK":
        a([3, 6]), d.x(np.array([2], np.int64), True)
        outputs = 2
    elif op == "Resize":
        a([1, 1, 3, 4]), d.x(None), d.x(np.array([1, 1, 2, 1.5], F), True)
        attrs["mode"] = "linear"
    return op, attrs, outputs


def modern(d):
    """What came after set 17, most of it known to the reference alone."""
    op = d.of("Attention", "Attention", "RotaryEmbedding", "RMSNormalization", "Swish", "TensorScatter", "AffineGrid", "DeformConv", "Det", "CumProd",
              "GroupNormalization", "Gelu", "Mish", "ReduceMax", "HannWindow", "HammingWindow", "BlackmanWindow", "MelWeightMatrix", "TfIdfVectorizer",
              "Pad", "LpPool", "AveragePool", "BitCast", "QuantizeLinear", "DequantizeLinear", "CausalConvWithState", "BitwiseNot", "GridSample")
    first = {"Attention": 23, "RotaryEmbedding": 23, "RMSNormalization": 23, "Swish": 24, "TensorScatter": 24, "AffineGrid": 20, "DeformConv": 19, "Det": 11,
             "CumProd": 26, "GroupNormalization": 21, "Gelu": 20, "Mish": 18, "ReduceMax": 20, "HannWindow": 17, "HammingWindow": 17, "BlackmanWindow": 17,
             "MelWeightMatrix": 17, "TfIdfVectorizer": 9, "Pad": 24, "LpPool": 22, "AveragePool": 22, "BitCast": 26, "QuantizeLinear": 21,
             "DequantizeLinear": 21, "CausalConvWithState": 27, "BitwiseNot": 18, "GridSample": 20}
    d.opset = max(first[op], d.i(18, 24))
    attrs, outputs = {}, 1
    if op == "Attention":
        b, hk, group, q, k, e, v = d.i(1, 2), d.i(1, 2), d.i(1, 3), d.i(1, 4), d.i(1, 5), 2 * d.i(1, 3), d.i(1, 4)
        h, three = hk * group, d.maybe()
        if three:
            attrs = {"q_num_heads": h, "kv_num_heads": hk}
        for rows, heads, width in ((q, h, e), (k, hk, e), (k, hk, v)):
            d.x(d.array([b, rows, heads * width] if three else [b, heads, rows, width]), False)
        past = d.i(1, 3) if d.maybe(0.3) else 0
        if d.maybe(0.5):
            shape = d.of([q, k + past], [1, 1, q, k + past], [b, 1, q, k + past], [b, h, q, k + past])
            d.x(d.array(shape) if d.maybe() else d.array(shape, np.bool_))
        else:
            d.x(None)
        if past:
            d.x(d.array([b, hk, past, e]), False), d.x(d.array([b, hk, past, v]), False)
        if d.maybe(0.4):
            attrs["is_causal"] = 1
        if d.maybe(0.3):
            attrs["softcap"] = 2.0
        if d.maybe(0.3):
            attrs["scale"] = 0.3
        if d.maybe(0.3) and not past:
            attrs["qk_matmul_output_mode"] = d.i(0, 3)
        outputs = 4 if "qk_matmul_output_mode" in attrs else 3 if past else 1
        if outputs == 4 and not past:
            d.skip = (1, 2)
    elif op == "RotaryEmbedding":
        b, s, h, e = d.i(1, 2), d.i(1, 4), d.i(1, 3), 4 * d.i(1, 2)
        part = d.of(0, 0, e // 2)
        half = (part or e) // 2
        three = d.maybe()
        attrs = {"interleaved": d.i(0, 1)}
        if part:
            attrs["rotary_embedding_dim"] = part
        if three or part:
            attrs["num_heads"] = h
        d.x(d.array([b, s, h * e] if three else [b, h, s, e]), False)
        if d.maybe():
            d.x(d.array([7, half])), d.x(d.array([7, half])), d.x(d.r.integers(0, 7, [b, s]).astype(np.int64))
        else:
            d.x(d.array([b, s, half])), d.x(d.array([b, s, half]))
    elif op == "RMSNormalization":
        shape = d.shape(1, 4)
        attrs = {"axis": d.axis(len(shape)), "epsilon": d.of(1e-5, 0.1)}
        d.x(d.array(shape), False), d.x(d.array(shape[attrs["axis"] % len(shape):]))
    elif op in ("Swish", "Gelu", "Mish"):
        d.x(d.array(d.shape(0, 3)))
        attrs = {"alpha": 1.7} if op == "Swish" and d.maybe() else {"approximate": d.of("none", "tanh")} if op == "Gelu" else {}
    elif op == "TensorScatter":
        b, n, e = d.i(1, 3), d.i(4, 6), d.i(1, 3)
        t = d.i(1, 3)
        attrs = {"mode": d.of("linear", "circular")} if d.maybe() else {}
        d.x(d.array([b, 2, n, e]), False), d.x(d.array([b, 2, t, e]), False)
        if d.maybe(0.8):
            d.x(d.r.integers(0, n if attrs.get("mode") == "circular" else n - t + 1, [b]).astype(np.int64))
    elif op == "AffineGrid":
        three = d.maybe()
        d.x(d.array([2, 3, 4] if three else [2, 2, 3]))
        d.held([2, 3, 2, 3, 4] if three else [2, 3, d.i(1, 4), d.i(2, 4)])
        attrs = {"align_corners": d.i(0, 1)}
    elif op == "DeformConv":
        group, parts = d.of(1, 2), d.of(1, 2)
        kernel = [d.i(1, 2), d.i(1, 3)]
        attrs = {"group": group, "offset_group": parts, "strides": [d.i(1, 2), 1], "pads": [d.i(0, 1) for _ in range(4)], "dilations": [1, d.i(1, 2)]}
        h = (5 + attrs["pads"][0] + attrs["pads"][2] - kernel[0]) // attrs["strides"][0] + 1
        w = 6 + attrs["pads"][1] + attrs["pads"][3] - attrs["dilations"][1] * (kernel[1] - 1)
        d.x(d.array([1, 2, 5, 6])), d.x(d.array([2, 2 // group] + kernel)), d.x(d.array([1, parts * 2 * kernel[0] * kernel[1], h, w]))
        d.x(d.array([2]) if d.maybe() else None)
        d.x(d.array([1, parts * kernel[0] * kernel[1], h, w]) if d.maybe() else None)
    elif op == "Det":
        n = d.i(1, 5)
        d.x(d.array(d.shape(0, 2) + [n, n]))
    elif op == "CumProd":
        shape = d.shape(1, 3)
        d.x(d.array(shape)), d.held(d.axis(len(shape)))
        attrs = {k: d.i(0, 1) for k in ("exclusive", "reverse") if d.maybe()}
    elif op == "GroupNormalization":
        c = d.of(2, 4)
        attrs = {"num_groups": 2}
        d.x(d.array([2, c] + d.shape(1, 2)), False), d.x(d.array([c])), d.x(d.array([c]))
    elif op == "ReduceMax":
        shape = d.of([2, 0, 3], d.shape(1, 3))
        d.x(d.array(shape, d.of(np.bool_, F)))
        d.held(d.axes(len(shape)))
        attrs = {"keepdims": d.i(0, 1)}
    elif op.endswith("Window"):
        d.held(d.i(1, 9))
        attrs = {"periodic": d.i(0, 1)}
    elif op == "MelWeightMatrix":
        for v, t in ((d.i(2, 8), np.int64), (d.of(16, 32), np.int64), (d.of(8000, 8192), np.int64), (0.0, F), (d.of(4000.0, 3000.0), F)):
            d.held(v, t)
    elif op == "TfIdfVectorizer":
        attrs = {"mode": d.of("TF", "IDF", "TFIDF"), "min_gram_length": d.i(1, 2), "max_gram_length": 2, "max_skip_count": d.i(0, 3),
                 "ngram_counts": [0, 4], "ngram_indexes": [0, 1, 2, 3, 4, 5, 6], "pool_int64s": [2, 3, 5, 4, 5, 6, 7, 8, 6, 7]}
        if d.maybe():
            attrs["weights"] = [0.5, 1.0, 2.0, 3.0, 1.5, 0.1, 0.7]
        d.x(d.r.integers(2, 9, d.of([12], [2, 6])).astype(np.int32), True)
    elif op == "Pad":
        shape = [d.i(3, 5) for _ in range(d.i(1, 3))]
        d.x(d.array(shape))
        d.held([d.i(0, 2) for _ in shape * 2])
        attrs = {"mode": d.of("wrap", "reflect", "edge")}
    elif op in ("LpPool", "AveragePool"):
        rank = d.i(1, 3)
        attrs["kernel_shape"] = windows(d, rank, attrs)
        attrs["ceil_mode"] = d.i(0, 1)
        if op[0] == "A":
            attrs["count_include_pad"] = d.i(0, 1)
        d.x(d.array([1, 2] + [d.i(5, 8) for _ in range(rank)]))
    elif op == "BitCast":
        d.x(d.array(d.shape(1, 2), np.int32))
        attrs = {"to": TensorProto.UINT32}
    elif op.endswith("Linear"):
        block = d.i(2, 3)
        shape = [4, 6]
        axis = d.i(0, 1)
        scales = [s if k != axis else -(-s // block) for k, s in enumerate(shape)]
        attrs = {"axis": axis, "block_size": block}
        t = d.of(np.int8, np.uint8)
        d.x(d.array(shape, F, -50, 50) if op[0] == "Q" else d.array(shape, t, -100, 100))
        d.x(abs(d.array(scales)) + F(0.2)), d.x(d.array(scales, t, 0, 20))
    elif op == "CausalConvWithState":
        b, c, n, k = d.i(1, 2), d.i(1, 3), d.i(1, 5), d.i(1, 4)
        d.x(d.array([b, c, n]), False), d.x(d.array([c, 1, k]))
        d.x(d.array([c]) if d.maybe() else None)
        d.x(d.array([b, c, k - 1]) if k > 1 and d.maybe() else None)
        attrs = {"activation": d.of("none", "silu", "swish")} if d.maybe() else {}
        outputs = 2
    elif op == "GridSample":
        attrs = {"mode": d.of("linear", "nearest"), "padding_mode": d.of("zeros", "border", "reflection"), "align_corners": d.i(0, 1)}
        d.x(d.array([1, 2, d.i(2, 3), d.i(2, 4), d.i(2, 4)])), d.x(d.array([1, 2, 3, 2, 3], F, -1.4, 1.4))
    else:
        d.x(d.array(d.shape(1, 3), d.of(*WHOLE)))
    return op, attrs, outputs


KINDS = [losses, halves, halves, modern, modern, modern, modern, unary, binary, binary, variadic, cast, clip, conv, conv_transpose, pool, pool, global_pool, resize, resize, resize, softmax, reduce,
         reduce, arg, pad, slices, gather, topk, shapes, shapes, shapes, products, norms, recurrent, quantized, sampled, qdq, qdq]


def make(seed, only):
    """A model and what it is fed, or None."""
    d = Draw(seed)
    op, attrs, outputs = KINDS[seed % len(KINDS)](d)
    if only and op != only:
        return None
    while d.inputs and d.inputs[-1][0] is None:
        d.inputs.pop()
    names = ["x%d" % k if a is not None else "" for k, (a, _) in enumerate(d.inputs)]
    of = {n: (np.asarray(a), held) for n, (a, held) in zip(names, d.inputs) if n}
    nodes = d.nodes or [helper.make_node(op, names, ["" if k in d.skip else "y%d" % k for k in range(outputs)], domain=d.domain, **attrs)]
    infos = [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape) for n, (a, held) in of.items() if not held]
    held = [numpy_helper.from_array(a, n) for n, (a, h) in of.items() if h]
    results = [onnx.ValueInfoProto(name="y%d" % k) for k in range(outputs) if k not in d.skip]
    graph = helper.make_graph(nodes, "g", infos, results, held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", d.opset)], ir_version=8 if d.opset < 21 else 11 if d.opset < 25 else 13)
    feeds = {n: a for n, (a, h) in of.items() if not h}
    told = "%s set %d %s %s" % (op, d.opset, {k: v for k, v in attrs.items() if k != "value"}, [
        (a.dtype.name, list(a.shape), "held" if h else "") if a.size > 12 else (a.dtype.name, a.tolist(), "held" if h else "")
        for a, h in of.values()])
    try:  # types of results, which the runtime asks for
        typed = onnx.shape_inference.infer_shapes(model, strict_mode=True)
        for y in typed.graph.output:
            if not y.type.tensor_type.elem_type:
                y.type.tensor_type.elem_type = helper.np_dtype_to_tensor_dtype(next(iter(of.values()))[0].dtype)
    except Exception as why:
        return None if "VERBOSE" not in os.environ else print("not valid:", told, str(why)[:300])
    return op, typed, feeds, told


def run_ort(model, feeds):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"]).run(None, feeds)


def answer(run, model, feeds):
    try:
        outputs = run(model, feeds)
        if all(isinstance(y, np.ndarray) or np.isscalar(y) for y in outputs):
            return [np.asarray(y) for y in outputs]
    except Exception:
        pass
    return None


def write(folder, model, feeds, outputs):
    data = os.path.join(folder, "test_data_set_0")
    os.makedirs(data)
    with open(os.path.join(folder, "model.onnx"), "wb") as f:
        f.write(model.SerializeToString())
    for k, (name, a) in enumerate(feeds.items()):
        with open(os.path.join(data, "input_%d.pb" % k), "wb") as f:
            f.write(numpy_helper.from_array(a, name).SerializeToString())
    for k, a in enumerate(outputs):
        with open(os.path.join(data, "output_%d.pb" % k), "wb") as f:
            f.write(numpy_helper.from_array(np.ascontiguousarray(a).reshape(a.shape), "y%d" % k).SerializeToString())


def verdicts(program, folder):
    """By case: the program's line."""
    out = subprocess.run([program, "--verbose", folder], capture_output=True, text=True).stdout
    return {m.group(2): m.group(1) + (": " + m.group(3) if m.group(1) != "passed" else "")
            for m in re.finditer(r"^(passed|WRONG|not covered) +(\S+?):? (.*)$", out, re.M)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only")
    parser.add_argument("--keep")
    a = parser.parse_args()
    work = a.keep or tempfile.mkdtemp()
    shutil.rmtree(work, ignore_errors=True)
    told, seed, made = {}, a.seed, 0
    while made < a.count and seed < a.seed + 40 * a.count:
        case = make(seed, a.only)
        seed += 1
        if not case:
            continue
        op, model, feeds, text = case
        name = "%s_%d" % (op, seed - 1)
        found = False
        for who, run in (("ort", run_ort), ("reference", lambda m, f: ReferenceEvaluator(m).run(None, f))):
            with np.errstate(all="ignore"):
                outputs = answer(run, model, feeds)
            if outputs is not None:
                write(os.path.join(work, who, name), model, feeds, outputs)
                found = True
        if found:
            told[name] = text
            made += 1
    ort, reference = verdicts(a.program, os.path.join(work, "ort")), verdicts(a.program, os.path.join(work, "reference"))
    passed, wrong, refused, differ = 0, 0, 0, 0
    for name, text in told.items():
        one, two = ort.get(name), reference.get(name)
        lines = [v for v in (one, two) if v]
        rule = [r for r in RULES if name.startswith(r[0] + "_") and r[1] in text and any(r[2] in v for v in lines)]
        if "passed" in lines:
            passed += 1
            if len(lines) == 2 and lines[0] != lines[1]:
                differ += 1
                print("they differ: %s\n    ORT:       %s\n    reference: %s\n    %s" % (name, one, two, text))
        elif any(v.startswith("not covered") for v in lines):
            refused += 1
            print("not covered: %s: %s\n    %s" % (name, lines[0], text))
        elif rule:
            passed += 1
        else:
            wrong += 1
            print("WRONG: %s\n    ORT:       %s\n    reference: %s\n    %s" % (name, one, two, text))
    print("%d models: %d as a peer computes them (%d where the peers differ), %d wrong, %d not covered" % (
        len(told), passed, differ, wrong, refused))
    if not a.keep:
        shutil.rmtree(work)
    return 1 if wrong or not told else 0


if __name__ == "__main__":
    sys.exit(main())
