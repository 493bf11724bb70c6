"""Train the networks that the page runs, unless that was done, and pack them: stnlib/widgets/reader/networks.json.

usage: python tools/pack_networks.py [--from FOLDER]

They are the article's, of seed 0, trained by the command that also measures its table; FOLDER (default:
_build/networks) keeps their records and `.keras` files, so that a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import keras

from stnlib import datasets
from stnlib.experiments import files, runs
from stnlib.experiments.measure import measure
from stnlib.widgets.reader import networks as packing

ROOT = Path(__file__).resolve().parent.parent
NETWORKS = {"FCN": "fcn_mixed", "CNN": "cnn", "STN+FCN": "stn_fcn", "STN+CNN": "stn_cnn"}
TURNS = 75  # degrees either way that the article's distortion turns its training digits


def trained(run: runs.Run, folder: Path) -> tuple[keras.Model, dict]:
    """The network of a run and its record, measured now where they are missing."""
    network, record = folder / "networks" / f"{run.name}.keras", folder / f"{run.name}.json"
    if not (network.exists() and record.exists()):
        measure(run, datasets.load(run.dataset), folder)
    return keras.models.load_model(network), files.read_json(record)


def packed(run: runs.Run, folder: Path) -> dict:
    """A network for the page, with what it is and how well it reads."""
    model, record = trained(run, folder)
    about = {name: record[name] for name in ("command", "commit", "error", "parameters")}
    return packing.pack(model) | {"turns": TURNS} | about


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--from", dest="folder", type=Path, default=ROOT / "_build" / "networks")
    folder = parser.parse_args().folder
    chosen = {name: runs.select("article", model, distortion="article", seed=0)[0] for name, model in NETWORKS.items()}
    found = {name: packed(run, folder) for name, run in chosen.items()}
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(network)}" for name, network in found.items())
    files.write(packing.FILE, f"{{\n{lines}\n}}\n".encode())
    print(f"written: {packing.FILE.name}, {packing.FILE.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
