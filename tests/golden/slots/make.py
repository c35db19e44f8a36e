"""Writes slot files in the layout of SlotFormer's and SlotDiffusion's `extract_slots.py`, one per pickle protocol."""
import pickle

import numpy as np

t, n, d = np.ogrid[:3, :2, :4]
value = (100 * t + 10 * n + d).astype(np.float32)
slots = {
    "train": {"video_00000.mp4": value, "video_00001.mp4": np.asfortranarray(-value)},
    "val": {"video_10000.mp4": value.astype(np.float16)},
}
for protocol in range(2, 6):
    with open(f"protocol{protocol}.pkl", "wb") as file:
        pickle.dump(slots, file, protocol=protocol)
