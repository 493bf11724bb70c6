"""Adam with a lower learning rate for some layers: the paper trains its localization networks more slowly."""

from typing import Any

import keras

from stnlib import _checks


@keras.saving.register_keras_serializable(package="stnlib")
class SlowAdam(keras.optimizers.Adam):
    """Adam with a lower learning rate for the weights of one layer, such as the transformer.

    :param slow: a built Keras layer, or the list of its weights' paths.
    :param factor: the learning rate of these weights, as a multiple of `learning_rate`; above 0.
    :param learning_rate: as for `keras.optimizers.Adam`, like all other arguments. `weight_decay` is not supported.
    :Convention: scales the learning rate, because Adam normalises gradients: scaling those would have no effect. A
        saved model identifies the slow weights by their index, since Keras may change paths on loading.
    :Errors: ValueError for a layer that is not built or has no trainable weights, a factor of 0 or less, and, in the
        first step, for a slow weight that is not being trained.
    :Source: Jaderberg et al. 2015, appendix, where localization networks learn at a lower rate.

    >>> layer = keras.layers.Dense(2, name="head")
    >>> layer.build((None, 3))
    >>> SlowAdam(layer, factor=0.1).get_config()["slow"]
    ['head/kernel', 'head/bias']
    """

    def __init__(
        self,
        slow: keras.layers.Layer | list[str],
        factor: float = 0.1,
        learning_rate: Any = 1e-3,
        name: str = "slow_adam",
        **kwargs,
    ):
        """Note the slow weights; see the class."""
        if kwargs.get("weight_decay") is not None:
            _checks.fail("weight_decay", repr(kwargs["weight_decay"]), "None: it would not be slowed")
        super().__init__(learning_rate, name=name, **kwargs)
        self.slow = _names(slow)
        self.factor = _checks.positive(factor, "factor")

    def build(self, variables):
        """Find the slow weights among the trained ones; from now on they are known by their indices."""
        super().build(variables)
        self.slow = [_place(name, variables) for name in self.slow]

    def update_step(self, gradient, variable, learning_rate):
        """One step of Adam for one weight, shorter for a slow one."""
        factor = self.factor if self._get_variable_index(variable) in self.slow else 1.0
        super().update_step(gradient, variable, learning_rate * factor)

    def get_config(self):
        """Everything that `from_config` needs, as plain values."""
        return {**super().get_config(), "slow": list(self.slow), "factor": self.factor}


def _names(slow):
    """What identifies the weights: paths, those of a layer too, or indices as saved."""
    expected = "a built layer with weights to train, or their paths"
    if isinstance(slow, keras.layers.Layer):
        if not slow.built:
            _checks.fail("slow", f"{slow.name!r}, not built", f"{expected} (call the model once, or give it an Input)")
        if slow.weights and not slow.trainable_variables:
            _checks.fail("slow", f"{slow.name!r}, frozen", f"{expected} (unfreeze first: trainable = True)")
        slow = [weight.path for weight in slow.trainable_variables]
    elif not isinstance(slow, (list, tuple)) or not all(type(one) in (str, int) for one in slow):
        _checks.fail("slow", repr(slow), expected)
    if not slow:
        _checks.fail("slow", "none", expected)
    return list(slow)


def _place(name, variables):
    """The index among the trained weights of the weight with a path or an index."""
    found = [place for place, weight in enumerate(variables) if name in (place, weight.path)]
    if not found and isinstance(name, str):  # a model that was saved untrained: on loading Keras drops leading names
        found = [place for place, weight in enumerate(variables) if name.endswith("/" + weight.path)]
    if len(found) != 1:
        hint = "" if found else " (a layer frozen after SlowAdam was made? Unfreeze it first, or make SlowAdam anew)"
        _checks.fail("slow", f"{name!r}, found {len(found)} times", f"weights that are trained, each once{hint}")
    return found[0]
