"""Gradients on whichever backend runs, and central differences to hold them against; NumPy in and out."""

import functools

import keras
import numpy as np
from keras import ops


def gradient(function, *arrays, compiled=False):
    """The gradients of the scalar `function(*tensors)` with respect to each float64 array."""
    tensors = [ops.convert_to_tensor(array) for array in arrays]
    call = functools.partial(_BACKENDS[keras.backend.backend()], function)
    return [ops.convert_to_numpy(g) for g in (compile_(call) if compiled else whole(call))(tensors)]


def compile_(function):
    """`function` in TensorFlow's graph or under JAX's jit; PyTorch runs it as it is."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.function(function)
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)
    return function


def whole(function):
    """`function` compiled once on JAX, which compiles every operation by itself otherwise; elsewhere as it is."""
    return compile_(function) if keras.backend.backend() == "jax" else function


def _tensorflow(function, tensors):
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(tensors)
        value = function(*tensors)
    return tape.gradient(value, tensors, unconnected_gradients="zero")


def _jax(function, tensors):
    import jax

    return jax.grad(function, argnums=tuple(range(len(tensors))))(*tensors)


def _torch(function, tensors):
    import torch

    leaves = [tensor.clone().requires_grad_(True) for tensor in tensors]
    value = function(*leaves)
    if not value.requires_grad:  # no leaf reaches the value
        return [torch.zeros_like(leaf) for leaf in leaves]
    return torch.autograd.grad(value, leaves, allow_unused=True, materialize_grads=True)


_BACKENDS = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}


def differences(function, *arrays, step=1e-6):
    """Central differences of the scalar `function(*tensors)` at the arrays, one entry at a time."""
    function, results = whole(function), []
    for k, array in enumerate(arrays):
        slope = np.zeros_like(array)
        for index in np.ndindex(*array.shape):
            ends = []
            for sign in (1, -1):
                moved = [a.copy() for a in arrays]
                moved[k][index] += sign * step
                ends.append(float(ops.convert_to_numpy(function(*moved))))
            slope[index] = (ends[0] - ends[1]) / (2 * step)
        results.append(slope)
    return results
