"""Ours against PyTorch, in turns, so that whatever else the machine does meets both.

Where it is busy, PyTorch's threads wait for each other more than ours, which flatters ours: then the last column, the
ratio of the shortest times of all turns, says more.

PyTorch's networks must first give the golden numbers, so that the yardstick is the network itself.
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

import networks
import published
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


def close(name, found, expected, allowed):
    found, expected = numpy.asarray(found).ravel(), numpy.asarray(expected).ravel()
    off = float(numpy.abs(found - expected).max())
    if found.shape != expected.shape or not off <= allowed:
        raise SystemExit(f"the PyTorch side is not the network: {name} is off by {off:.2e}, allowed {allowed:.2e}")
    print(f"golden {name:<18} off by {off:.1e}, allowed {allowed:.1e}")


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


def look(name, found):
    """One look of a network, as `pipeline bench` times it."""
    shape = SHAPES[name]
    if name in published.SHAPES:
        with torch.inference_mode(False):
            return published.look(name)
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


def theirs(run, repeats):
    run()
    times = []
    for _ in range(repeats):
        begun = time.perf_counter()
        run()
        times.append(time.perf_counter() - begun)
    return statistics.median(times), min(times)


def ours(pipeline, name, threads, repeats):
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "bench.csv"
        command = [pipeline, "bench", name, "--device", "cpu", "--quiet"]
        command += ["--warm-up", "1", "--repeats", str(repeats), "--out", str(out)]
        environment = os.environ | {"RAYON_NUM_THREADS": str(threads)}
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
        with out.open() as table:
            (row,) = csv.DictReader(table)
        shape = tuple(int(side) for side in row["shape"].split("x"))
        if shape != SHAPES[name]:
            raise SystemExit(f"{name}: ours looks at {shape}, PyTorch at {SHAPES[name]}")
        return float(row["median_secs"]), float(row["least_secs"])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pipeline", required=True)
    parser.add_argument("--golden", type=pathlib.Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=11, help="turns of each side")
    parser.add_argument("--repeats", type=int, default=3, help="looks in a turn")
    parser.add_argument("--only", action="append", help="a case or a room, such as models/unet or networks")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    print(f"PyTorch {torch.__version__}, {args.threads} threads, median of {args.rounds} turns of {args.repeats}")
    slow = []
    with torch.inference_mode():
        judges = checked(args.golden / "metrics")
        with torch.inference_mode(False):
            published.checked(args.golden / "models", close)
        print(f"{'case':<24}{'ours, s':>10}{'PyTorch, s':>12}{'ratio':>8}{'spread':>16}{'of the least':>14}")
        for name in [name for word in args.only or [""] for name in SHAPES if name.startswith(word)]:
            run = look(name, judges)
            pairs = []
            for _ in range(args.rounds):
                mine = ours(args.pipeline, name, args.threads, args.repeats)
                pairs.append((mine, theirs(run, args.repeats)))
            ratios = sorted(mine[0] / other[0] for mine, other in pairs)
            ratio = statistics.median(ratios)
            mine, other = (statistics.median(turn[0] for turn in side) for side in zip(*pairs))
            least, least_other = (min(turn[1] for turn in side) for side in zip(*pairs))
            spread = f"{ratios[len(ratios) // 4]:.2f} to {ratios[-1 - len(ratios) // 4]:.2f}"
            print(f"{name:<24}{mine:>10.4f}{other:>12.4f}{ratio:>8.2f}{spread:>16}{least / least_other:>14.2f}", flush=True)
            if ratio > BARS[name]:
                slow.append(f"{name} (bar {BARS[name]})")
    if slow:
        raise SystemExit(f"slower than wanted: {', '.join(slow)}")


if __name__ == "__main__":
    main()
