"""layers_sequence.py - norms, embedding, recurrent layers, attention and transformers as PyTorch computes them (layers.py)."""
import torch
import torch.nn.functional as F


def group_norm(n, x, p, training):
    return F.group_norm(x["a"], n["groups"], p.get("l.weight"), p.get("l.bias"), n["eps"])


def instance_norm(n, x, p, training):
    return F.instance_norm(x["a"], p.get("l.running_mean"), p.get("l.running_var"), p.get("l.weight"), p.get("l.bias"),
                           training or not n["track"], 0.1, 1e-5)


def embedding(n, x, p, training):
    if "padding" in n:
        assert training or not p["l.weight"][n["padding"]].any()
    return F.embedding(x["a"], p["l.weight"], n.get("padding"))


def prelu(n, x, p, training):
    return F.prelu(x["a"], p["l.weight"])


def bilinear(n, x, p, training):
    return F.bilinear(x["a"], x["b"], p["l.weight"], p["l.bias"])


def glu(n, x, p, training):
    return F.glu(x["a"], n["axis"])


def recurrent_module(n, x, training=True):
    kinds = {"LSTM": torch.nn.LSTM, "GRU": torch.nn.GRU, "RNN": torch.nn.RNN}
    more = {k: n[k] for k in ("nonlinearity", "proj_size") if k in n}
    return kinds[n["kind"]](x["a"].shape[-1], n["units"], num_layers=n.get("layers", 1), bias=bool(n.get("bias", 1)),
                            batch_first=bool(n.get("batch_first", 0)), bidirectional=bool(n.get("bidirectional", 0)), **more)


def with_parameters(module, x, p, *arguments, **named):
    """The module's results with the parameters of p; their names without what stands before the first point."""
    return torch.func.functional_call(module.double(), {k.split(".", 1)[1]: v for k, v in p.items()}, arguments, named, strict=True)


def recurrent(n, x, p, training):
    module, a = recurrent_module(n, x), x["a"]
    batch_first = module.batch_first
    states = None
    width, loops = n.get("proj_size", n["units"]), n.get("layers", 1) * (1 + n.get("bidirectional", 0))
    batch = a.shape[0 if batch_first else 1]
    if "h_0" in n:
        states = x[n["h_0"]]
    if n["kind"] == "LSTM" and states is not None:
        states = (states, x[n["c_0"]] if "c_0" in n else torch.zeros(loops, batch, n["units"], dtype=a.dtype))
    if "lengths" in n:
        packed = torch.nn.utils.rnn.pack_padded_sequence(a, x[n["lengths"]] + 1, batch_first=batch_first, enforce_sorted=False)
        y, last = with_parameters(module, x, p, packed, states)
        y, _ = torch.nn.utils.rnn.pad_packed_sequence(y, batch_first=batch_first, total_length=a.shape[1 if batch_first else 0])
    else:
        y, last = with_parameters(module, x, p, a, states)
    return (y, *last) if n["kind"] == "LSTM" else (y, last)


def hidden(mask):
    """PyTorch's masks of bools are true where nothing is seen; the first column always is."""
    if mask is None or mask.dtype != torch.bool:
        return mask
    seen = mask.clone()
    seen[..., 0] = True
    return ~seen


def added(mask):
    return None if mask is None or mask.dtype != torch.bool else torch.zeros(mask.shape, dtype=torch.float64).masked_fill(mask, -torch.inf)


def future(t):
    return torch.ones(t, t, dtype=torch.bool).triu(1)


def attention_module(n, x):
    k, v = (x[n.get(name, "a")] for name in ("k", "v"))
    e = x["a"].shape[-1]
    kdim, vdim = k.shape[-1], v.shape[-1]
    return torch.nn.MultiheadAttention(e, n["heads"], bias=bool(n.get("bias", 1)), batch_first=True,
                                       kdim=kdim if kdim != e else None, vdim=vdim if vdim != e else None)


def attention(n, x, p, training):
    q, k, v = x["a"], x[n.get("k", "a")], x[n.get("v", "a")]
    mask, keys = hidden(x.get(n.get("mask"))), hidden(x.get(n.get("key_mask")))
    if n.get("causal"):
        mask = future(q.shape[1])
    if "lengths" in n:
        keys = torch.arange(k.shape[1]) >= (x[n["lengths"]] + 1)[:, None]
    if keys is not None and mask is not None and mask.dtype != torch.bool:
        keys = added(keys)
    y, each = with_parameters(attention_module(n, x), x, p, q, k, v, key_padding_mask=keys, attn_mask=mask, average_attn_weights=False)
    return y, each.mean(1), each


def attention_grouped(n, x, p, training):
    a, heads, key_heads = x["a"], n["heads"], n["key_heads"]
    b, t, e = a.shape
    d = e // heads
    q, k, v = (F.linear(a, p["l.in_proj_weight"]).split([heads * d, key_heads * d, key_heads * d], -1))
    q, k, v = (y.view(b, t, -1, d).transpose(1, 2) for y in (q, k, v))
    angle = torch.arange(t, dtype=torch.float64)[:, None] * n["theta"] ** (-torch.arange(d // 2, dtype=torch.float64) / (d // 2))
    cosine, sine = angle.cos().float().double(), angle.sin().float().double()  # as Tuff keeps them

    def turned(y):
        u, w = y[..., :d // 2], y[..., d // 2:]
        return torch.cat([u * cosine - w * sine, w * cosine + u * sine], -1)
    q, k = turned(q), turned(k)
    k, v = (y.repeat_interleave(heads // key_heads, 1) for y in (k, v))
    each = (q @ k.transpose(-1, -2) / d ** 0.5).masked_fill(future(t), -torch.inf).softmax(-1)
    return F.linear((each @ v).transpose(1, 2).reshape(b, t, e), p["l.out_proj.weight"]), each.mean(1), each


def positions(n, x, p, training):
    return x["a"] + p["l.weight"][:x["a"].shape[-2]]


def sinusoids(n, x, p, training):
    t, e = x["a"].shape[-2:]
    k = torch.arange(e)
    angle = torch.arange(t, dtype=torch.float64)[:, None] / 10000 ** ((k // 2 * 2).double() / e)
    return x["a"] + torch.where(k % 2 == 0, angle.sin(), angle.cos()).float().double()


def transformer(kind, n, x):
    e = x["a"].shape[-1]
    one = getattr(torch.nn, "Transformer%sLayer" % kind)(
        e, n["heads"], n["hidden"], dropout=0.0, activation=n.get("activation", "relu"), layer_norm_eps=n.get("eps", 1e-5), batch_first=True,
        norm_first=bool(n.get("norm_first", 0)), bias=bool(n.get("bias", 1)))
    if "layers" not in n:
        return one
    last = torch.nn.LayerNorm(e, n.get("eps", 1e-5), bias=bool(n.get("bias", 1))) if n.get("norm") else None
    stack = getattr(torch.nn, "Transformer" + kind)
    return stack(one, n["layers"], last, enable_nested_tensor=False) if kind == "Encoder" else stack(one, n["layers"], last)


def encoder(n, x, p, training):
    return with_parameters(transformer("Encoder", n, x), x, p, x["a"], src_key_padding_mask=hidden(x.get(n.get("key_mask"))))


def decoder(n, x, p, training):
    mask = future(x["a"].shape[1]) if n.get("causal") else hidden(x.get(n.get("mask")))
    return with_parameters(transformer("Decoder", n, x), x, p, x["a"], x["b"], tgt_mask=mask,
                           memory_key_padding_mask=hidden(x.get(n.get("memory_mask"))))


CASES = {f.__name__: f for f in (group_norm, instance_norm, embedding, prelu, bilinear, glu, recurrent, attention,
                                    attention_grouped, positions, sinusoids, encoder, decoder)}
MODULES = {
    "group_norm": lambda n, x: torch.nn.GroupNorm(n["groups"], x["a"].shape[1], affine=n["groups"] == 3),
    "embedding": lambda n, x: torch.nn.Embedding(n["count"], 23 if n["count"] == 11 else 7, padding_idx=n.get("padding")),
    "prelu": lambda n, x: torch.nn.PReLU(1 if x["a"].dim() == 2 else 4),
    "bilinear": lambda n, x: torch.nn.Bilinear(x["a"].shape[-1], x["b"].shape[-1], 7),
    "recurrent": recurrent_module,
    "attention": attention_module,
    "positions": lambda n, x: torch.nn.Embedding(9, 10),
}
