"""Adam with a lower learning rate for some layers: the paper trains its localization networks more slowly."""

import keras

from stnlib import _checks


@keras.saving.register_keras_serializable(package="stnlib")
class SlowAdam(keras.optimizers.Adam):
    """Adam whose steps are `factor` times as long for the weights of one layer, the transformer say.

    Scaling the gradient would do nothing: Adam divides it by its own size. This scales the learning rate.
    `slow` is a built Keras layer, or the list of its weights' paths, which is what gets saved; `factor` > 0; other
    arguments are those of `keras.optimizers.Adam`. Works on Keras 3.13 and later, on every backend. Raises
    ValueError for a layer with no weights to train or a factor that is not above 0. Source: Jaderberg et al. 2015,
    appendix, where localization networks learn at a lower rate.

    >>> layer = keras.layers.Dense(2, name="head")
    >>> layer.build((None, 3))
    >>> SlowAdam(layer, factor=0.1).get_config()["slow"]
    ['head/kernel', 'head/bias']
    """

    def __init__(self, slow, factor=0.1, learning_rate=1e-3, name="slow_adam", **kwargs):
        """Note the paths of the slow weights; see the class."""
        super().__init__(learning_rate, name=name, **kwargs)
        self.slow = _paths(slow)
        if isinstance(factor, bool) or not isinstance(factor, (int, float)) or not factor > 0:
            _checks.fail("factor", repr(factor), "a number above 0")
        self.factor = float(factor)

    def update_step(self, gradient, variable, learning_rate):
        """One step of Adam for one weight, shorter for a slow one."""
        path = self._trainable_variables[self._get_variable_index(variable)].path
        factor = self.factor if path in self.slow else 1.0
        super().update_step(gradient, variable, learning_rate * factor)

    def get_config(self):
        """Everything that `from_config` needs, as plain values."""
        return {**super().get_config(), "slow": self.slow, "factor": self.factor}


def _paths(slow):
    if isinstance(slow, keras.layers.Layer):
        slow = [variable.path for variable in slow.trainable_variables]
    named = isinstance(slow, (list, tuple)) and slow and all(isinstance(path, str) for path in slow)
    if not named:
        _checks.fail("slow", repr(slow), "a built layer with weights to train, or their paths")
    return list(slow)
