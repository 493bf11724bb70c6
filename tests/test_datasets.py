"""The digits: their form, the split, and what happens when MNIST is missing, damaged or out of reach."""

import hashlib
import threading
import urllib.request
import warnings

import keras
import numpy as np
import pytest

from stnlib import datasets

URLOPEN = urllib.request.urlopen


@pytest.fixture
def small_mnist(monkeypatch, tmp_path):
    """A stand-in for MNIST: few digits, with checksums to match, no network, an empty home."""
    rng = np.random.default_rng(0)
    arrays = {
        "x_train": rng.integers(0, 256, (6, 28, 28), dtype=np.uint8),
        "y_train": np.arange(6, dtype=np.uint8),
        "x_test": rng.integers(0, 256, (4, 28, 28), dtype=np.uint8),
        "y_test": np.arange(4, dtype=np.uint8),
    }
    sums = {key: hashlib.sha256(array.tobytes()).hexdigest() for key, array in arrays.items()}
    monkeypatch.setattr(datasets, "SHA256", sums)
    monkeypatch.delenv("STNLIB_DATASET", raising=False)
    monkeypatch.delenv("STNLIB_DATA_DIR", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    return arrays


def refuse(*args, **kwargs):
    raise OSError("Name or service not known")


def save(folder, arrays):
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(folder / "mnist.npz", **arrays)
    return folder / "mnist.npz"


def serve(monkeypatch, arrays, calls):
    """Let the download succeed, with these arrays."""

    class Answer:
        def close(self):
            pass

    def get_file(name, origin, file_hash, cache_dir, cache_subdir):
        assert file_hash == datasets.FILE_SHA256
        calls.append(origin)
        print("Downloading data from", origin)
        np.savez_compressed(f"{cache_dir}/{name}", **arrays)
        return f"{cache_dir}/{name}"

    monkeypatch.setattr(urllib.request, "urlopen", lambda *a, **k: Answer())
    monkeypatch.setattr(keras.utils, "get_file", get_file)


def is_small_mnist(digits, arrays):
    assert digits.name == "mnist"
    np.testing.assert_allclose(digits.x_train[..., 0] * 255, arrays["x_train"], atol=1e-4)
    np.testing.assert_array_equal(digits.y_test, arrays["y_test"])
    assert digits.x_test.dtype == np.float32 and digits.y_train.dtype == np.int32
    return True


def test_uci_has_the_form_of_mnist():
    digits = datasets.load("uci")
    assert digits.x_train.shape == (1437, 28, 28, 1) and digits.x_test.shape == (360, 28, 28, 1)
    assert digits.x_train.dtype == np.float32 and digits.y_train.dtype == np.int32
    assert digits.x_train.min() == 0 and 0.9 < digits.x_train.max() <= 1


def test_uci_is_centred_by_mass_with_a_margin():
    x = datasets.load("uci").x_train[..., 0]
    mass = x.sum(axis=(1, 2))
    place = np.arange(28)
    for axis in (1, 2):
        centre = (x.sum(axis=axis) * place).sum(axis=1) / mass
        assert np.abs(centre - 13.5).max() <= 0.51


def test_uci_split_is_stratified_and_fixed():
    first, second = datasets.load("uci"), datasets.load("uci")
    np.testing.assert_array_equal(first.x_test, second.x_test)
    everyone = np.bincount(np.concatenate([first.y_train, first.y_test]))
    np.testing.assert_allclose(np.bincount(first.y_test), everyone / 5, atol=1)
    train = {image.tobytes() for image in first.x_train}
    assert sum(image.tobytes() in train for image in first.x_test) == 0


def test_unknown_name():
    with pytest.raises(ValueError, match=r"name: .*'digits'"):
        datasets.load("digits")


def test_unknown_name_in_the_environment(monkeypatch):
    monkeypatch.setenv("STNLIB_DATASET", "MNIST")
    with pytest.raises(ValueError, match=r"^STNLIB_DATASET: got 'MNIST'"):
        datasets.load()


def test_environment_decides_for_auto(monkeypatch):
    monkeypatch.setenv("STNLIB_DATASET", "uci")
    assert datasets.load().name == "uci"


@pytest.mark.parametrize("place", ["argument", "environment", "cache"])
def test_mnist_is_found(small_mnist, monkeypatch, tmp_path, place):
    folder = tmp_path / ("keras/datasets" if place == "cache" else "data")
    save(folder, small_mnist)
    if place == "environment":
        monkeypatch.setenv("STNLIB_DATA_DIR", str(folder))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert is_small_mnist(datasets.load(data_dir=folder if place == "argument" else None), small_mnist)


def test_without_network_one_warning_and_uci(small_mnist):
    with pytest.warns(UserWarning, match="UCI digits") as caught:
        assert datasets.load().name == "uci"
    assert len(caught) == 1
    assert "STNLIB_DATA_DIR" in str(caught[0].message) and datasets.URL in str(caught[0].message)


@pytest.mark.parametrize("asked", ["data_dir", "STNLIB_DATA_DIR"])
@pytest.mark.parametrize(("made", "what"), [(False, "no such folder"), (True, "no mnist.npz in it")])
def test_a_mistyped_folder_is_named_in_one_warning(small_mnist, monkeypatch, tmp_path, asked, made, what):
    save(datasets._cache().parent, small_mnist)
    folder = tmp_path / "dta"
    if made:
        folder.mkdir()
    if asked == "STNLIB_DATA_DIR":
        monkeypatch.setenv(asked, str(folder))
    with pytest.warns(UserWarning, match=f"^{asked}: .*dta.*{what}") as caught:
        assert is_small_mnist(datasets.load(data_dir=folder if asked == "data_dir" else None), small_mnist)
    assert len(caught) == 1


def test_a_download_with_another_checksum_is_never_used(small_mnist, monkeypatch, tmp_path):
    """Through Keras's own get_file, from a file: what came is not what MNIST's file is."""
    served = save(tmp_path / "served", small_mnist)
    monkeypatch.setattr(datasets, "URL", served.as_uri())
    monkeypatch.setattr(datasets, "_connect", lambda: None)
    monkeypatch.setattr(urllib.request, "urlopen", URLOPEN)
    with pytest.raises(OSError, match="could not be downloaded"):
        datasets.load("mnist")
    monkeypatch.setattr(datasets, "FILE_SHA256", hashlib.sha256(served.read_bytes()).hexdigest())
    assert is_small_mnist(datasets.load("mnist"), small_mnist)


def test_without_network_mnist_is_an_error(small_mnist):
    with pytest.raises(OSError, match="could not be downloaded"):
        datasets.load("mnist")


def test_a_dead_route_costs_no_more_than_the_limit(small_mnist, monkeypatch):
    monkeypatch.setattr(datasets, "CONNECT_SECONDS", 0.2)
    monkeypatch.setattr(urllib.request, "urlopen", lambda *a, **k: threading.Event().wait(5))
    with pytest.raises(OSError, match=r"no answer within 0\.2 s"):
        datasets.load("mnist")


def test_download_is_kept_and_used_again(small_mnist, monkeypatch, capsys):
    calls = []
    serve(monkeypatch, small_mnist, calls)
    assert is_small_mnist(datasets.load(), small_mnist)
    assert is_small_mnist(datasets.load(), small_mnist)
    assert calls == [datasets.URL]
    captured = capsys.readouterr()
    assert captured.out == "" and "Downloading" in captured.err
    assert [path.name for path in datasets._cache().parent.iterdir()] == ["mnist.npz"]


def damaged(path, how, arrays):
    raw = path.read_bytes()
    if how == "truncated":
        path.write_bytes(raw[: len(raw) // 2])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "text":
        path.write_text("<html>sign in</html>")
    elif how == "one pixel":
        x = arrays["x_test"].copy()
        x[0, 0, 0] ^= 1
        save(path.parent, {**arrays, "x_test": x})
    elif how == "missing array":
        save(path.parent, {key: arrays[key] for key in ("x_train", "y_train")})
    elif how == "pickle":
        save(path.parent, {**arrays, "y_test": np.array([{}], dtype=object)})
    elif how == "wrong type":
        save(path.parent, {**arrays, "y_test": arrays["y_test"].view(np.int8)})
    elif how == "flat":
        save(path.parent, {**arrays, "x_test": arrays["x_test"].reshape(len(arrays["x_test"]), -1)})
    elif how == "one array":
        with open(path, "wb") as file:
            np.save(file, arrays["x_test"])


DAMAGES = ["truncated", "empty", "text", "one pixel", "missing array", "pickle", "wrong type", "flat", "one array"]


@pytest.mark.parametrize("how", DAMAGES)
def test_damaged_file_is_reported_and_fetched_again(small_mnist, monkeypatch, how):
    damaged(save(datasets._cache().parent, small_mnist), how, small_mnist)
    calls = []
    serve(monkeypatch, small_mnist, calls)
    with pytest.warns(UserWarning, match="damaged"):
        assert is_small_mnist(datasets.load(), small_mnist)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert is_small_mnist(datasets.load(), small_mnist)
    assert len(calls) == 1


@pytest.mark.parametrize("how", ["truncated", "one pixel"])
def test_damaged_file_without_network_is_never_used(small_mnist, tmp_path, how):
    damaged(save(tmp_path / "data", small_mnist), how, small_mnist)
    with pytest.warns(UserWarning, match="damaged"), pytest.warns(UserWarning, match="UCI digits"):
        assert datasets.load(data_dir=tmp_path / "data").name == "uci"


def test_damaged_download_is_never_used(small_mnist, monkeypatch):
    serve(monkeypatch, {**small_mnist, "x_train": small_mnist["x_train"][:3]}, [])
    with pytest.raises(OSError, match="checksum"):
        datasets.load("mnist")
    assert not datasets._cache().exists()


def test_read_only_cache_is_no_error(small_mnist, monkeypatch, tmp_path):
    (tmp_path / "keras").write_text("a file where the folder should be")
    serve(monkeypatch, small_mnist, [])
    with pytest.warns(UserWarning, match="not kept"):
        assert is_small_mnist(datasets.load("mnist"), small_mnist)
