"""Reads `run/` with the `tensorboard` package and writes what it found to `read.json`.

The files in `run/` are written by the test `a_file_is_the_one_that_the_tensorboard_package_read` of
`src/train/tensorboard.rs` under GOLDEN_WRITE=1. Needs: pip install tensorboard. Used with version 2.21.0.
With a folder as argument it reads that one and prints instead: `python3 read.py runs/slots-synth`.
"""

import json
import pathlib
import sys

import tensorboard
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

here = pathlib.Path(__file__).parent
folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here / "run"
events = EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0}).Reload()
tags = events.Tags()
found = {
    "scalars": {tag: [[e.step, round(e.value, 6)] for e in events.Scalars(tag)] for tag in tags["scalars"]},
    "images": {tag: [[e.step, e.width, e.height, len(e.encoded_image_string)] for e in events.Images(tag)]
               for tag in tags["images"]},
}
text = json.dumps({"tensorboard": tensorboard.__version__, **found}) + "\n"
if len(sys.argv) > 1:
    print(text, end="")
else:
    (here / "read.json").write_text(text)
