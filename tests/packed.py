"""The packed form of a network, read back."""

import base64

import numpy as np


def unpack(packed, model):
    """Give a Keras model of the same layers the packed weights, float32; returns the model."""
    weights = np.frombuffer(base64.b64decode(packed["weights"]), "<f2").astype("float32")
    shapes = [array.shape for array in model.get_weights()]
    parts = np.split(weights, np.cumsum([np.prod(shape, dtype=int) for shape in shapes])[:-1])
    model.set_weights([part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)])
    return model
