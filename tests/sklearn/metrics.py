#!/usr/bin/env python3
"""metrics.py - scikit-learn and Fairlearn score what `graph_metrics --print` printed, and the numbers are compared.

  metrics.py FILE     compare; exits non-zero where they differ
"""
import functools
import sys

import numpy as np
import sklearn.metrics as sk
from fairlearn.metrics import MetricFrame

FIRST = 1e-9 * np.arange(4)  # of equal scores the first comes first


def functions():
    found = {"accuracy": lambda y, p: sk.accuracy_score(y, p["answer"]),
             "top_k": lambda y, p: sk.top_k_accuracy_score(y, np.stack(p["scores"]) - FIRST, k=2, labels=range(4)),
             "auc": lambda y, p: sk.roc_auc_score(y, np.stack(p["scores"]), multi_class="ovr", labels=range(4)),
             "perplexity": lambda y, p: np.exp(sk.log_loss(y, np.stack(p["scores"]), labels=range(4)))}
    for name, of in (("precision", sk.precision_score), ("recall", sk.recall_score), ("f1", sk.f1_score), ("iou", sk.jaccard_score)):
        for average in ("macro", "micro", "weighted"):
            found[f"{name}_{average}"] = functools.partial(lambda of, average, y, p: of(y, p["answer"], average=average, zero_division=0),
                                                           of, average)
    return found


def read(path):
    seeds = []
    for line in open(path):
        words = line.split()
        if words[0] == "seed":
            seeds.append(([], {}))
        elif words[0] == "sample":
            seeds[-1][0].append([float(w) for w in words[1:]])
        else:
            seeds[-1][1][words[1]] = [float(w) for w in words[2:]]
    return seeds


def main():
    wrong = compared = 0
    for number, (samples, scores) in enumerate(read(sys.argv[1])):
        table = np.array(samples)
        labels, groups, probabilities = table[:, 0].astype(int), table[:, 1].astype(int), table[:, 2:6]
        answers = np.empty(len(labels), dtype=object)
        for i, row in enumerate(probabilities):
            answers[i] = {"answer": int(np.argmax(row)), "scores": row}

        def on(f, y, p):
            columns = {k: [row[k] for row in p] for k in ("answer", "scores")}
            return f(y, columns)

        frame = MetricFrame(metrics={n: functools.partial(on, f) for n, f in functions().items()}, y_true=labels, y_pred=answers,
                            sensitive_features=groups)
        expected = {n: [frame.overall[n], frame.difference("between_groups")[n], frame.ratio("between_groups")[n]] for n in functions()}
        targets, values = table[:, 6], table[:, 7]
        for name, of in (("mae", sk.mean_absolute_error), ("mse", sk.mean_squared_error), ("r2", sk.r2_score)):
            expected[name] = [of(targets, values)]
        for name, numbers in scores.items():
            for what, a, b in zip(("value", "difference", "ratio"), numbers, expected[name]):
                compared += 1
                if not abs(a - b) <= 1e-6 * max(1, abs(b)):
                    print(f"set {number}: {what} of {name} is {a:.9g}, expected {b:.9g}")
                    wrong += 1
    print(f"{compared} numbers compared, {wrong} differ")
    return wrong > 0 or compared < 200


sys.exit(main())
