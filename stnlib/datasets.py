"""Real handwritten digits, 28x28, float32 in [0, 1]: MNIST, or the UCI digits inside scikit-learn."""

import contextlib
import hashlib
import os
import shutil
import socket
import sys
import tempfile
import threading
import urllib.request
import warnings
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import ndimage

FILE = "mnist.npz"
URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
CONNECT_SECONDS = 10
SHA256 = {
    "x_train": "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
    "y_train": "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
    "x_test": "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
    "y_test": "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
}
FILE_SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"  # of the file that URL gives
AXES = {"x_train": 3, "y_train": 1, "x_test": 3, "y_test": 1}
HOW_TO_GET_MNIST = f"To use MNIST, download {URL} and set STNLIB_DATA_DIR to the folder that holds mnist.npz."


class Digits(NamedTuple):
    """A data set, split into training and test images.

    :param x_train: images `(N, 28, 28, 1)`, float32 in [0, 1].
    :param y_train: their labels `(N,)`, int32.
    :param x_test: images of the test set, in the same form.
    :param y_test: their labels.
    :param name: "mnist" or "uci".
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    name: str


def load(name: str = "auto", data_dir: str | os.PathLike | None = None) -> Digits:
    """Load handwritten digits.

    :Shapes: x `(N, 28, 28, 1)` float32 in [0, 1], y `(N,)` int32; a `Digits` named tuple.
    :param name: "mnist" (60,000 + 10,000 digits), "uci" (1,437 + 360), or "auto": the value of the environment
        variable `STNLIB_DATASET` if set, else MNIST if it can be found or downloaded, else uci with a warning.
    :param data_dir: a folder with mnist.npz. Searched next: `STNLIB_DATA_DIR` (either without the file gives a
        warning), then Keras's cache.
    :Errors: ValueError for an unknown name; OSError if `mnist` was asked for and is not available.
    :Source: MNIST (LeCun, Cortes, Burges); optical digits (Alpaydin, Kaynak, UCI).

    >>> digits = load("uci")
    >>> digits.x_train.shape, digits.x_test.shape, digits.name
    ((1437, 28, 28, 1), (360, 28, 28, 1), 'uci')
    """
    asked = "name"
    if name == "auto" and os.environ.get("STNLIB_DATASET"):
        asked, name = "STNLIB_DATASET", os.environ["STNLIB_DATASET"]
    if name not in ("auto", "mnist", "uci"):
        raise ValueError(f"{asked}: got {name!r}, expected 'auto', 'mnist' or 'uci'")
    if name == "uci":
        return _uci()
    try:
        return _mnist(_candidates(data_dir))
    except OSError as error:
        if name == "mnist":
            raise
        warnings.warn(
            f"{error} Using the 1,797 UCI digits of scikit-learn instead. {HOW_TO_GET_MNIST}",
            stacklevel=2,
        )
        return _uci()


def _mnist(candidates: list[Path]) -> Digits:
    """Find MNIST on disk, or fetch it; OSError if neither works."""
    for path in candidates:
        if path.is_file():
            try:
                return _as_digits(_read_mnist(path))
            except OSError as error:
                warnings.warn(f"{error} It is not used; looking for a sound copy.", stacklevel=3)
    return _as_digits(_fetch(_cache()))


def _candidates(data_dir: str | os.PathLike | None) -> list[Path]:
    """List the paths where mnist.npz may be, best first; warn of a given folder without it."""
    named = {"data_dir": data_dir, "STNLIB_DATA_DIR": os.environ.get("STNLIB_DATA_DIR")}
    paths = {argument: Path(folder).expanduser() / FILE for argument, folder in named.items() if folder}
    for argument, path in paths.items():
        if not path.is_file():
            what = "no mnist.npz in it" if path.parent.is_dir() else "no such folder"
            warnings.warn(f"{argument}: {str(path.parent)!r}: {what}; looking elsewhere.", stacklevel=3)
    return [*paths.values(), _cache()]


def _cache() -> Path:
    """Return where Keras keeps mnist.npz."""
    home = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
    return Path(home) / "datasets" / FILE


def _read_mnist(path: Path) -> dict[str, np.ndarray]:
    """Read the four arrays and check their content; OSError names the file and what is wrong."""
    try:
        with open(path, "rb") as raw, np.load(raw, allow_pickle=False) as file:
            arrays = {key: file[key] for key in SHA256}
    except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile, zipfile.zlib.error) as error:
        raise OSError(f"{path} is damaged or incomplete ({type(error).__name__}).") from error
    for key, array in arrays.items():
        if np.ndim(array) != AXES[key] or (AXES[key] == 3 and array.shape[1:] != (28, 28)):
            raise OSError(f"{path} is damaged: {key} has not MNIST's shape.")
        content = np.ascontiguousarray(array).tobytes()
        if array.dtype != np.uint8 or hashlib.sha256(content).hexdigest() != SHA256[key]:
            raise OSError(f"{path} is damaged: {key} has not MNIST's checksum.")
    return arrays


def _as_digits(arrays: dict[str, np.ndarray]) -> Digits:
    """Turn raw uint8 arrays into a Digits tuple."""
    x = {k: (arrays[k][..., None] / np.float32(255)).astype("float32") for k in ("x_train", "x_test")}
    y_train, y_test = arrays["y_train"].astype("int32"), arrays["y_test"].astype("int32")
    return Digits(x["x_train"], y_train, x["x_test"], y_test, "mnist")


def _fetch(target: Path) -> dict[str, np.ndarray]:
    """Download MNIST through Keras, check it, keep it at `target` if possible; OSError if not."""
    import keras

    _connect()
    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(CONNECT_SECONDS)
    try:
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
            part = keras.utils.get_file(FILE, URL, file_hash=FILE_SHA256, cache_dir=folder, cache_subdir="")
            arrays = _read_mnist(part)
            _keep(part, target)
            return arrays
    except Exception as error:
        raise OSError(f"MNIST could not be downloaded ({error}).") from error
    finally:
        socket.setdefaulttimeout(timeout)


def _connect() -> None:
    """Raise OSError unless the download's host answers within CONNECT_SECONDS."""
    outcome = [f"no answer within {CONNECT_SECONDS} s"]

    def ask():
        try:
            request = urllib.request.Request(URL, method="HEAD")
            urllib.request.urlopen(request, timeout=CONNECT_SECONDS).close()
            outcome[0] = None
        except Exception as error:
            outcome[0] = str(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(CONNECT_SECONDS)
    if outcome[0] is not None:
        raise OSError(f"MNIST could not be downloaded ({outcome[0]}).")


def _keep(part: str, target: Path) -> None:
    """Move a verified file into the cache in one step; a read-only cache is ignored."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        near = target.with_name(f"{target.name}.{os.getpid()}.part")
        shutil.copyfile(part, near)
        os.replace(near, target)
    except OSError as error:
        warnings.warn(f"MNIST is not kept for next time ({error}).", stacklevel=2)


def _uci() -> Digits:
    """Build the UCI digits in MNIST's form, split 1,437 + 360, stratified."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    raw = load_digits()
    x, y = _mnist_form(raw.images / 16), raw.target.astype("int32")
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=360, stratify=y, random_state=0)
    return Digits(x_train, y_train, x_test, y_test, "uci")


def _mnist_form(images: np.ndarray) -> np.ndarray:
    """Enlarge `(N, 8, 8)` digits to a 20x20 box, centred by mass in `(N, 28, 28, 1)`."""
    box = ndimage.zoom(images, (1, 2.5, 2.5), order=3, mode="grid-constant", grid_mode=True)
    padded = np.pad(np.clip(box, 0, 1), ((0, 0), (4, 4), (4, 4)))
    shifts = [np.round(13.5 - np.array(ndimage.center_of_mass(image))) for image in padded]
    shifts = np.clip(shifts, -4, 4).astype(int)
    centred = [np.roll(image, shift, axis=(0, 1)) for image, shift in zip(padded, shifts, strict=True)]
    return np.stack(centred)[..., None].astype("float32")
