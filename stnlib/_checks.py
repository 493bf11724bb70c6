"""Checks of arguments at the public edges: one line that names the argument, what came, what is expected.

Keras is imported only where tensors are checked, so that the widgets, which have none, work without it.
"""

import numbers

import numpy as np

FLOATS = ("float16", "bfloat16", "float32", "float64")


def fail(argument, got, expected):
    """Raise the ValueError of the library: `argument`, what came and what is expected, on one line."""
    text = " ".join(str(got).split())
    raise ValueError(f"{argument}: expected {expected}, got {text[:120]}")


def choice(value, argument, choices):
    """Return `value` when it is one of `choices`."""
    if not isinstance(value, str) or value not in choices:
        fail(argument, repr(value), "one of " + ", ".join(repr(c) for c in choices))
    return value


def flag(value, argument):
    """Return `value` when it is a bool."""
    if not isinstance(value, (bool, np.bool_)):
        fail(argument, repr(value), "True or False")
    return bool(value)


def positive(value, argument):
    """Return `value` as a float when it is a finite number above 0."""
    real = isinstance(value, numbers.Real) and not isinstance(value, (bool, np.bool_))
    if not real or not 0 < value < float("inf"):
        fail(argument, repr(value), "a number above 0")
    return float(value)


def whole(value, argument, least=1):
    """Return `value` as an int when it is an integer of at least `least`."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Integral) or value < least:
        fail(argument, repr(value), f"a whole number of at least {least}")
    return int(value)


def sizes(value, argument, least=1):
    """Return a pair of integers, each at least `least`, as plain ints."""
    expected = f"two whole numbers >= {least}, as (height, width)"
    try:  # the sizes of a tensor are a tuple, a torch.Size or a tf.TensorShape
        entries = () if isinstance(value, (str, bytes, set, frozenset, dict)) else tuple(value)
    except (TypeError, ValueError):  # a number, or a shape of unknown rank
        entries = ()
    if len(entries) != 2:
        fail(argument, repr(value), expected)
    for entry in entries:
        if isinstance(entry, (bool, np.bool_)) or not isinstance(entry, numbers.Integral) or entry < least:
            fail(argument, repr(value), expected)
    return int(entries[0]), int(entries[1])


def is_symbolic(*tensors):
    """True when a Keras model is being drawn: at least one of the tensors is a KerasTensor."""
    import keras

    return any(isinstance(tensor, keras.KerasTensor) for tensor in tensors)


def floating(value, argument, rank=None):
    """Return `value` as a floating backend tensor, of `rank` axes when given."""
    import keras

    if isinstance(value, keras.KerasTensor):
        tensor = value
    else:
        try:
            tensor = keras.ops.convert_to_tensor(value)
        except Exception as error:  # each backend raises its own kinds
            raise ValueError(f"{argument}: expected an array of numbers, got {type(value).__name__}") from error
    dtype = keras.backend.standardize_dtype(tensor.dtype)
    if dtype == "string":
        fail(argument, "text", "an array of numbers")
    if dtype not in FLOATS:
        hint = "convert with astype('float32') or keras.layers.Rescaling"
        fail(argument, f"dtype {dtype}", f"floating-point numbers ({hint})")
    if rank is not None and len(tensor.shape) != rank:
        fail(argument, f"shape {tuple(tensor.shape)}", f"{rank} axes")
    return tensor


def from_list(value, argument):
    """Lists of numbers, integers too, or of arrays as NumPy; of tensors as one tensor; all else unchanged."""
    if not isinstance(value, (list, tuple)):
        return value
    try:
        if value and isinstance(value[0], np.ndarray):
            return np.stack(value)
        if value and not isinstance(value[0], (list, tuple, numbers.Number)):
            import keras

            return keras.ops.stack(value)
        return np.asarray(value, "float32")
    except Exception as error:  # each backend raises its own kinds
        raise ValueError(f"{argument}: expected an array of numbers, got {value!r:.80}") from error


def precision(*tensors):
    """The dtype to compute in: float64 when one of the tensors has it, else float32."""
    import keras

    names = [keras.backend.standardize_dtype(tensor.dtype) for tensor in tensors]
    return "float64" if "float64" in names else "float32"


def known(tensor):
    """The values of a tensor as float64 NumPy where they are known now; None for a traced or symbolic one."""
    import keras

    if is_symbolic(tensor):
        return None
    try:
        return keras.ops.convert_to_numpy(tensor).astype("float64")
    except (TypeError, NotImplementedError, AttributeError, RuntimeError):
        return None


def finite(value, argument):
    """Refuse NaN and infinity in a NumPy array; a tensor passes: to look at its numbers is to wait for its device."""
    if isinstance(value, np.ndarray) and value.dtype.kind == "f" and not np.isfinite(value).all():
        fail(argument, "NaN or infinity", "finite numbers")
    return value


def same_batch(first, second, argument, other):
    """Refuse two batch sizes that are both known and differ."""
    a, b = first.shape[0], second.shape[0]
    if isinstance(a, int) and isinstance(b, int) and a != b:
        fail(argument, f"batch {b}", f"the batch size of {other}, {a}")
