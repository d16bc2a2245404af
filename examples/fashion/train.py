#!/usr/bin/env python3
"""Trains a small convolutional network on Fashion-MNIST with numpy alone and writes fashion.onnx.

    conv 3x3 (24) - conv 3x3 (48) - conv 3x3 (64), each with batch normalisation, max pooling and
    ReLU, then dense (128), ReLU, dropout and dense (10): 114,000 weights.

Activations are [batch, height, width, channel] here, so that a convolution is one matrix product
over gathered 3x3 neighbourhoods and a channel's statistics are sums over rows; the export turns
the weights to ONNX's channel-first order. One thread and a fixed seed: the same machine with the
same numpy writes the same file.
"""

import argparse
import os
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # must be set before numpy is imported
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

import fashion_data

BATCH = 128
PEAK_RATE = 0.06
MOMENTUM = 0.9
WEIGHT_DECAY = 5e-4
SMOOTHING = 0.05  # share of each label spread over all ten classes
DROPOUT = 0.2
SHIFT = 1  # pixels a training picture may move each way
BN_EPSILON = 1e-5
BN_MOMENTUM = 0.98


class Parameter:
    """A trained array, its gradient and its velocity."""

    def __init__(self, value, decay):
        self.value = value.astype(np.float32)
        self.grad = np.zeros_like(self.value)
        self.velocity = np.zeros_like(self.value)
        self.decay = decay

    def step(self, rate):
        """Gradient descent with Nesterov's momentum."""
        grad = self.grad + np.float32(self.decay) * self.value
        self.velocity = np.float32(MOMENTUM) * self.velocity + grad
        self.value -= np.float32(rate) * (grad + np.float32(MOMENTUM) * self.velocity)


def he_normal(rng, shape, fan_in):
    return rng.standard_normal(shape) * np.sqrt(2 / fan_in)


def column_sums(x):
    """Sums of a tall [rows, few] array, sixteen rows side by side to keep the inner loop long."""
    fold = 16 if len(x) % 16 == 0 else 1
    return x.reshape(-1, fold * x.shape[1]).sum(0).reshape(fold, -1).sum(0)


def neighbourhoods(x):
    """[n, h, w, c] -> [n*h*w, 9*c]: every pixel's zero-padded 3x3 surroundings."""
    n, h, w, c = x.shape
    padded = np.zeros((n, h + 2, w + 2, c), np.float32)
    padded[:, 1:-1, 1:-1] = x
    out = np.empty((n, h, w, 9, c), np.float32)
    for k in range(9):
        out[:, :, :, k] = padded[:, k // 3 : k // 3 + h, k % 3 : k % 3 + w]
    return out.reshape(n * h * w, 9 * c)


def scatter_neighbourhoods(columns, shape):
    """The transpose of neighbourhoods: adds every column entry to the pixel it came from."""
    n, h, w, c = shape
    columns = columns.reshape(n, h, w, 9, c)
    padded = np.zeros((n, h + 2, w + 2, c), np.float32)
    for k in range(9):
        padded[:, k // 3 : k // 3 + h, k % 3 : k % 3 + w] += columns[:, :, :, k]
    return padded[:, 1:-1, 1:-1]


def pool_corners(x):
    """The four views of a [n, h, w, c] array that a 2x2 pooling compares, without an odd edge."""
    h, w = x.shape[1] // 2 * 2, x.shape[2] // 2 * 2
    return [x[:, i:h:2, j:w:2] for i in range(2) for j in range(2)]


class ConvBlock:
    """conv 3x3, batch normalisation, max pooling 2x2, ReLU.

    ReLU comes after the pooling here, where a quarter of the values is left; the two commute.
    """

    def __init__(self, rng, c_in, c_out, first=False):
        self.first = first  # nobody wants the gradient of the picture
        self.c_out = c_out
        self.weight = Parameter(he_normal(rng, (9 * c_in, c_out), 9 * c_in), WEIGHT_DECAY)
        self.gamma = Parameter(np.ones(c_out), 0)
        self.beta = Parameter(np.zeros(c_out), 0)
        self.mean = np.zeros(c_out, np.float32)
        self.var = np.ones(c_out, np.float32)

    def parameters(self):
        return [self.weight, self.gamma, self.beta]

    def normalise(self, y, training):
        mean, var = self.mean, self.var
        if training:
            mean = column_sums(y) / np.float32(len(y))
            y -= mean
            var = column_sums(np.square(y)) / np.float32(len(y))
            keep = np.float32(BN_MOMENTUM)
            self.mean = keep * self.mean + (1 - keep) * mean
            self.var = keep * self.var + (1 - keep) * var
        else:
            y -= mean
        self.inv_std = 1 / np.sqrt(var + np.float32(BN_EPSILON))
        y *= self.inv_std
        return y

    def forward(self, x, training):
        n, h, w, _ = self.in_shape = x.shape
        self.columns = neighbourhoods(x)
        self.normal = self.normalise(self.columns @ self.weight.value, training)
        y = self.normal * self.gamma.value
        y += self.beta.value
        self.y = y.reshape(n, h, w, self.c_out)
        a, b, c, d = pool_corners(self.y)
        self.pooled = np.maximum(np.maximum(a, b), np.maximum(c, d))
        return np.maximum(self.pooled, 0)

    def backward_pool(self, grad):
        """Hands each pooled gradient to the first of its four pixels that held the maximum."""
        grad = grad * (self.pooled > 0)
        out = np.zeros_like(self.y)
        free = np.ones(self.pooled.shape, bool)
        for value, place in zip(pool_corners(self.y), pool_corners(out)):
            hit = (value == self.pooled) & free
            np.multiply(grad, hit, out=place)
            free ^= hit
        return out.reshape(-1, self.c_out)

    def backward(self, grad):
        d = self.backward_pool(grad)
        self.beta.grad = column_sums(d)
        self.gamma.grad = column_sums(d * self.normal)
        self.normal *= self.gamma.grad / np.float32(len(d))
        d -= self.beta.grad / np.float32(len(d))
        d -= self.normal
        d *= self.gamma.value * self.inv_std
        self.weight.grad = self.columns.T @ d
        if self.first:
            return None
        return scatter_neighbourhoods(d @ self.weight.value.T, self.in_shape)


class Dense:
    """x @ weight + bias, with ReLU and dropout where asked."""

    def __init__(self, rng, n_in, n_out, hidden):
        self.rng = rng
        self.hidden = hidden
        gain = 1.0 if hidden else 0.5
        self.weight = Parameter(gain * he_normal(rng, (n_in, n_out), n_in), WEIGHT_DECAY)
        self.bias = Parameter(np.zeros(n_out), 0)

    def parameters(self):
        return [self.weight, self.bias]

    def forward(self, x, training):
        self.in_shape = x.shape
        self.x = x.reshape(len(x), -1)
        y = self.x @ self.weight.value + self.bias.value
        if not self.hidden:
            return y
        self.scale = (y > 0).astype(np.float32)
        if training:
            kept = self.rng.random(y.shape, np.float32) >= DROPOUT
            self.scale *= kept / np.float32(1 - DROPOUT)
        return y * self.scale

    def backward(self, grad):
        if self.hidden:
            grad = grad * self.scale
        self.weight.grad = self.x.T @ grad
        self.bias.grad = grad.sum(0)
        return (grad @ self.weight.value.T).reshape(self.in_shape)


class Network:
    def __init__(self, rng):
        self.blocks = [ConvBlock(rng, 1, 24, first=True), ConvBlock(rng, 24, 48),
                       ConvBlock(rng, 48, 64)]
        self.dense = [Dense(rng, 3 * 3 * 64, 128, True), Dense(rng, 128, 10, False)]
        self.layers = self.blocks + self.dense
        self.parameters = [p for layer in self.layers for p in layer.parameters()]

    def forward(self, x, training):
        for layer in self.layers:
            x = layer.forward(x, training)
        return x

    def train_batch(self, x, labels, rate):
        """One step of descent; returns the mean loss."""
        logits = self.forward(x, True)
        logits -= logits.max(1, keepdims=True)
        log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
        target = np.full(logits.shape, SMOOTHING / 10, np.float32)
        target[np.arange(len(x)), labels] += np.float32(1 - SMOOTHING)
        grad = (np.exp(log_p) - target) / np.float32(len(x))
        for layer in reversed(self.layers):
            grad = layer.backward(grad)
        for p in self.parameters:
            p.step(rate)
        return -float((target * log_p).sum()) / len(x)


def pictures(images):
    """uint8 [n, 28, 28] -> float32 [n, 28, 28, 1] in 0..1."""
    return images[..., None].astype(np.float32) / np.float32(255)


def augmented(rng, padded, index):
    """The pictures of index, each shifted by up to SHIFT pixels and mirrored half of the time."""
    n = len(index)
    rows = rng.integers(0, 2 * SHIFT + 1, n)[:, None] + np.arange(28)
    columns = rng.integers(0, 2 * SHIFT + 1, n)[:, None] + np.arange(28)
    mirrored = rng.random(n) < 0.5
    columns[mirrored] = columns[mirrored, ::-1]
    return pictures(padded[index[:, None, None], rows[:, :, None], columns[:, None, :]])


def rate_at(progress):
    """The learning rate: up in a line for a fifth of the time, then down along half a cosine."""
    if progress < 0.2:
        return PEAK_RATE * (0.05 + 0.95 * progress / 0.2)
    return PEAK_RATE * 0.5 * (1 + np.cos(np.pi * (progress - 0.2) / 0.8))


def accuracy(network, images, labels):
    hits = 0
    for i in range(0, len(images), 500):
        logits = network.forward(pictures(images[i : i + 500]), False)
        hits += int((logits.argmax(1) == labels[i : i + 500]).sum())
    return hits / len(images)


def train(images, labels, epochs, seed):
    rng = np.random.default_rng(seed)
    network = Network(rng)
    padded = np.pad(images, ((0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT)))
    n_batches = len(images) // BATCH
    start = time.monotonic()
    for epoch in range(epochs):
        order = rng.permutation(len(images))
        loss = 0.0
        for b in range(n_batches):
            index = order[b * BATCH : (b + 1) * BATCH]
            rate = rate_at((epoch + b / n_batches) / epochs)
            loss += network.train_batch(augmented(rng, padded, index), labels[index], rate)
        print(f"epoch {epoch + 1:2}/{epochs}  loss {loss / n_batches:.4f}"
              f"  {time.monotonic() - start:.0f} s", flush=True)
    return network


def to_onnx(network):
    """The trained network as an ONNX model: opset 17, channel first, weights inside."""
    import onnx
    from onnx import helper, numpy_helper

    nodes, weights = [], []

    def weight(name, array):
        weights.append(numpy_helper.from_array(np.ascontiguousarray(array, np.float32), name))
        return name

    def node(op, inputs, output, **attributes):
        nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    x = "image"
    for i, block in enumerate(network.blocks, 1):
        w = block.weight.value.reshape(3, 3, -1, block.c_out).transpose(3, 2, 0, 1)
        x = node("Conv", [x, weight(f"conv{i}.weight", w)], f"conv{i}", kernel_shape=[3, 3],
                 pads=[1, 1, 1, 1])
        statistics = {"gamma": block.gamma.value, "beta": block.beta.value, "mean": block.mean,
                      "var": block.var}
        x = node("BatchNormalization", [x] + [weight(f"bn{i}.{k}", v) for k, v in
                                              statistics.items()], f"bn{i}", epsilon=BN_EPSILON)
        x = node("Relu", [x], f"relu{i}")
        x = node("MaxPool", [x], f"pool{i}", kernel_shape=[2, 2], strides=[2, 2])
    x = node("Flatten", [x], "flat", axis=1)

    hidden, last = network.dense
    w = hidden.weight.value.reshape(3, 3, 64, 128).transpose(2, 0, 1, 3).reshape(576, 128)
    x = node("Gemm", [x, weight("dense1.weight", w), weight("dense1.bias", hidden.bias.value)],
             "dense1")
    x = node("Relu", [x], "relu4")
    node("Gemm", [x, weight("dense2.weight", last.weight.value),
                  weight("dense2.bias", last.bias.value)], "logits")

    value = helper.make_tensor_value_info
    graph = helper.make_graph(nodes, "fashion",
                              [value("image", onnx.TensorProto.FLOAT, ["N", 1, 28, 28])],
                              [value("logits", onnx.TensorProto.FLOAT, ["N", 10])], weights)
    model = helper.make_model(graph, producer_name="hone-examples", ir_version=8,
                              opset_imports=[helper.make_opsetid("", 17)])
    onnx.checker.check_model(model, full_check=True)
    return model


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("-o", "--output", default=os.path.join(here, "fashion.onnx"))
    parser.add_argument("--data", default=fashion_data.DIRECTORY, help="directory of IDX files")
    parser.add_argument("--epochs", type=int, default=14)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--hold-out", action="store_true",
                        help="judge by 5,000 training pictures kept back, not by the test pictures")
    args = parser.parse_args()

    images, labels = fashion_data.load("train", args.data)
    if args.hold_out:
        judged = images[55000:], labels[55000:]
        images, labels = images[:55000], labels[:55000]
    else:
        judged = fashion_data.load("test", args.data)
    network = train(images, labels, args.epochs, args.seed)
    print(f"accuracy {100 * accuracy(network, *judged):.2f} % of {len(judged[0])}")
    with open(args.output, "wb") as f:
        f.write(to_onnx(network).SerializeToString(deterministic=True))


if __name__ == "__main__":
    main()
