"""Writes `polygons.json` beside this file: polygons, and the masks that pycocotools 2.0.11 draws of them."""

import json
import pathlib
import sys

import numpy as np
from pycocotools import mask

rng = np.random.default_rng(7)


def star(size, corners, spread):
    """A random outline round a random centre, partly outside the picture where the spread is large."""
    height, width = size
    centre = rng.uniform([0, 0], [width, height])
    angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
    radius = rng.uniform(0.2, 1, corners) * spread
    points = centre + np.stack([np.cos(angles), np.sin(angles)], 1) * radius[:, None]
    return [round(float(number), 2) for number in points.reshape(-1)]


def wild(size, corners):
    """Corners anywhere: edges that cross."""
    height, width = size
    points = rng.uniform([-3, -3], [width + 3, height + 3], (corners, 2))
    return [round(float(number), 2) for number in points.reshape(-1)]


def golden(polygons, size):
    runs = mask.merge(mask.frPyObjects(polygons, *size))
    return {"polygons": polygons, "mask": {"size": list(size), "counts": runs["counts"].decode()}}


cases = [
    golden([[2, 2, 7, 2, 7, 6, 2, 6]], (10, 10)),
    golden([[2.5, 2.5, 7.5, 2.5, 7.5, 6.5, 2.5, 6.5]], (10, 10)),
    golden([[0, 0, 10, 0, 10, 8, 0, 8]], (8, 10)),
    golden([[-5, -5, 20, -5, 20, 20, -5, 20]], (8, 10)),
    golden([[1, 1, 1, 1, 6, 1, 6, 6, 6, 6]], (8, 10)),
    golden([[4, 0, 4, 9, 4, 3]], (10, 10)),
]
count = int(sys.argv[1]) if len(sys.argv) > 1 else 24
for number in range(count):
    size = tuple(int(side) for side in rng.integers(1, 60, 2))
    if number % 3 == 0:
        polygons = [wild(size, int(rng.integers(3, 12)))]
    else:
        polygons = [star(size, int(rng.integers(3, 14)), max(size) / (1 + number % 4)) for _ in range(1 + number % 2)]
    xs = [p[0::2] for p in polygons]
    ys = [p[1::2] for p in polygons]
    outside = lambda numbers, limit: max(numbers) < 0 or min(numbers) > limit
    if any(outside(x, size[1]) for x in xs) or any(outside(y, size[0]) for y in ys):
        continue
    cases.append(golden(polygons, size))
path = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else pathlib.Path(__file__).with_name("polygons.json")
path.write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")
