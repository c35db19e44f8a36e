"""Ours against PyTorch, in turns, so that whatever else the machine does meets both.

Where it is busy, PyTorch's threads wait for each other more than ours, which flatters ours: then the last column, the
ratio of the shortest times of all turns, says more.

PyTorch's networks must first give the golden numbers, so that the yardstick is the network itself.

Models may also be compared on a GPU, and with PyTorch in several precisions, eager and compiled. Slotflow computes in
single precision always. Both sides wait for the result; ours copies it to the CPU too.
"""

import argparse
import csv
import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

import numpy
import torch

import gpu_memory
import networks
import published
import sides
import stream

BAR = 1.4
# Name in `pipeline bench` -> the shape of what is looked at there; the two lists are checked against each other.
SHAPES = {
    "networks/i3d": (1, 16, 3, 224, 224),
    "networks/inception": (8, 3, 299, 299),
    "networks/lpips-vgg": (4, 3, 128, 128),
    "networks/lpips-alex": (4, 3, 128, 128),
    "networks/lpips-squeeze": (4, 3, 128, 128),
}
BARS = dict.fromkeys(SHAPES, BAR) | published.BARS
SHAPES |= published.SHAPES
# Evaluations of the U-Net for a frame that is drawn: as many as in the paper, and few.
EVALUATIONS = (20, 4)
COLUMNS = ("case", "PyTorch", "ours, s", "PyTorch, s", "ratio", "spread", "of the least")
COLUMNS += ("ours, frames/s", "PyTorch, frames/s", "ours, MiB", "PyTorch, MiB")


def close(name, found, expected, allowed):
    found, expected = numpy.asarray(found).ravel(), numpy.asarray(expected).ravel()
    off = float(numpy.abs(found - expected).max())
    if found.shape != expected.shape or not off <= allowed:
        raise SystemExit(f"the PyTorch side is not the network: {name} is off by {off:.2e}, allowed {allowed:.2e}")
    print(f"| {name:<20} | {off:.1e} | {allowed:.1e} |")


def heads(path, name, count):
    listed = published.arrays(path)
    return [listed[f"{name}.lin{index}"] for index in range(count)]


def lpips(golden, name):
    stem = networks.BACKBONES[name][0]
    model = stream.fill(networks.Lpips(name), stem, bias=0.05)
    model.heads = heads(golden / "lpips_lin_v01.safetensors", name, len(model.taps))
    expected = json.loads((golden / "lpips.json").read_text())[name]
    for case, size in (("64", (1, 64, 64)), ("odd", (2, 70, 53))):
        clean = stream.waves(f"lpips.a.{case}", *size)
        noise = stream.centred(f"lpips.n.{case}", clean.shape, 0.3)
        noisy = (clean + noise).clamp(0, 1)
        found = model(2 * clean - 1, 2 * noisy - 1)
        close(f"lpips-{name} {case}", found, expected[case]["value"], 1e-5)
    return model


def checked(golden):
    """The networks, each with the golden numbers behind it."""
    i3d = stream.fill(networks.I3d(), "i3d")
    expected = json.loads((golden / "i3d.json").read_text())
    odd = stream.centred("i3d.caseC", (1, 3, 9, 61, 46), 1.0)
    wanted = numpy.asarray(expected["caseC"]["mixed5c"])
    close("i3d odd sizes", i3d.last_block(odd), wanted, 1e-4 * numpy.abs(wanted).max())
    pixels = numpy.floor(256 * stream.u01("i3d.caseA", 2 * 3 * 16 * 64 * 64)).astype(numpy.float32)
    clips = torch.from_numpy(pixels.reshape(2, 3, 16, 64, 64))
    clips = torch.nn.functional.interpolate(clips, (16, 224, 224), mode="trilinear", align_corners=False)
    wanted = numpy.asarray(expected["caseA"]["logits"])
    close("i3d logits", i3d(2 * clips / 255 - 1), wanted, 1e-4 * numpy.abs(wanted).max())

    inception = stream.fill(networks.Inception(), "inception")
    pixels = numpy.floor(256 * stream.u01("fid.x", 2 * 3 * 64 * 64)).astype(numpy.float32) / 255
    pictures = torch.from_numpy(pixels.reshape(2, 3, 64, 64))
    pictures = torch.nn.functional.interpolate(pictures, (299, 299), mode="bilinear", align_corners=False)
    wanted = numpy.asarray(json.loads((golden / "fid_inception.json").read_text())["pool3"])
    close("inception pool3", inception(2 * pictures - 1), wanted, 1e-4 * numpy.abs(wanted).max())
    names = networks.BACKBONES
    return {"i3d": i3d, "inception": inception} | {f"lpips-{name}": lpips(golden, name) for name in names}


def look(name, shape, found, side):
    """One look of a network, as `pipeline bench` times it."""
    if name in published.SHAPES:
        with torch.inference_mode(False):
            return published.look(name, shape, side)
    torch.manual_seed(0)
    model = found[name.removeprefix("networks/")]
    first = torch.rand(shape) * 2 - 1
    if name == "networks/i3d":
        first = first.transpose(1, 2).contiguous()
        return lambda: model(first)
    if name == "networks/inception":
        return lambda: model(first)
    second = torch.rand(shape) * 2 - 1
    return lambda: model(first, second)


def theirs(run, side, args):
    times = []
    with side.turn():
        for _ in range(args.warm_up):
            run()
        side.wait()
        for _ in range(args.repeats):
            begun = time.perf_counter()
            run()
            side.wait()
            times.append(time.perf_counter() - begun)
    return statistics.median(times), min(times)


def ours(name, shape, args):
    """Median, shortest time and most memory; a text where there are none."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "bench.csv"
        command = [args.pipeline, "bench", name, "--device", args.device, "--quiet", "--out", str(out)]
        command += ["--warm-up", str(args.warm_up), "--repeats", str(args.repeats)]
        command += ["--batch", str(args.batch)] if args.batch else []
        environment = os.environ | {"RAYON_NUM_THREADS": str(args.threads)}
        code, memory = gpu_memory.watched(command, args.device, env=environment, stdout=subprocess.DEVNULL)
        if code:
            return f"failed: exit code {code}"
        with out.open() as table:
            (row,) = csv.DictReader(table)
    found = tuple(int(length) for length in row["shape"].split("x"))
    if found != shape:
        raise SystemExit(f"{name}: ours looks at {found}, PyTorch at {shape}")
    return float(row["median_secs"]), float(row["least_secs"]), memory


def prepared(name, shape, judges, side):
    """What is timed and its memory; a text where PyTorch cannot."""
    try:
        return side.made(lambda: look(name, shape, judges, side))
    except Exception as error:  # A compiler that is not there, memory that is not enough: said in the table.
        return f"failed: {type(error).__name__}: {str(error).strip().splitlines()[0][:80]}"


def measured(name, judges, args):
    """A row a side: turns of ours, and of every side after it."""
    shape = (args.batch or SHAPES[name][0], *SHAPES[name][1:])
    ready = {side: prepared(name, shape, judges, side) for side in args.sides}
    turns, mine = {side: [] for side in args.sides}, []
    for _ in range(args.rounds):
        mine.append(ours(name, shape, args))
        if isinstance(mine[-1], str):
            break
        for side, found in ready.items():
            if not isinstance(found, str):
                turns[side].append(theirs(found[0], side, args))
    return [Row(name, published.frames(name, shape), side, mine, turns[side], ready[side]) for side in args.sides]


class Row:
    """One case of one side."""

    def __init__(self, name, frames, side, mine, other, ready):
        self.name, self.frames, self.side = name, frames, side
        self.failed = isinstance(mine[-1], str)
        self.memory = [None, None]
        if not self.failed:
            self.memory[0] = max((turn[2] for turn in mine if turn[2] is not None), default=None)
        self.mine, self.least = (mine[-1], None) if self.failed else typical(mine)
        self.other, self.least_other = (ready, None) if isinstance(ready, str) else (None, None)
        if not isinstance(ready, str):
            self.memory[1] = ready[1]
            self.other, self.least_other = typical(other) if other else (None, None)
        self.ratios = [] if self.failed else sorted(a[0] / b[0] for a, b in zip(mine, other))

    @property
    def ratio(self):
        return statistics.median(self.ratios) if self.ratios else None

    def line(self):
        ratios, spread, least = self.ratios, None, None
        if ratios:
            spread = f"{ratios[len(ratios) // 4]:.2f} to {ratios[-1 - len(ratios) // 4]:.2f}"
            least = self.least / self.least_other
        rates = [self.frames / secs if isinstance(secs, float) else None for secs in (self.mine, self.other)]
        words = [cell(self.mine, ".4f"), cell(self.other, ".4f"), cell(self.ratio, ".2f"), cell(spread), cell(least, ".2f")]
        words += [cell(rate, ".4g") for rate in rates] + [cell(memory, ".0f") for memory in self.memory]
        return line(f"{self.name:<20}", self.side, *words)


def typical(turns):
    return statistics.median(turn[0] for turn in turns), min(turn[1] for turn in turns)


def cell(value, form=""):
    if value is None:
        return "–"
    return value if isinstance(value, str) else format(value, form)


def line(*words):
    return f"| {' | '.join(str(word) for word in words)} |"


def heading(*words):
    print(f"\n{line(*words)}\n{'|---' * len(words)}|", flush=True)


def drawing(rows):
    """Frames/s of drawing, from the times of its two parts; what a sampler does between evaluations is not in them."""
    parts = {(row.name, row.side): row for row in rows}
    pairs = [(parts.get(("models/unet", side)), parts.get(("models/vqvae-decode", side))) for _, side in parts]
    pairs = list(dict.fromkeys(pair for pair in pairs if None not in pair))
    if pairs:
        heading("a frame drawn, computed from the rows above", "PyTorch", "ours, frames/s", "PyTorch, frames/s", "ratio")
    for count in EVALUATIONS:
        for net, vae in pairs:
            times = [(net.mine, vae.mine), (net.other, vae.other)]
            known = [all(isinstance(part, float) for part in side) for side in times]
            secs = [
                count * side[0] / net.frames + side[1] / vae.frames if there else None for side, there in zip(times, known)
            ]
            rates = [cell(1 / each if each else None, ".4g") for each in secs]
            ratio = secs[0] / secs[1] if all(known) else None
            print(line(f"{count} evaluations of the U-Net and one decode", net.side, *rates, cell(ratio, ".2f")))


def yardstick(args, names):
    """The networks that judge, if they are timed, when everything that is timed has given its golden numbers."""
    judges = {}
    if any(name not in published.SHAPES for name in names):
        heading("golden numbers, networks", "off by", "allowed")
        judges = checked(args.golden / "metrics")
    for side in args.sides:
        if not side.compiled and any(name in published.SHAPES for name in names):
            heading(f"golden numbers, {side}", "off by", "allowed")
            with torch.inference_mode(False), side.turn():
                published.checked(args.golden / "models", close, side)
    return judges


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pipeline", required=True)
    parser.add_argument("--golden", type=pathlib.Path, required=True)
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:1; of both sides")
    parser.add_argument("--precision", default="float32", help=f"PyTorch's, with commas between: {', '.join(sides.PRECISIONS)}")
    parser.add_argument("--compiled", action="store_true", help="PyTorch compiled too")
    parser.add_argument("--batch", type=int, help="first size of every case in place of its own")
    parser.add_argument("--no-bars", action="store_true", help="do not fail where ours is slower than wanted")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=11, help="turns of each side")
    parser.add_argument("--repeats", type=int, default=3, help="looks in a turn")
    parser.add_argument("--warm-up", type=int, default=1, help="looks before them")
    parser.add_argument("--only", action="append", help="a case or a room, such as models/unet or networks")
    args = parser.parse_args()
    precisions = args.precision.split(",")
    if not set(precisions) <= set(sides.PRECISIONS):
        parser.error(f"--precision is of {', '.join(sides.PRECISIONS)}")
    if args.device == "cpu" and "tf32" in precisions:
        parser.error("tf32 is a precision of GPUs: leave it out, or say --device cuda")
    if args.device != "cpu" and not torch.cuda.is_available():
        parser.error(f"PyTorch {torch.__version__} finds no GPU: say --device cpu, or install its build for CUDA into VENV")
    args.sides = [sides.Side(args.device, precision, False) for precision in precisions]
    args.sides += [sides.Side(args.device, precision, True) for precision in precisions if args.compiled]
    words = args.only or ["models", "networks"]
    args.names = [name for word in words for name in SHAPES if name == word or name.startswith(f"{word}/")]
    if not args.names:
        parser.error(f"--only names no case or room; known are {', '.join(SHAPES)}")
    if args.sides != [sides.Side()] and any(name not in published.SHAPES for name in args.names):
        parser.error("networks are compared on the CPU in float32 alone: say --only models")
    return args


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    where = torch.cuda.get_device_name(args.device) if args.device != "cpu" else "CPU"
    print(f"PyTorch {torch.__version__}, {where}, {args.threads} threads, median of {args.rounds} turns of {args.repeats}")
    rows = []
    with torch.inference_mode():
        judges = yardstick(args, args.names)
        heading(*COLUMNS)
        for name in args.names:
            rows += measured(name, judges, args)
            print(*[row.line() for row in rows if row.name == name], sep="\n", flush=True)
    drawing(rows)
    failed = sorted({row.name for row in rows if row.failed})
    if failed:
        raise SystemExit(f"not measured: {', '.join(failed)}")
    # What is wanted is known of the CPU, single precision and the sizes above.
    known = args.device == "cpu" and not args.batch and not args.no_bars
    bars = {row.name: row for row in rows if known and row.side == sides.Side()}
    slow = [f"{name} (bar {BARS[name]})" for name, row in bars.items() if row.ratio and row.ratio > BARS[name]]
    if slow:
        raise SystemExit(f"slower than wanted: {', '.join(slow)}")


if __name__ == "__main__":
    main()
