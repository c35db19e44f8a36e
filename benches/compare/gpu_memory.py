"""The most GPU memory of a command, asked of `nvidia-smi` while it runs: its CUDA context and its pool included."""

import os
import subprocess
import time

PERIOD_SECS = 0.2


def number(device):
    """What `nvidia-smi` calls `cuda` or `cuda:1`."""
    index = int(device.partition(":")[2] or 0)
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return visible.split(",")[index] if visible else str(index)


def asked(device, query):
    """Rows of whole numbers; rows with others, such as `[N/A]`, are left out."""
    command = ["nvidia-smi", f"--id={number(device)}", query, "--format=csv,noheader,nounits"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rows = [[word.strip() for word in line.split(",")] for line in text.splitlines()]
    return [[int(word) for word in row] for row in rows if row and all(word.isdigit() for word in row)]


def used(device):
    return sum(row[0] for row in asked(device, "--query-gpu=memory.used"))


def watched(command, device, **options):
    """Exit code of a command and its most memory, MiB; `None` where it used no GPU.

    A container may hide the numbers of processes: then it is by how much the whole GPU's use rose.
    """
    if device == "cpu":
        return subprocess.run(command, check=False, **options).returncode, None
    before, own, whole = used(device), 0, 0
    process = subprocess.Popen(command, **options)
    while process.poll() is None:
        listed = asked(device, "--query-compute-apps=pid,used_memory")
        own = max([own] + [memory for pid, memory in listed if pid == process.pid])
        whole = max(whole, used(device) - before)
        time.sleep(PERIOD_SECS)
    return process.returncode, own or whole
