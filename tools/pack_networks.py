"""Train the networks that the page runs, unless that was done, measure them, and pack them: networks.json.

usage: python tools/pack_networks.py [--from FOLDER]

`stnlib.experiments.page` says what they are. FOLDER (default: _build/networks) keeps them as `.keras` files.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import keras

from stnlib import datasets
from stnlib.experiments import files, measure, page
from stnlib.widgets.reader import networks as packing

ROOT = Path(__file__).resolve().parent.parent


def trained(digits: datasets.Digits, folder: Path) -> dict[str, keras.Model]:
    """The networks by name, trained now where one is missing."""
    paths = {name: folder / f"{packing.page_file(name)}.keras" for name in page.NETWORKS}
    if not all(path.exists() for path in paths.values()):
        for name, model in page.train(digits).items():
            measure.save_network(paths[name], model)
    return {name: keras.models.load_model(path) for name, path in paths.items()}


def packed(name: str, model: keras.Model, digits: datasets.Digits) -> dict:
    """A network for the page, with what it is and what it does with rotated digits."""
    about = {"rotation": page.ROTATION, "parameters": model.count_params()}
    if page.NETWORKS[name].stands_for:
        about["stands_for"] = page.NETWORKS[name].stands_for
    return packing.pack(model) | about | {"measured": page.measure(model, digits)}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--from", dest="folder", type=Path, default=ROOT / "_build" / "networks")
    folder = parser.parse_args().folder
    measure.fix_threads()
    measure.make_deterministic()
    digits = datasets.load("mnist")
    found = {name: packed(name, model, digits) for name, model in trained(digits, folder).items()}
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(network)}" for name, network in found.items())
    files.write(packing.FILE, f"{{\n{lines}\n}}\n".encode())
    print(f"written: {packing.FILE.name}, {packing.FILE.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
