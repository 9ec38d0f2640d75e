"""runtime.py FOLDER - models that Tuff wrote (onnx_write --dump), judged by others: the ONNX project's checker with full shape inference, and
ONNX Runtime, which gives what Tuff gave: |a - b| <= 2e-5 max |b| + 1e-4 |b| of floats, whole numbers are equal. Of real models (model-NAME) 1e-4 +
1e-3 |b|, as their cases say; of quantized ones, where a step more or less goes on, a tenth of max |b| and 1 / 128. Of what Tuff quantized (int8-NAME),
optimized, as it stands, and with x64quantprecision, one step of the output."""

import glob
import os
import sys

import numpy
import onnx
import onnxruntime

# What ONNX Runtime's processor part says of what it lacks: padding of dilated windows, windows of an even number of channels.
LACKS = ("Pad should be smaller than kernel", "size_ % 2 == 1 was false", "Could not find an implementation for Where(16)")
THEN = {"optimized": "plain", "plain": "precise"}  # of what Tuff quantized


def step_of(model, output):
    """The scale of the DequantizeLinear that gives an output."""
    scale = next(n.input[1] for n in model.graph.node if output in n.output)
    return float(next(onnx.numpy_helper.to_array(t) for t in model.graph.initializer if t.name == scale))


def same(got, wanted, name, step=None):
    if got.dtype != wanted.dtype or got.shape != wanted.shape:
        return f"{got.dtype} {got.shape}, not {wanted.dtype} {wanted.shape}"
    if wanted.dtype.kind != "f":
        return None if numpy.array_equal(got, wanted) else f"{got.ravel()[:8]}, not {wanted.ravel()[:8]}"
    a, b = got.astype(numpy.float64), wanted.astype(numpy.float64)
    finite = numpy.isfinite(b) & (numpy.abs(b) < 1e30)
    most = numpy.abs(b[finite]).max(initial=0)
    with numpy.errstate(invalid="ignore"):
        room = 2e-5 * most + 1e-4 * numpy.abs(b)
        if name.startswith("model-"):
            room = 0.1 * most + 1 / 128 if "int8" in name else 1e-4 + 1e-3 * numpy.abs(b)
        if step:
            room = 1.001 * step
        wrong = finite & ~(numpy.abs(a - b) <= room)
    if not wrong.any():
        return None
    i = numpy.argwhere(wrong)[0]
    return f"element {i}: {a[tuple(i)]:.9g}, not {b[tuple(i)]:.9g}; {wrong.sum()} of {b.size}"


def check(path, way="optimized"):
    onnx.checker.check_model(path, full_check=True)
    name = os.path.basename(path)[:-5]
    int8 = name.startswith("int8-")
    options = onnxruntime.SessionOptions()
    if way == "precise":
        options.add_session_config_entry("session.x64quantprecision", "1")
    if way == "plain":
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    options.intra_op_num_threads = 2
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as e:  # pylint: disable=broad-except
        lacks = [text for text in LACKS if text in str(e)]
        if not lacks:
            raise
        return "not run: ONNX Runtime: " + lacks[0]
    if not all(os.path.exists(f"{path[:-5]}.i{i}.npy") for i in range(len(session.get_inputs()))):
        return "not run: numpy lacks a type of its inputs"
    feeds = {x.name: numpy.load(f"{path[:-5]}.i{i}.npy") for i, x in enumerate(session.get_inputs())}
    outputs = session.run(None, feeds)
    if any(n.op_type == "RandomUniform" for n in onnx.load(path, load_external_data=False).graph.node):
        return None  # others than Tuff's
    for i, got in enumerate(outputs):
        wanted = f"{path[:-5]}.o{i}.npy"
        step = step_of(onnx.load(path), session.get_outputs()[i].name) if int8 else None
        why = same(got, numpy.load(wanted), name, step) if os.path.exists(wanted) else None
        if why:
            raise ValueError(f"output {i}: {why}")
    return check(path, THEN[way]) if int8 and way in THEN else None


def main():
    bad, good, skipped = 0, 0, 0
    for path in sorted(glob.glob(os.path.join(sys.argv[1], "*.onnx"))):
        try:
            why = check(path)
            good += why is None
            if why:
                skipped += 1
                print(f"{os.path.basename(path)}: {why}")
        except Exception as e:  # pylint: disable=broad-except
            bad += 1
            print(f"{os.path.basename(path)}: {str(e)[:400]}")
    print(f"onnx {onnx.__version__}, ONNX Runtime {onnxruntime.__version__}: {good} models are right, {bad} wrong, {skipped} not run")
    return bad > 0 or good == 0


sys.exit(main())
