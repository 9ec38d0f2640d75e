"""answers.py FOLDER - what ONNX Runtime makes of FOLDER/model.onnx is what FOLDER/answers.npz holds: x, and the probabilities of its classes."""
import sys

import numpy as np
import onnx
import onnxruntime

folder = sys.argv[1]
onnx.checker.check_model(folder + "/model.onnx", full_check=True)
session = onnxruntime.InferenceSession(folder + "/model.onnx", providers=["CPUExecutionProvider"])
answers = np.load(folder + "/answers.npz")
names = [output.name for output in session.get_outputs()]
given = session.get_inputs()[0]
count = given.shape[0] if isinstance(given.shape[0], int) else len(answers["x"])
worst, right = 0.0, 0
for first in range(0, len(answers["x"]) - count + 1, count):
    outputs = dict(zip(names, session.run(names, {given.name: answers["x"][first : first + count]})))
    wanted = answers["probabilities"][first : first + count]
    got = next(value for value in outputs.values() if value.shape == wanted.shape)
    worst = max(worst, float(np.abs(got - wanted).max()))
    right += int((got.argmax(1) == wanted.argmax(1)).sum())
print(f"{len(answers['x'])} pictures: {right} with the same best class, the largest difference of a probability is {worst:.2g}")
sys.exit(0 if right == len(answers["x"]) and worst < 1e-4 else 1)
