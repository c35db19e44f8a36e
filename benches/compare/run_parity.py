"""Two runs of one plan, on the CPU and on another device: every score, and every slot, within what is allowed.

    run_parity.py FOLDER_OF_THE_CPU FOLDER_OF_THE_DEVICE

Prints markdown tables; exit code 1 where something is further apart. Needs nothing but Python.
"""

import array
import ast
import csv
import json
import pathlib
import sys
import zipfile

# Of observed slots, as a share of the largest: a device that rounds factors to TF32 is allowed it.
SLOTS = 1e-3
# Of scores, as a share of the larger one: 18 frames further on, small differences have grown.
SCORES = 1e-2
KEYS = ("metric", "profile", "subset")


def scores(folder):
    with (folder / "scores.csv").open() as table:
        return {tuple(row[key] for key in KEYS): row for row in csv.DictReader(table)}


def allowed(row, values):
    """Of shares of questions one question may be answered otherwise."""
    if row["metric"] == "accuracy":
        return 1 / max(int(row["n_items"]), 1)
    return SCORES * max(map(abs, values))


def numbers(path, name):
    """A float32 array of an archive, flat."""
    with zipfile.ZipFile(path) as archive:
        data = archive.read(name)
    wide = data[6] > 1
    start = 12 if wide else 10
    length = int.from_bytes(data[8:start], "little")
    head = ast.literal_eval(data[start : start + length].decode())
    if head["descr"] != "<f4":
        raise SystemExit(f"{name} holds {head['descr']}, not float32: {path}")
    return array.array("f", data[start + length :])


def apart(path, other, name):
    one, two = numbers(path, name), numbers(other, name)
    if len(one) != len(two) or any(a != a for a in (*one, *two)):
        return float("inf")
    worst = max((abs(a - b) for a, b in zip(one, two)), default=0.0)
    return worst / (max(map(abs, one), default=0.0) or 1.0)


def verdict(fine):
    return "yes" if fine else "**no**"


def compared_scores(folders):
    ours, theirs = map(scores, folders)
    print("| score | subset | CPU | device | difference | allowed | within |\n|---|---|---|---|---|---|---|")
    bad = []
    for key in sorted(ours.keys() | theirs.keys()):
        rows = [side.get(key, {}) for side in (ours, theirs)]
        texts = [row.get("value", "missing") for row in rows]
        if texts == ["", ""]:
            print(f"| {key[0]} | {key[2]} | not computed | not computed | – | – | – |")
            continue
        try:
            values = [float(text) for text in texts]
            off, least = abs(values[0] - values[1]), allowed(rows[0], values)
            shown, fine = [f"{value:.6g}" for value in values] + [f"{off:.1e}", f"{least:.1e}"], off <= least
        except ValueError:
            shown, fine = [text or "not computed" for text in texts] + ["–", "–"], False
        print(f"| {key[0]} | {key[2]} | {' | '.join(shown)} | {verdict(fine)} |")
        bad += [] if fine else [f"{key[0]} {key[2]}"]
    return bad


def compared_slots(folders):
    print("\n| slots, share of the largest | off by | allowed | within |\n|---|---|---|---|")
    bad = []
    for path in sorted((folders[0] / "slots").glob("*.npz")):
        other = folders[1] / "slots" / path.name
        # `slots` goes on with what is predicted, whose differences grow from frame to frame: said, and judged by the scores.
        for name, limit in (("observed.npy", SLOTS), ("slots.npy", None)):
            off = apart(path, other, name) if other.exists() else float("inf")
            fine = limit is None or off <= limit
            bound = f"{limit:.1e}" if limit else "–"
            print(f"| {path.stem}, {name.removesuffix('.npy')} | {off:.1e} | {bound} | {verdict(fine) if limit else '–'} |")
            bad += [] if fine else [f"{path.stem} {name}"]
    return bad


def stages(folders):
    """Seconds of every stage on both."""
    runs = [json.loads((folder / "run.json").read_text()) for folder in folders]
    print("\n| stage of the run | CPU, s | device, s |\n|---|---|---|")
    for one, two in zip(*(run["stages"] for run in runs)):
        print(f"| {one['stage']} | {one['seconds']:.2f} | {two['seconds']:.2f} |")
    print(f"\nDevices: {runs[0]['device']}, {runs[1]['device']}.")


def main():
    folders = [pathlib.Path(word) for word in sys.argv[1:]]
    if len(folders) != 2:
        raise SystemExit(__doc__)
    bad = compared_scores(folders) + compared_slots(folders)
    stages(folders)
    if bad:
        raise SystemExit(f"further apart than allowed: {', '.join(bad)}")


if __name__ == "__main__":
    main()
