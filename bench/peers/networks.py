"""The six networks that are measured, written with PyTorch alone, so that nothing else has to be installed.

They have the layers of the published networks and random weights of a fixed seed: they tell speed and how far answers are
apart, and no accuracy of a task. Statistics of batch norms are those of random pictures, so that activations stay of order 1.
"""

import torch
from torch import nn
from torch.nn import functional


class Normed(nn.Sequential):
    """Convolution, batch norm and an activation, the brick of all CNNs here."""

    def __init__(self, c_in, c_out, k=1, stride=1, groups=1, dilation=1, act=nn.ReLU):
        pad = dilation * (k - 1) // 2
        conv = nn.Conv2d(c_in, c_out, k, stride, pad, dilation, groups, bias=False)
        super().__init__(conv, nn.BatchNorm2d(c_out), *([act()] if act else []))


# ---- ResNet-50, and FCN on it


class Bottleneck(nn.Module):
    def __init__(self, c_in, width, stride, dilation):
        super().__init__()
        c_out = 4 * width
        self.main = nn.Sequential(
            Normed(c_in, width),
            Normed(width, width, 3, stride, dilation=dilation),
            Normed(width, c_out, act=None),
        )
        self.side = Normed(c_in, c_out, 1, stride, act=None) if stride > 1 or c_in != c_out else nn.Identity()

    def forward(self, x):
        return functional.relu(self.main(x) + self.side(x))


def resnet50_body(keeps_size=False):
    """keeps_size: the last two stages have dilation in place of strides, as FCN wants them."""
    layers = [Normed(3, 64, 7, 2), nn.MaxPool2d(3, 2, 1)]
    c, dilation = 64, 1
    for width, blocks, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        before = dilation
        if keeps_size and width >= 256:
            dilation, stride = dilation * stride, 1
        for i in range(blocks):
            layers.append(Bottleneck(c, width, stride if i == 0 else 1, before if i == 0 else dilation))
            c = 4 * width
    return nn.Sequential(*layers)


def classifier(body, channels):
    return nn.Sequential(body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 1000))


class Fcn(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = resnet50_body(keeps_size=True)
        self.head = nn.Sequential(Normed(2048, 512, 3), nn.Conv2d(512, 21, 1))

    def forward(self, x):
        y = self.head(self.body(x))
        return functional.interpolate(y, size=x.shape[-2:], mode="bilinear", align_corners=False)


# ---- MobileNetV2 and EfficientNet-B0


class Inverted(nn.Module):
    """Expand, depthwise, optional squeeze-and-excite, project."""

    def __init__(self, c_in, c_out, k, stride, expand, act, squeeze=0):
        super().__init__()
        width = c_in * expand
        self.widen = Normed(c_in, width, act=act) if expand > 1 else nn.Identity()
        self.depthwise = Normed(width, width, k, stride, groups=width, act=act)
        self.excite = (
            nn.Sequential(
                nn.AdaptiveAvgPool2d(1), nn.Conv2d(width, squeeze, 1), nn.SiLU(), nn.Conv2d(squeeze, width, 1), nn.Sigmoid()
            )
            if squeeze
            else None
        )
        self.project = Normed(width, c_out, act=None)
        self.adds = stride == 1 and c_in == c_out

    def forward(self, x):
        y = self.depthwise(self.widen(x))
        if self.excite is not None:
            y = y * self.excite(y)
        y = self.project(y)
        return x + y if self.adds else y


def inverted_net(rows, first, last, act, squeezes):
    """rows: kernel, expansion, channels, how many, stride of the first."""
    layers, c = [Normed(3, first, 3, 2, act=act)], first
    for k, expand, channels, count, stride in rows:
        for i in range(count):
            layers.append(Inverted(c, channels, k, stride if i == 0 else 1, expand, act, c // 4 if squeezes else 0))
            c = channels
    layers.append(Normed(c, last, act=act))
    return classifier(nn.Sequential(*layers), last)


MOBILENET_V2 = (
    (3, 1, 16, 1, 1), (3, 6, 24, 2, 2), (3, 6, 32, 3, 2), (3, 6, 64, 4, 2), (3, 6, 96, 3, 1), (3, 6, 160, 3, 2), (3, 6, 320, 1, 1),
)  # fmt: skip
EFFICIENTNET_B0 = (
    (3, 1, 16, 1, 1), (3, 6, 24, 2, 2), (5, 6, 40, 2, 2), (3, 6, 80, 3, 2), (5, 6, 112, 3, 1), (5, 6, 192, 4, 2), (3, 6, 320, 1, 1),
)  # fmt: skip


# ---- transformers


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x):
        batch, tokens, width = x.shape
        parts = self.qkv(x).view(batch, tokens, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        y = functional.scaled_dot_product_attention(parts[0], parts[1], parts[2])
        return self.out(y.transpose(1, 2).reshape(batch, tokens, width))


class Block(nn.Module):
    """norm_first: ViT's order; else BERT's."""

    def __init__(self, width, heads, norm_first, eps):
        super().__init__()
        self.norm_first = norm_first
        self.attention = Attention(width, heads)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.norms = nn.ModuleList([nn.LayerNorm(width, eps), nn.LayerNorm(width, eps)])

    def forward(self, x):
        if self.norm_first:
            x = x + self.attention(self.norms[0](x))
            return x + self.mlp(self.norms[1](x))
        x = self.norms[0](x + self.attention(x))
        return self.norms[1](x + self.mlp(x))


class Vit(nn.Module):
    def __init__(self, width=768, depth=12, heads=12, patch=16, side=224):
        super().__init__()
        self.patches = nn.Conv2d(3, width, patch, patch)
        self.first = nn.Parameter(torch.randn(1, 1, width) * 0.02)
        self.places = nn.Parameter(torch.randn(1, (side // patch) ** 2 + 1, width) * 0.02)
        self.blocks = nn.Sequential(*(Block(width, heads, True, 1e-6) for _ in range(depth)))
        self.norm = nn.LayerNorm(width, 1e-6)
        self.head = nn.Linear(width, 1000)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.first.expand(x.shape[0], -1, -1), x], 1) + self.places
        return self.head(self.norm(self.blocks(x))[:, 0])


class Bert(nn.Module):
    def __init__(self, width=768, depth=12, heads=12, words=30522, tokens=512):
        super().__init__()
        self.words = nn.Embedding(words, width)
        self.places = nn.Parameter(torch.randn(1, tokens, width) * 0.02)
        self.norm = nn.LayerNorm(width, 1e-12)
        self.blocks = nn.Sequential(*(Block(width, heads, False, 1e-12) for _ in range(depth)))

    def forward(self, ids):
        return self.blocks(self.norm(self.words(ids) + self.places[:, : ids.shape[1]]))


# ---- the list


def pictures(side):
    return lambda batch, generator: torch.randn(batch, 3, side, side, generator=generator)


def words(batch, generator):
    return torch.randint(0, 30000, (batch, 128), generator=generator)


NETWORKS = {
    "resnet50": (lambda: classifier(resnet50_body(), 2048), pictures(224)),
    "mobilenet_v2": (lambda: inverted_net(MOBILENET_V2, 32, 1280, nn.ReLU6, False), pictures(224)),
    "efficientnet_b0": (lambda: inverted_net(EFFICIENTNET_B0, 32, 1280, nn.SiLU, True), pictures(224)),
    "vit_b16": (Vit, pictures(224)),
    "bert_base_s128": (Bert, words),
    "fcn_resnet50": (Fcn, pictures(512)),
}


def settle(net, example):
    """Batch norms get random factors and, by one pass in training mode, the statistics of what they really see."""
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
    generator = torch.Generator().manual_seed(1)
    for m in norms:
        m.weight.copy_(torch.rand(m.weight.shape, generator=generator) * 0.4 + 0.5)
        m.bias.copy_(torch.randn(m.bias.shape, generator=generator) * 0.1)
        m.momentum = 1.0
        m.train()
    if norms:
        device = "cuda" if torch.cuda.is_available() else "cpu"
        net.to(device)(example.to(device))
    return net.cpu().eval()


def build(name):
    """The network in float32 on the CPU; and what makes its inputs: (batch, generator) -> tensor."""
    torch.manual_seed(0)
    make, inputs = NETWORKS[name]
    net = make().eval()
    for m in net.modules():
        if isinstance(m, (nn.Linear, nn.Embedding)):
            nn.init.normal_(m.weight, std=0.02)
    with torch.no_grad():
        return settle(net, inputs(8, torch.Generator().manual_seed(1))), inputs


def export(net, example, path):
    """As ONNX, with static shapes and the weights inside. PyTorch's exporter needs the package onnx."""
    with torch.inference_mode():
        torch.onnx.export(
            net, (example,), str(path), input_names=["input"], output_names=["output"], opset_version=17, dynamo=False
        )
