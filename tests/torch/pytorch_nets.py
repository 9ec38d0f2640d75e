"""pytorch_nets.py - the nets that tuff-bench measures (samples/nets), for PyTorch: same layers, same table, same made-up numbers.

For inference batch norms are folded into their convolutions, which then have a bias; for training they are layers. A net is a function
or class that takes `training` and gives a module; parameters lie in the order of the layers. Weights have the variance gain^2 / fan_in.
"""
import math

import torch
import torch.nn.functional as F
from torch import nn

GAIN_RELU, GAIN_SILU, GAIN_GELU, GAIN_HARDSWISH = math.sqrt(2), 1.6765, 1.5335, 1.7059  # samples/nets/parts.h
BRANCH_GAIN = 0.5


# ---- values: the generator of nets.h, in integers of 64 bits --------------------------------------------------------------------------

def times32(v, factor):
    """v * factor mod 2^32, without going beyond 63 bits."""
    return (v * (factor & 0xFFFF) + ((v * (factor >> 16) & 0xFFFF) << 16)) & 0xFFFFFFFF


def hash32(count, seed):
    v = (torch.arange(count, dtype=torch.int64) + (seed * 0x9E3779B9 & 0xFFFFFFFF)) & 0xFFFFFFFF
    v = times32(v ^ (v >> 16), 0x7FEB352D)
    v = times32(v ^ (v >> 15), 0x846CA68B)
    return v ^ (v >> 16)


def uniform(shape, seed):
    return (hash32(math.prod(shape), seed).double() / 2147483648.0 - 1).reshape(shape)


def inputs_of(net, batch):
    """x and labels number 0, as zoo_work_inputs has them."""
    if net["tokens"]:
        length = net["sample"][0]
        text = (hash32(batch * (length + 1), 2000) % net["classes"]).reshape(batch, length + 1)
        return text[:, :-1].contiguous(), text[:, 1:].reshape(-1).contiguous()
    x = uniform((batch, *net["sample"]), 1000).float()
    if not net["classes"]:
        return x, uniform((batch, *net["labels"]), 2000).float()
    return x, hash32(batch * net["labels"], 2000) % net["classes"]


def set_peer_values(model, gain):
    """The peers' weights: parameters numbered from 1 in the order of the layers; dense ones are made as [in, out]."""
    for seed, parameter in enumerate(model.parameters(), 1):
        shape = parameter.shape
        if parameter.dim() == 4:
            value = uniform(shape, seed) * math.sqrt(gain / math.prod(shape[1:]))
        elif parameter.dim() == 2:
            value = uniform((shape[1], shape[0]), seed).t() * math.sqrt(gain / shape[1])
        else:
            value = torch.full(shape, 1.0 if getattr(parameter, "is_factor", False) else 0.0)
        parameter.data.copy_(value)


# ---- pieces ---------------------------------------------------------------------------------------------------------------------------

def fill(parameter, gain):
    bound = gain * math.sqrt(3 / math.prod(parameter.shape[1:]))
    nn.init.uniform_(parameter, -bound, bound)
    return parameter


def mark_factor(norm):
    norm.weight.is_factor = True
    return norm


class Conv(nn.Module):
    """Convolution with bias, or in training with its norm; then the activation."""

    def __init__(self, training, inputs, channels, kernel, stride=1, groups=1, pad=None, norm=False, gain=GAIN_RELU, act=None):
        super().__init__()
        norm = norm and training
        pad = kernel // 2 if pad is None else pad
        self.conv = nn.Conv2d(inputs, channels, kernel, stride, pad, groups=groups, bias=not norm)
        fill(self.conv.weight, gain)
        if not norm:
            nn.init.uniform_(self.conv.bias, -0.05, 0.05)
        self.norm = mark_factor(nn.BatchNorm2d(channels, eps=1e-5, momentum=0.1)) if norm else None
        self.act = act

    def forward(self, x):
        x = self.conv(x)
        if self.norm is not None:
            x = self.norm(x)
        return x if self.act is None else self.act(x)


class Dense(nn.Module):
    def __init__(self, inputs, units, gain=1, bias=True, act=None):
        super().__init__()
        self.linear = nn.Linear(inputs, units, bias=bias)
        fill(self.linear.weight, gain)
        if bias:
            nn.init.uniform_(self.linear.bias, -0.05, 0.05)
        self.act = act

    def forward(self, x):
        x = self.linear(x)
        return x if self.act is None else self.act(x)


class Call(nn.Module):
    """A function as a module."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def flatten():
    return Call(lambda x: x.flatten(1))


def pooled():
    return Call(lambda x: x.mean((2, 3)))


# ---- the peers' nets, and ResNet-18 ---------------------------------------------------------------------------------------------------

def mlp(training):
    return nn.Sequential(Dense(784, 256, act=F.relu), Dense(256, 128, act=F.relu), Dense(128, 10))


def cnn28(training):
    return nn.Sequential(Conv(training, 1, 32, 3, pad=0, act=F.relu), Conv(training, 32, 64, 3, pad=0, act=F.relu),
                         nn.MaxPool2d(2, 2), flatten(), Dense(9216, 128, act=F.relu), Dense(128, 10))


class Residual(nn.Module):
    """relu(body(x) + around(x)); the body's parameters come first."""

    def __init__(self, body, around):
        super().__init__()
        self.body, self.around = body, around

    def forward(self, x):
        return F.relu(self.body(x) + (x if self.around is None else self.around(x)))


def basic_block(training, inputs, channels, stride):
    body = nn.Sequential(Conv(training, inputs, channels, 3, stride, norm=True, act=F.relu),
                         Conv(training, channels, channels, 3, norm=True, gain=BRANCH_GAIN))
    return Residual(body, Conv(training, inputs, channels, 1, stride, norm=True, gain=1) if stride > 1 else None)


def bottleneck(training, inputs, channels, stride, first):
    body = nn.Sequential(Conv(training, inputs, channels, 1, norm=True, act=F.relu),
                         Conv(training, channels, channels, 3, stride, norm=True, act=F.relu),
                         Conv(training, channels, 4 * channels, 1, norm=True))
    return Residual(body, Conv(training, inputs, 4 * channels, 1, stride, norm=True) if first else None)


def stages(training, blocks, bottlenecks):
    layers, inputs = [], 64
    for stage, count in enumerate(blocks):
        channels = 64 << stage
        for block in range(count):
            stride = 2 if block == 0 and stage > 0 else 1
            if bottlenecks:
                layers.append(bottleneck(training, inputs, channels, stride, block == 0))
                inputs = 4 * channels
            else:
                layers.append(basic_block(training, inputs, channels, stride))
                inputs = channels
    return layers


def stem7(training):
    return [Conv(training, 3, 64, 7, 2, norm=True, act=F.relu), nn.MaxPool2d(3, 2, 1)]


def resnet18_32(training):
    return nn.Sequential(Conv(training, 3, 64, 3, norm=True, act=F.relu), *stages(training, (2, 2, 2, 2), False), pooled(),
                         Dense(512, 10))


def resnet18(training):
    return nn.Sequential(*stem7(training), *stages(training, (2, 2, 2, 2), False), pooled(), Dense(512, 1000))


def resnet50(training):
    return nn.Sequential(*stem7(training), *stages(training, (3, 4, 6, 3), True), pooled(), Dense(2048, 1000))


def mobilenet_v1(training):
    pairs = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)] + 5 * [(512, 1)] + [(1024, 2), (1024, 1)]
    layers, c = [Conv(training, 3, 32, 3, 2, norm=True, act=F.relu)], 32
    for channels, stride in pairs:
        layers.append(Conv(training, c, c, 3, stride, groups=c, norm=True, act=F.relu))
        layers.append(Conv(training, c, channels, 1, norm=True, act=F.relu))
        c = channels
    return nn.Sequential(*layers, pooled(), Dense(1024, 1000))


# ---- nets of convolutions for small devices ---------------------------------------------------------------------------------------------

class Fire(nn.Module):
    def __init__(self, training, inputs, squeeze, expand):
        super().__init__()
        self.squeeze = Conv(training, inputs, squeeze, 1, act=F.relu)
        self.one = Conv(training, squeeze, expand, 1, act=F.relu)
        self.three = Conv(training, squeeze, expand, 3, act=F.relu)

    def forward(self, x):
        x = self.squeeze(x)
        return torch.cat([self.one(x), self.three(x)], 1)


def squeezenet(training):
    fires = [(16, 64, True), (16, 64, False), (32, 128, True), (32, 128, False), (48, 192, True), (48, 192, False),
             (64, 256, False), (64, 256, False)]
    layers, c = [Conv(training, 3, 64, 3, 2, pad=0, act=F.relu)], 64
    for squeeze, expand, pool in fires:
        if pool:
            layers.append(nn.MaxPool2d(3, 2, ceil_mode=True))
        layers.append(Fire(training, c, squeeze, expand))
        c = 2 * expand
    return nn.Sequential(*layers, Conv(training, c, 1000, 1, act=F.relu), pooled())


class Excite(nn.Module):
    def __init__(self, training, channels, squeezed, inner, gate):
        super().__init__()
        self.down = Conv(training, channels, squeezed, 1, gain=3, act=inner)
        self.up = Conv(training, squeezed, channels, 1, act=gate)

    def forward(self, x):
        return x * self.up(self.down(x.mean((2, 3), keepdim=True)))


class Inverted(nn.Module):
    """Expansion, depthwise convolution, excitation, projection: MobileNetV2, V3 and EfficientNet."""

    def __init__(self, training, inputs, expanded, channels, kernel, stride, act, gain, squeezed=0, inner=None, gate=None):
        super().__init__()
        self.residual = stride == 1 and inputs == channels
        layers = []
        if expanded != inputs:
            layers.append(Conv(training, inputs, expanded, 1, norm=True, gain=1, act=act))
        layers.append(Conv(training, expanded, expanded, kernel, stride, groups=expanded, norm=True,
                           gain=1 if expanded == inputs else gain, act=act))
        if squeezed:
            layers.append(Excite(training, expanded, squeezed, inner, gate))
        gain *= (2 if squeezed else 1) * (BRANCH_GAIN if self.residual else 1)
        layers.append(Conv(training, expanded, channels, 1, norm=True, gain=gain))
        self.body = nn.Sequential(*layers)

    def forward(self, x):
        return x + self.body(x) if self.residual else self.body(x)


def mobilenet_v2(training):
    rows = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
    layers, c = [Conv(training, 3, 32, 3, 2, norm=True, act=F.relu6)], 32
    for expand, channels, blocks, stride in rows:
        for k in range(blocks):
            layers.append(Inverted(training, c, c * expand, channels, 3, stride if k == 0 else 1, F.relu6, GAIN_RELU))
            c = channels
    return nn.Sequential(*layers, Conv(training, c, 1280, 1, norm=True, gain=1, act=F.relu6), pooled(),
                         Dense(1280, 1000, GAIN_RELU))


def mobilenet_v3(training):
    rows = [(3, 16, 16, 1, 0, False), (3, 64, 24, 2, 0, False), (3, 72, 24, 1, 0, False), (5, 72, 40, 2, 24, False),
            (5, 120, 40, 1, 32, False), (5, 120, 40, 1, 32, False), (3, 240, 80, 2, 0, True), (3, 200, 80, 1, 0, True),
            (3, 184, 80, 1, 0, True), (3, 184, 80, 1, 0, True), (3, 480, 112, 1, 120, True), (3, 672, 112, 1, 168, True),
            (5, 672, 160, 2, 168, True), (5, 960, 160, 1, 240, True), (5, 960, 160, 1, 240, True)]
    layers, c = [Conv(training, 3, 16, 3, 2, norm=True, act=F.hardswish)], 16
    for kernel, expanded, channels, stride, squeezed, hard in rows:
        layers.append(Inverted(training, c, expanded, channels, kernel, stride, F.hardswish if hard else F.relu,
                               GAIN_HARDSWISH if hard else GAIN_RELU, squeezed, F.relu, F.hardsigmoid))
        c = channels
    return nn.Sequential(*layers, Conv(training, c, 960, 1, norm=True, gain=1, act=F.hardswish), pooled(),
                         Dense(960, 1280, 2 * GAIN_HARDSWISH, act=F.hardswish), Dense(1280, 1000, GAIN_HARDSWISH))


def efficientnet_b0(training):
    rows = [(1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3), (6, 5, 1, 112, 3), (6, 5, 2, 192, 4),
            (6, 3, 1, 320, 1)]
    layers, c = [Conv(training, 3, 32, 3, 2, norm=True, act=F.silu)], 32
    for expand, kernel, stride, channels, blocks in rows:
        for k in range(blocks):
            layers.append(Inverted(training, c, c * expand, channels, kernel, stride if k == 0 else 1, F.silu, GAIN_SILU, c // 4,
                                   F.silu, torch.sigmoid))
            c = channels
    return nn.Sequential(*layers, Conv(training, c, 1280, 1, norm=True, gain=1, act=F.silu), pooled(),
                         Dense(1280, 1000, 2 * GAIN_SILU))


def shuffled(first, second):
    x = torch.cat([first, second], 1)
    n, c, h, w = x.shape
    return x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)


class Shuffle(nn.Module):
    def __init__(self, training, inputs, half, stride):
        super().__init__()
        self.around = None
        if stride > 1:
            self.around = nn.Sequential(Conv(training, inputs, inputs, 3, 2, groups=inputs, norm=True),
                                        Conv(training, inputs, half, 1, norm=True, gain=1, act=F.relu))
        self.branch = nn.Sequential(Conv(training, inputs if stride > 1 else half, half, 1, norm=True, act=F.relu),
                                    Conv(training, half, half, 3, stride, groups=half, norm=True),
                                    Conv(training, half, half, 1, norm=True, gain=1, act=F.relu))

    def forward(self, x):
        if self.around is not None:
            return shuffled(self.around(x), self.branch(x))
        first, second = x.chunk(2, 1)
        return shuffled(first, self.branch(second))


def shufflenet_v2(training):
    layers, c = [Conv(training, 3, 24, 3, 2, norm=True, act=F.relu), nn.MaxPool2d(3, 2, 1)], 24
    for channels, blocks in ((116, 4), (232, 8), (464, 4)):
        for k in range(blocks):
            layers.append(Shuffle(training, c, channels // 2, 2 if k == 0 else 1))
            c = channels
    return nn.Sequential(*layers, Conv(training, c, 1024, 1, norm=True, act=F.relu), pooled(), Dense(1024, 1000, GAIN_RELU))


# ---- the detector -------------------------------------------------------------------------------------------------------------------------

def conv_silu(training, inputs, channels, kernel, stride=1):
    return Conv(training, inputs, channels, kernel, stride, norm=True, gain=GAIN_SILU, act=F.silu)


class CrossStage(nn.Module):
    def __init__(self, training, inputs, channels, blocks, residual):
        super().__init__()
        half = channels // 2
        self.residual = residual
        self.enter = conv_silu(training, inputs, channels, 1)
        self.blocks = nn.ModuleList(nn.Sequential(conv_silu(training, half, half, 3), conv_silu(training, half, half, 3))
                                    for _ in range(blocks))
        self.leave = conv_silu(training, half * (blocks + 2), channels, 1)

    def forward(self, x):
        parts = list(self.enter(x).chunk(2, 1))
        for block in self.blocks:
            y = block(parts[-1])
            parts.append((parts[-1] + y) * 0.7071 if self.residual else y)
        return self.leave(torch.cat(parts, 1))


class PyramidPool(nn.Module):
    def __init__(self, training, channels):
        super().__init__()
        self.enter = conv_silu(training, channels, channels // 2, 1)
        self.leave = conv_silu(training, 2 * channels, channels, 1)

    def forward(self, x):
        parts = [self.enter(x)]
        for _ in range(3):
            parts.append(F.max_pool2d(parts[-1], 5, 1, 2))
        return self.leave(torch.cat(parts, 1))


class Detect(nn.Module):
    def __init__(self, training, inputs):
        super().__init__()
        self.box = nn.Sequential(conv_silu(training, inputs, 64, 3), conv_silu(training, 64, 64, 3),
                                 Conv(training, 64, 64, 1, gain=GAIN_SILU))
        self.classes = nn.Sequential(conv_silu(training, inputs, 80, 3), conv_silu(training, 80, 80, 3),
                                     Conv(training, 80, 80, 1, gain=GAIN_SILU))

    def forward(self, x):
        return torch.cat([self.box(x), self.classes(x)], 1).flatten(2)


class Yolo(nn.Module):
    def __init__(self, training):
        super().__init__()
        self.eighth = nn.Sequential(conv_silu(training, 3, 16, 3, 2), conv_silu(training, 16, 32, 3, 2),
                                    CrossStage(training, 32, 32, 1, True), conv_silu(training, 32, 64, 3, 2),
                                    CrossStage(training, 64, 64, 2, True))
        self.sixteenth = nn.Sequential(conv_silu(training, 64, 128, 3, 2), CrossStage(training, 128, 128, 2, True))
        self.last = nn.Sequential(conv_silu(training, 128, 256, 3, 2), CrossStage(training, 256, 256, 1, True),
                                  PyramidPool(training, 256))
        self.up_middle = CrossStage(training, 384, 128, 1, False)
        self.up_fine = CrossStage(training, 192, 64, 1, False)
        self.down_middle, self.middle = conv_silu(training, 64, 64, 3, 2), CrossStage(training, 192, 128, 1, False)
        self.down_last, self.end = conv_silu(training, 128, 128, 3, 2), CrossStage(training, 384, 256, 1, False)
        self.detect = nn.ModuleList(Detect(training, c) for c in (64, 128, 256))
        self.places = nn.Parameter(torch.arange(16.0).reshape(16, 1))

    def forward(self, x):
        eighth = self.eighth(x)
        sixteenth = self.sixteenth(eighth)
        last = self.last(sixteenth)
        middle = self.up_middle(torch.cat([F.interpolate(last, scale_factor=2.0), sixteenth], 1))
        fine = self.up_fine(torch.cat([F.interpolate(middle, scale_factor=2.0), eighth], 1))
        middle = self.middle(torch.cat([self.down_middle(fine), middle], 1))
        last = self.end(torch.cat([self.down_last(middle), last], 1))
        y = torch.cat([detect(scale) for detect, scale in zip(self.detect, (fine, middle, last))], 2)
        n, _, cells = y.shape
        box = (y[:, :64].reshape(n, 4, 16, cells).softmax(2) * self.places).sum(2)
        return torch.cat([box, y[:, 64:].sigmoid()], 1)


# ---- U-Net --------------------------------------------------------------------------------------------------------------------------------

def two_windows(training, inputs, channels):
    return nn.Sequential(Conv(training, inputs, channels, 3, norm=True, act=F.relu),
                         Conv(training, channels, channels, 3, norm=True, act=F.relu))


class Unet(nn.Module):
    def __init__(self, training, width=16, levels=4, classes=4):
        super().__init__()
        at = [width << i for i in range(levels + 1)]
        self.down = nn.ModuleList(two_windows(training, at[i - 1] if i else 3, at[i]) for i in range(levels))
        self.middle = two_windows(training, at[-2], at[-1])
        self.twice = nn.ModuleList(nn.ConvTranspose2d(2 * at[i], at[i], 2, 2) for i in range(levels))
        self.up = nn.ModuleList(two_windows(training, 2 * at[i], at[i]) for i in range(levels))
        self.out = Conv(training, width, classes, 1)
        for twice in self.twice:
            bound = math.sqrt(3 * 4 / twice.in_channels)
            nn.init.uniform_(twice.weight, -bound, bound)
            nn.init.uniform_(twice.bias, -0.05, 0.05)

    def forward(self, x):
        beside = []
        for down in self.down:
            beside.append(down(x))
            x = F.max_pool2d(beside[-1], 2)
        x = self.middle(x)
        for twice, up, skip in reversed(list(zip(self.twice, self.up, beside))):
            x = up(torch.cat([skip, twice(x)], 1))
        return self.out(x).permute(0, 2, 3, 1).flatten(0, 2)


# ---- nets that give numbers ---------------------------------------------------------------------------------------------------------------

def encoder(training, code):
    return nn.Sequential(Call(lambda x: x.mean(1, keepdim=True)), Conv(training, 1, 16, 3, 2, act=F.relu),
                         Conv(training, 16, 32, 3, 2, act=F.relu), Conv(training, 32, 64, 3, 2, act=F.relu), flatten(), Dense(1024, code))


def decoder(training, code):
    widths, layers = (48, 32, 16, 16), [Dense(code, 48 * 16, GAIN_RELU, act=F.relu), nn.Unflatten(1, (48, 4, 4))]
    for a, b in zip(widths, widths[1:]):
        layers += [nn.Upsample(scale_factor=2), Conv(training, a, b, 3, act=F.relu)]
    return nn.Sequential(*layers, Conv(training, 16, 3, 3, act=torch.sigmoid))


def autoencoder(training):
    return nn.Sequential(encoder(training, 24), mark_factor(nn.BatchNorm1d(24)), decoder(training, 24))


class Forecast(nn.Module):
    def __init__(self, training):
        super().__init__()
        self.lstm, self.out = nn.LSTM(5, 32, batch_first=True), nn.Linear(32, 24)

    def forward(self, x):
        return self.out(self.lstm(x)[1][0][0]) + x[:, -24:, 0]


def tabular(training):
    return nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))


# ---- nets of attention --------------------------------------------------------------------------------------------------------------------

class Attention(nn.Module):
    def __init__(self, causal):
        super().__init__()
        self.causal = causal

    def forward(self, q, k, v):
        if k.shape[1] != q.shape[1]:  # each head of keys and values serves neighbours
            k, v = (t.repeat_interleave(q.shape[1] // t.shape[1], 1) for t in (k, v))
        if hasattr(F, "scaled_dot_product_attention"):
            return F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
        if self.causal:
            hidden = torch.ones(scores.shape[-2:], dtype=torch.bool, device=q.device).triu(1)
            scores = scores.masked_fill(hidden, -math.inf)
        return scores.softmax(-1) @ v


def heads(x, count):
    n, tokens, width = x.shape
    return x.view(n, tokens, count, width // count).transpose(1, 2)


def joined(x):
    return x.transpose(1, 2).flatten(2)


def table(rows, width):
    return fill(nn.Parameter(torch.empty(rows, width)), 1)


class Layer(nn.Module):
    """Layer norms before the branches: ViT and GPT-2."""

    def __init__(self, layers, width, count, hidden, causal, eps, act):
        super().__init__()
        branch = 1 / math.sqrt(2 * layers)
        self.count = count
        self.norm1, self.qkv = mark_factor(nn.LayerNorm(width, eps)), Dense(width, 3 * width)
        self.attention, self.out = Attention(causal), Dense(width, width, branch)
        self.norm2, self.up = mark_factor(nn.LayerNorm(width, eps)), Dense(width, hidden, act=act)
        self.down = Dense(hidden, width, GAIN_GELU * branch)

    def forward(self, x):
        q, k, v = (heads(t, self.count) for t in self.qkv(self.norm1(x)).chunk(3, -1))
        x = x + self.out(joined(self.attention(q, k, v)))
        return x + self.down(self.up(self.norm2(x)))


class Vit(nn.Module):
    def __init__(self, training):
        super().__init__()
        self.patches = Conv(training, 3, 384, 16, 16, pad=0)
        self.first, self.places = table(1, 384), table(197, 384)
        self.layers = nn.Sequential(*(Layer(12, 384, 6, 1536, False, 1e-6, F.gelu) for _ in range(12)))
        self.norm, self.out = mark_factor(nn.LayerNorm(384, 1e-6)), Dense(384, 1000)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.first.expand(x.shape[0], 1, -1), x], 1) + self.places
        return self.out(self.norm(self.layers(x))[:, 0])


def gelu_tanh(x):
    return F.gelu(x, approximate="tanh")


class Gpt(nn.Module):
    def __init__(self, training):
        super().__init__()
        self.tokens, self.places = table(256, 256), table(128, 256)
        self.layers = nn.Sequential(*(Layer(4, 256, 4, 1024, True, 1e-5, gelu_tanh) for _ in range(4)))
        self.norm = mark_factor(nn.LayerNorm(256, 1e-5))
        self.scores = Scores()

    def forward(self, x):
        y = self.norm(self.layers(F.embedding(x, self.tokens) + self.places))
        return self.scores(y, self.tokens).flatten(0, 1)


class Scores(nn.Module):
    """The last layer, whose weights are the table of tokens."""

    def forward(self, x, vectors):
        return F.linear(x, vectors)


class RmsNorm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        if hasattr(F, "rms_norm"):
            return F.rms_norm(x, self.weight.shape, self.weight, 1e-5)
        y = x.float()
        return (y * (y.square().mean(-1, keepdim=True) + 1e-5).rsqrt()).to(x.dtype) * self.weight


def turned(x, cos, sin):
    """Rotary positions: pairs (p, p + d/2)."""
    u, w = x.chunk(2, -1)
    return torch.cat([u * cos - w * sin, w * cos + u * sin], -1)


class Decoder(nn.Module):
    def __init__(self, layers, width, count, key_count, hidden):
        super().__init__()
        self.count, self.key_count = count, key_count
        key_width, branch = width // count * key_count, 1 / math.sqrt(2 * layers)
        self.norm1, self.q = RmsNorm(width), Dense(width, width, bias=False)
        self.k, self.v = Dense(width, key_width, bias=False), Dense(width, key_width, bias=False)
        self.attention, self.out = Attention(True), Dense(width, width, branch, bias=False)
        self.norm2, self.gate = RmsNorm(width), Dense(width, hidden, bias=False)
        self.up, self.down = Dense(width, hidden, bias=False), Dense(hidden, width, GAIN_SILU * branch, bias=False)

    def forward(self, x, cos, sin):
        y = self.norm1(x)
        q, k = turned(heads(self.q(y), self.count), cos, sin), turned(heads(self.k(y), self.key_count), cos, sin)
        x = x + self.out(joined(self.attention(q, k, heads(self.v(y), self.key_count))))
        y = self.norm2(x)
        return x + self.down(F.silu(self.gate(y)) * self.up(y))


class Smollm(nn.Module):
    def __init__(self, training, layers=30, width=576, count=9, tokens=128):
        super().__init__()
        self.tokens = table(49152, width)
        self.layers = nn.ModuleList(Decoder(layers, width, count, 3, 1536) for _ in range(layers))
        self.norm, self.scores = RmsNorm(width), Scores()
        d = width // count
        angles = torch.outer(torch.arange(tokens).double(), 100000 ** (-torch.arange(0, d, 2).double() / d))
        self.register_buffer("cos", angles.cos().float(), persistent=False)
        self.register_buffer("sin", angles.sin().float(), persistent=False)

    def forward(self, x):
        x = F.embedding(x, self.tokens)
        for layer in self.layers:
            x = layer(x, self.cos.to(x.dtype), self.sin.to(x.dtype))
        return self.scores(self.norm(x), self.tokens).flatten(0, 1)


class Loss(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x, labels):
        return (F.mse_loss if labels.is_floating_point() else F.cross_entropy)(self.model(x), labels)


# ---- the table: as samples/nets/table.c; a test compares them ---------------------------------------------------------------------------------------

def row(name, build, parameters, multiply_adds, sample=(3, 224, 224), classes=1000, train_batch=0, optimizer=None, gain=0,
        expected=(), tokens=False, labels=1):
    """parameters: as built for inference and for training (0: not trained); labels: of a sample that is no text; without classes their shape."""
    return dict(name=name, build=build, parameters=parameters, multiply_adds=multiply_adds, sample=sample, classes=classes,
                train_batch=train_batch, optimizer=optimizer, gain=gain, expected=expected, tokens=tokens, labels=labels)


def sgd(rate):
    return dict(kind="sgd", lr=rate, momentum=0.9)


def adam(rate, **more):
    return dict(kind="adam", lr=rate, **more)


def adamw(rate):
    return dict(kind="adamw", lr=rate, betas=(0.9, 0.95), weight_decay=0.1, clip_norm=1.0)


NETS = [
    row("squeezenet-1.1", squeezenet, (1235496, 0), 349151936),
    row("mobilenet-v1", mobilenet_v1, (4221032, 0), 568740352, gain=6, expected=(0.237478, 0.0295643, 0.196196, 0.0516065)),
    row("mobilenet-v2", mobilenet_v2, (3487816, 3504872), 300774272, train_batch=8, optimizer=sgd(0.01)),
    row("mobilenet-v3-large", mobilenet_v3, (5470832, 0), 216589760),
    row("shufflenet-v2", shufflenet_v2, (2270514, 0), 144907992),
    row("resnet18", resnet18, (11684712, 0), 1814073344),
    row("resnet50", resnet50, (25530472, 0), 4089184256, gain=6, expected=(-330.2476, -1983.406, 1127.052, 3362.560)),
    row("efficientnet-b0", efficientnet_b0, (5267540, 0), 385814752),
    row("vit-s16", Vit, (22050664, 0), 4598882304),
    row("yolov8n-320", Yolo, (3151904, 0), 1092864000, sample=(3, 320, 320), classes=80),
    row("unet-16", Unet, (1941156, 1942628), 758906880, sample=(3, 128, 128), classes=4, train_batch=8,
        optimizer=adam(0.001), labels=128 * 128),
    row("mlp", mlp, (235146, 235146), 234752, sample=(784,), classes=10, train_batch=128, optimizer=sgd(0.05), gain=1,
        expected=(2.302137, 2.298339, 2.291223)),
    row("cnn28", cnn28, (1199882, 1199882), 11992448, sample=(1, 28, 28), classes=10, train_batch=64,
        optimizer=adam(0.001), gain=1, expected=(2.314089, 2.175637, 2.085881)),
    row("resnet18-32", resnet18_32, (11169162, 11173962), 555422720, sample=(3, 32, 32), classes=10, train_batch=32,
        optimizer=sgd(0.01), gain=1, expected=(2.594961, 1.341213, 0.590160)),
    row("autoencoder-32", autoencoder, (88379, 88379), 5535744, sample=(3, 32, 32), classes=0, train_batch=16, optimizer=adam(2e-3),
        labels=(3, 32, 32)),
    row("lstm-72", Forecast, (5784, 5784), 341760, sample=(72, 5), classes=0, train_batch=64, optimizer=adam(4e-3, clip_norm=1.0),
        labels=(24,)),
    row("tabular", tabular, (5313, 5313), 5184, sample=(16,), classes=0, train_batch=64,
        optimizer=dict(kind="adamw", lr=2e-3, weight_decay=0.01), labels=(1,)),
    row("gpt-4x256", Gpt, (3257856, 3257856), 444596224, sample=(128,), classes=256, train_batch=8, optimizer=adamw(1e-3),
        tokens=True),
    row("smollm2-135m", Smollm, (134515008, 134515008), 17779654656, sample=(128,), classes=49152, train_batch=1,
        optimizer=adamw(3e-4), tokens=True),
]


def has_convolutions(net):
    return len(net["sample"]) == 3 and net["name"] != "vit-s16"


def counted(model):
    return sum(p.numel() for p in model.parameters())


def count_multiply_adds(net):
    """Of convolutions and matrix products, by one run of batch 1."""
    total = [0]

    def conv(module, _, y):
        total[0] += y.numel() * math.prod(module.weight.shape[1:])

    def spread(module, inputs, _):
        total[0] += inputs[0].numel() * math.prod(module.weight.shape[1:])

    def linear(module, _, y):
        total[0] += y.numel() * module.in_features

    def lstm(module, _, y):
        total[0] += y[0].numel() // module.hidden_size * (module.weight_ih_l0.numel() + module.weight_hh_l0.numel())

    def scores(_, inputs, y):
        total[0] += y.numel() * inputs[0].shape[-1]

    def attention(_, inputs, y):
        total[0] += 2 * y.numel() * inputs[1].shape[2]

    hooks = {nn.Conv2d: conv, nn.ConvTranspose2d: spread, nn.Linear: linear, nn.LSTM: lstm, Scores: scores, Attention: attention}
    model = net["build"](False).eval()
    for module in model.modules():
        if type(module) in hooks:
            module.register_forward_hook(hooks[type(module)])
    with torch.no_grad():
        model(inputs_of(net, 1)[0])
    return total[0]
