# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A working transformer in two minutes
#
# If you came for the code, start here: data, a model with the layer, training, and what the layer has learned to do.
# The cell takes about a minute on two processor cores.

# %% mystnb={"image": {"alt": "Two rows of six digits. Top: distorted test digits, many small, off-centre or rotated. Bottom: the same digits as the layer passes them on, mostly larger and centred, not all of them upright."}, "figure": {"caption": "The transformer mostly centres and enlarges. Top: distorted test digits. Bottom: the same digits, transformed, as the classifier sees them. The layer is trained only to help the classifier, so not all come out upright.", "name": "fig-quickstart"}}
from keras import Input, Sequential, layers

from stnlib import SpatialTransformer, datasets, distortions, plotting, training

digits = datasets.load()
x, y = distortions.mixed(digits.x_train[:4000], digits.y_train[:4000], copies=8)
test = distortions.distort(digits.x_test[:1000], seed=1).images

training.set_seed(0)
localization = Sequential([
    layers.AveragePooling2D(2), layers.Flatten(), layers.Dense(64, "relu")])
transformer = SpatialTransformer(localization)  # adds the six outputs
for name, front in {"without": [], "with": [transformer]}.items():
    model = Sequential([
        Input((28, 28, 1)), *front, layers.Flatten(),
        layers.Dense(128, "relu"), layers.Dense(10, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, batch_size=64, epochs=8, verbose=0)
    accuracy = model.evaluate(test, digits.y_test[:1000], verbose=0)[1]
    size = f"{model.count_params():,} parameters"
    print(f"accuracy {name} a transformer: {accuracy:.2f} ({size})")

plotting.use_style()
plotting.strip([*test[:6], *transformer(test[:6])], columns=6,
               rows=["distorted", "transformed"]);

# %% [markdown]
# **Data.** Real handwritten digits, and of each also eight distorted copies: rotated, scaled, sheared and shifted. The
# test has other digits, distorted once.
#
# **Model.** The `SpatialTransformer` goes in front of an ordinary classifier, which is trained once without it, for
# comparison. You bring a small localization network; the layer adds the six outputs, the sampling grid and the sampler.
# Nearly all of the extra parameters are the localization network's.
#
# **Training.** Class labels are the only supervision. Nobody tells the network how a digit was distorted.
#
# **What it learned.** Call the layer alone and it gives back the images as the classifier sees them.
#
# From here: {doc}`put the layer into your own model <api>`, train it on {doc}`your own images <10_your_images>`, or start
# with {doc}`chapter 1 <01_motivation>` to find out why a classifier needs it.
