"""Rows of measurements into the table of the README."""

import math

COLUMNS = (
    ("model", "l"), ("batch", "r"), ("precision", "l"), ("PyTorch eager, ms", "r"), ("graph", "r"), ("compiled", "r"), ("Hone, ms", "r"),
    ("ratio", "r"), ("error (L2)", "r"), ("argmax", "r"), ("energy", "r"),
)  # fmt: skip


def best_peer(row):
    """PyTorch's quickest way, or None."""
    rows = [r for r in row["pytorch"].values() if "ms" in r]
    return min(rows, key=lambda r: r["ms"]) if rows else None


def ratio(row):
    """How many times quicker Hone is than PyTorch at its best; None where one of them has no time."""
    best = best_peer(row)
    return best["ms"] / row["hone"]["ms"] if best and row["hone"].get("ms") else None


def energy_ratio(row):
    best = best_peer(row)
    ours, theirs = row["hone"].get("energy_mj"), best and best.get("energy_mj")
    return theirs / ours if ours and theirs else None


def errors(got, want, axis):
    """The relative error by the L2 norm, and the share of largest elements along the axis that are the same."""
    got, want = got.astype("float64"), want.astype("float64")
    error = math.sqrt(float(((got - want) ** 2).sum()) / max(float((want**2).sum()), 1e-300))
    return error, float((got.argmax(axis) == want.argmax(axis)).mean())


def milliseconds(r):
    if r is None:
        return "-"
    return f"{r['ms']:.3f}" if "ms" in r else "failed"


def cells(row):
    peers, hone = row["pytorch"], row["hone"]
    faster, thrift = ratio(row), energy_ratio(row)
    agreed = hone.get("argmax")
    return [
        row["model"],
        str(row["batch"]),
        row["precision"],
        *(milliseconds(peers.get(way)) for way in ("eager", "graph", "compile")),
        milliseconds(hone),
        f"{faster:.2f}" if faster else "-",
        f"{hone['error_l2']:.1e}" if "error_l2" in hone else "-",
        "-" if agreed is None else "equal" if agreed == 1 else f"{100 * agreed:.2f} %",
        f"{thrift:.2f}" if thrift else "-",
    ]


def markdown(rows):
    lines = [f"| {' | '.join(name for name, _ in COLUMNS)} |"]
    lines.append("|" + "|".join("--:" if side == "r" else "---" for _, side in COLUMNS) + "|")
    lines += [f"| {' | '.join(cells(row))} |" for row in rows]
    return "\n".join(lines)
