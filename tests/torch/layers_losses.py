"""layers_losses.py - losses as PyTorch computes them (layers.py)."""
import torch
import torch.nn.functional as F


def shifted(x, p):
    return x["a"] + p["shift"]


def log_p(x, p, axis=1):
    return F.log_softmax(shifted(x, p), axis)


def classes(n, x):
    return {"weight": x.get("c"), "ignore_index": n.get("ignore", -100), "reduction": n["reduction"]}


def nll_loss(n, x, p, training):
    return F.nll_loss(log_p(x, p), x["b"], **classes(n, x))


def cross_entropy(n, x, p, training):
    return F.cross_entropy(shifted(x, p), x["b"], label_smoothing=n["smoothing"], **classes(n, x))


def cross_entropy_soft(n, x, p, training):
    return F.cross_entropy(shifted(x, p), x["b"], weight=x.get("c"), reduction=n["reduction"], label_smoothing=n.get("smoothing", 0.0))


def focal_loss(n, x, p, training):
    """Lin et al. 2017; the mean is that of weighted cross entropy."""
    labels = x["b"]
    each = F.nll_loss(log_p(x, p), labels, reduction="none")
    loss = (1 - torch.exp(-each)) ** n["gamma"] * each
    used = (x["c"][labels] if "c" in x else torch.ones_like(loss)) * (labels != n.get("ignore", -100))
    loss = used * loss
    return {"none": loss, "sum": loss.sum(), "mean": loss.sum() / used.sum()}[n["reduction"]]


def reduced(n, loss):
    return {"none": loss, "sum": loss.sum(), "mean": loss.mean()}[n["reduction"]]


def sigmoid_focal_loss(n, x, p, training):
    """torchvision.ops.sigmoid_focal_loss, which PyTorch alone does not have."""
    logits, t = shifted(x, p), x["b"] if n["alpha"] >= 0 else torch.round(x["b"])
    q = torch.sigmoid(logits)
    q = q * t + (1 - q) * (1 - t)
    loss = F.binary_cross_entropy_with_logits(logits, t, reduction="none") * (1 - q) ** n["gamma"]
    if n["alpha"] >= 0:
        loss = (n["alpha"] * t + (1 - n["alpha"]) * (1 - t)) * loss
    return reduced(n, loss)


def bce_loss(n, x, p, training):
    return F.binary_cross_entropy(torch.sigmoid(shifted(x, p)), x["b"], weight=x.get("c"), reduction=n["reduction"])


def bce_with_logits(n, x, p, training):
    weight = x["c"].unsqueeze(1) if "c" in x else None
    return F.binary_cross_entropy_with_logits(shifted(x, p), x["b"], weight=weight, pos_weight=x.get("d"), reduction=n["reduction"])


def smooth_l1_loss(n, x, p, training):
    return F.smooth_l1_loss(shifted(x, p), x["b"], beta=n["beta"], reduction=n["reduction"])


def huber_loss(n, x, p, training):
    return F.huber_loss(shifted(x, p), x["b"], delta=n["delta"], reduction=n["reduction"])


def kl_div(n, x, p, training):
    how = {"log_target": "log_target" in n}
    if n["reduction"] == "mean" and "batch" not in n:  # which PyTorch warns of
        return F.kl_div(log_p(x, p), x["b"], reduction="none", **how).mean()
    return F.kl_div(log_p(x, p), x["b"], reduction="batchmean" if "batch" in n else n["reduction"], **how)


def poisson_nll_loss(n, x, p, training):
    rate = torch.sigmoid(shifted(x, p)) if "rate" in n else shifted(x, p)
    return F.poisson_nll_loss(rate, x["b"], log_input="rate" not in n, full="full" in n, reduction=n["reduction"])


def gaussian_nll_loss(n, x, p, training):
    return F.gaussian_nll_loss(shifted(x, p), x["b"], x["c"], full=True, reduction=n["reduction"])


def hinge_embedding_loss(n, x, p, training):
    return F.hinge_embedding_loss(shifted(x, p), torch.sign(x["b"]), margin=n["margin"], reduction=n["reduction"])


def margin_ranking_loss(n, x, p, training):
    return F.margin_ranking_loss(shifted(x, p), x["b"], torch.sign(x["c"]), margin=n["margin"], reduction=n["reduction"])


def cosine_embedding_loss(n, x, p, training):
    return F.cosine_embedding_loss(shifted(x, p), x["b"], torch.sign(x["c"]), margin=n["margin"], reduction=n["reduction"])


def triplet_margin_loss(n, x, p, training):
    return F.triplet_margin_loss(shifted(x, p), x["b"], x["c"], margin=n["margin"], swap=bool(n["swap"]), reduction=n["reduction"])


def cosine_similarity(n, x, p, training):
    return F.cosine_similarity(shifted(x, p), x["b"], dim=n["axis"])


def ctc_loss(n, x, p, training):
    targets = x["b"] + 1 if n["blank"] == 0 else x["b"]
    return F.ctc_loss(log_p(x, p, 2), targets, torch.tensor(n["times"]), torch.tensor(n["sizes"]), blank=n["blank"],
                      zero_infinity="zero" in n, reduction=n["reduction"])


def weigh_losses(n, x, p, training):
    loss = F.mse_loss(shifted(x, p), x["b"], reduction="none")
    w = x["c"].unsqueeze(1).expand_as(loss)
    return {"none": w * loss, "sum": (w * loss).sum(), "mean": (w * loss).sum() / w.sum()}[n["reduction"]]


CASES = {f.__name__: f for f in (nll_loss, cross_entropy, cross_entropy_soft, focal_loss, sigmoid_focal_loss, bce_loss, bce_with_logits,
                                 smooth_l1_loss, huber_loss, kl_div, poisson_nll_loss, gaussian_nll_loss, hinge_embedding_loss,
                                 margin_ranking_loss, cosine_embedding_loss, triplet_margin_loss, cosine_similarity, ctc_loss, weigh_losses)}
MODULES = {}
