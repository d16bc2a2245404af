"""Times of PyTorch: eager, in a CUDA graph, compiled. Data on the GPU; CNNs in the better of both layouts."""

import statistics
import time

import torch
from energy import Meter, PerInference

REPEATS = 200  # of which the median is taken
BUSY_S = 0.8  # back to back, for the energy

TYPES = {"fp32": torch.float32, "tf32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


def allow_tf32(allowed):
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = allowed


def device_meter():
    return Meter(getattr(torch.cuda.get_device_properties(0), "uuid", None), torch.cuda.current_device())


def reference(net, x):
    """The answer in float32 without TF32, on the CPU."""
    allow_tf32(False)
    with torch.inference_mode():
        return net.to("cuda", torch.float32)(x.to("cuda")).float().cpu()


# ---- one way of running


def make_eager(net, x, stream):
    return lambda: net(x)


def make_graph(net, x, stream):
    for _ in range(3):
        net(x)
    stream.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream):
        net(x)
    return graph.replay


def make_compiled(net, x, stream):
    torch._dynamo.reset()
    compiled = torch.compile(net, mode="max-autotune")
    for _ in range(4):
        compiled(x)
    stream.synchronize()
    return lambda: compiled(x)


WAYS = {"eager": make_eager, "graph": make_graph, "compile": make_compiled}


def time_once(run, stream):
    """Milliseconds between two events of the device around one call."""
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    begin.record(stream)
    run()
    end.record(stream)
    end.synchronize()
    return begin.elapsed_time(end)


def time_energy(run, stream, meter, chunk):
    energy = PerInference(meter)
    n, start = 0, time.monotonic()
    while time.monotonic() - start < BUSY_S:
        for _ in range(chunk):
            run()
        stream.synchronize()
        n += chunk
        energy.look(n)
    return energy.mj()


def measure(way, net, x, stream, meter, is_last):
    """is_last: the energy too, which takes its time."""
    with torch.cuda.stream(stream), torch.inference_mode():
        run = WAYS[way](net, x, stream)
        for _ in range(20):
            run()
        stream.synchronize()
        ms = statistics.median(time_once(run, stream) for _ in range(REPEATS))
        return {"ms": ms, "energy_mj": time_energy(run, stream, meter, max(1, int(10 / ms))) if is_last else None}


def in_layout(way, net, x, precision, layout, meter, is_last):
    dtype = TYPES[precision]
    net.to("cuda", dtype, memory_format=layout)
    moved = x.to("cuda", dtype, memory_format=layout) if x.is_floating_point() else x.to("cuda")
    return measure(way, net, moved, torch.cuda.Stream(), meter, is_last)


def best_layout(way, net, x, precision, meter):
    """The quicker of the layouts, measured once more; only pictures have two."""
    layouts = {"nchw": torch.contiguous_format, "nhwc": torch.channels_last}
    name = "nchw"
    if x.dim() == 4:
        name = min(layouts, key=lambda k: in_layout(way, net, x, precision, layouts[k], meter, False)["ms"])
    row = in_layout(way, net, x, precision, layouts[name], meter, True)
    row["layout"] = name
    return row


def measure_all(net, x, precision, ways, meter):
    """{"graph": {"ms", "energy_mj", "layout"}, ...}; a way that fails has {"error"}."""
    allow_tf32(precision != "fp32")
    torch.backends.cudnn.benchmark = True
    rows = {}
    for way in ways:
        try:
            rows[way] = best_layout(way, net, x, precision, meter)
        except Exception as why:  # noqa: BLE001: a peer that fails is a row too
            rows[way] = {"error": str(why).splitlines()[0][:200] if str(why) else repr(why)}
        torch.cuda.empty_cache()
    return rows
