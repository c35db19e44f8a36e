"""Two folders of lossless H.264 films and what scikit-image says of their pixels: `python make.py` (numpy, scikit-image, ffmpeg).

The pixels are those of `clip` in tests/it/eval.rs, so films and folders of pictures must get the same numbers.
"""

import json
import pathlib
import subprocess

import numpy
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

here = pathlib.Path(__file__).parent


def clip(number):
    t, y, x, c = numpy.indices((3, 20, 24, 3))
    truth = (t * 31 + y * 7 + x * 3 + c * 50 + number * 11) % 256
    guess = numpy.minimum(truth + (t * 5 + y * x + c) % 17, 255)
    return {"truth": truth.astype(numpy.uint8), "pred": guess.astype(numpy.uint8)}


def write(path, frames):
    path.parent.mkdir(exist_ok=True)
    _, height, width, _ = frames.shape
    said = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", "10", "-i", "-"]
    kept = ["-c:v", "libx264rgb", "-qp", "0", "-bf", "0", "-fflags", "+bitexact", "-flags", "+bitexact"]
    command = ["ffmpeg", "-v", "error", "-y", *said, *kept, str(path)]
    subprocess.run(command, input=frames.tobytes(), check=True)
    back = ["ffmpeg", "-v", "error", "-i", str(path), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    assert subprocess.run(back, stdout=subprocess.PIPE, check=True).stdout == frames.tobytes()


found = {"psnr:per-image-mean": [], "ssim:gauss11-skimage": [], "ssim:uniform7-skimage": [], "mse:sum-chw": []}
for number in range(2):
    sides = clip(number)
    for side, frames in sides.items():
        write(here / side / f"clip_{number}.mp4", frames)
    for truth, guess in zip(sides["truth"] / 255, sides["pred"] / 255):
        gauss = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
        shared = {"channel_axis": 2, "data_range": 1.0}
        found["psnr:per-image-mean"].append(peak_signal_noise_ratio(truth, guess, data_range=1.0))
        found["ssim:gauss11-skimage"].append(structural_similarity(truth, guess, **shared, **gauss))
        found["ssim:uniform7-skimage"].append(structural_similarity(truth, guess, **shared))
        found["mse:sum-chw"].append(((truth - guess) ** 2).sum())
means = {name: float(numpy.mean(values)) for name, values in found.items()}
(here / "expected.json").write_text(json.dumps(means, indent=1) + "\n")
