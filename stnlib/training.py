"""Training: seeds, one way to compile and fit, accuracy, and the history of theta."""

import numbers
import time
from math import ceil

import keras
import numpy as np
from keras import ops

from stnlib import _checks

BATCH = 512


def set_seed(seed):
    """Seed Python, NumPy and the backend, so that a model built and trained next can be repeated.

    >>> set_seed(1)
    """
    keras.utils.set_random_seed(seed)


def compile(model, learning_rate=1e-3):
    """Compile a classifier that answers with logits: Adam, cross-entropy, accuracy; returns the model.

    Convention: labels are integers. On TensorFlow nothing is XLA-compiled, which is faster on CPUs.

    >>> model = compile(keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)]))
    >>> float(model.optimizer.learning_rate)
    0.001
    """
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=keras.backend.backend() == "jax",
    )
    return model


def fit(model, x, y, epochs, batch_size=64, seed=0, callbacks=()):
    """Train quietly, with one line of progress; returns Keras's History.

    Shapes: x `(N, ...)`, y `(N,)`.
    Convention: `seed` fixes the order of the images; dropout follows the seed that was set when the model was made
        (on PyTorch this one, too).
    Errors: ValueError for `epochs` that are no whole number above 0.

    >>> model = compile(keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)]))
    >>> history = fit(model, np.ones((4, 2)), np.zeros(4), epochs=2)  # doctest: +ELLIPSIS
    sequential...: epoch 1 2, training accuracy ..., ... s
    """
    if isinstance(epochs, bool) or not isinstance(epochs, numbers.Integral) or epochs < 1:
        _checks.fail("epochs", repr(epochs), "a whole number of at least 1")
    set_seed(seed)
    return model.fit(x, y, batch_size=batch_size, epochs=epochs, verbose=0, callbacks=[ProgressLine(), *callbacks])


class ProgressLine(keras.callbacks.Callback):
    """Prints one line that grows with the epochs, by 16 numbers at most, and ends with the training accuracy."""

    def on_train_begin(self, logs=None):
        """Begin the line with the model's name."""
        self.start = time.perf_counter()
        print(f"{self.model.name}: epoch", end="", flush=True)

    def on_epoch_end(self, epoch, logs=None):
        """Add the epoch, or each second, third, ... where there are many, and the last one."""
        self.logs, done, epochs = logs or {}, epoch + 1, self.params["epochs"]
        if done % ceil(epochs / 15) == 0 or done == epochs:
            print(f" {done}", end="", flush=True)

    def on_train_end(self, logs=None):
        """End the line with what was reached and what it took."""
        seconds = time.perf_counter() - self.start
        print(f", training accuracy {self.logs.get('accuracy', float('nan')):.3f}, {seconds:.0f} s", flush=True)


class ThetaHistory(keras.callbacks.Callback):
    """Keeps what the transformer says about some images: before training, then after each epoch.

    `thetas` is a list of NumPy arrays `(N, P)`. The layer is found by its name.

    >>> ThetaHistory(np.zeros((2, 28, 28, 1))).thetas
    []
    """

    def __init__(self, images, layer="transformer"):
        super().__init__()
        self.images = np.asarray(images, "float32")
        self.layer = layer
        self.thetas = []

    def on_train_begin(self, logs=None):
        """Record theta before training."""
        self._record()

    def on_epoch_end(self, epoch, logs=None):
        """Record theta after the epoch."""
        self._record()

    def _record(self):
        theta = self.model.get_layer(self.layer).theta(ops.convert_to_tensor(self.images))
        self.thetas.append(ops.convert_to_numpy(theta))


def probabilities(model, x):
    """Ask the model for its confidence in each class.

    Shapes: x `(N, ...)` to NumPy `(N, classes)`, rows that sum to 1.

    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(4)])
    >>> probabilities(model, np.ones((3, 2))).sum(axis=1).round(3).tolist()
    [1.0, 1.0, 1.0]
    """
    x = np.asarray(x, "float32")
    parts = [model(x[first : first + BATCH], training=False) for first in range(0, max(len(x), 1), BATCH)]
    return np.concatenate([ops.convert_to_numpy(ops.softmax(logits)) for logits in parts])


def accuracy(model, x, y):
    """Measure the share of right answers, a float.

    Shapes: x `(N, ...)`, labels y `(N,)` or `(N, 1)`; ValueError for others.

    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Identity()])
    >>> accuracy(model, np.eye(3), np.array([0, 1, 0]))
    0.67
    """
    labels = np.asarray(y)
    if labels.shape not in ((len(x),), (len(x), 1)):
        _checks.fail("y", f"shape {labels.shape}", f"one label for each of {len(x)} images")
    return float(np.mean(probabilities(model, x).argmax(axis=-1) == labels.reshape(-1)))
