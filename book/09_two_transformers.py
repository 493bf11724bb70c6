# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Can one transformer handle two digits?
#
# In the paper's *addition* task {cite}`jaderberg2015stn`, each image has two channels, A and B. Each shows one digit, with
# its own rotation, scale and position, and the network has to predict their sum. A transformer applies one $\theta$ to the
# whole image. {numref}`fig-09-one-theta` shows why that isn't enough.

# %% tags=["hide-input"]
import keras
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from keras import Input, Model, Sequential, layers

from stnlib import (
    SpatialTransformer,
    datasets,
    distortions,
    models,
    plotting,
    training,
    transforms,
)
from stnlib.experiments import published, table

plotting.use_style()
SEED = 0
TRAIN_SIZE = 1408  # at most this many digits to train on
TEST_SIZE = 1800   # pairs to test on
SHOWN = 1          # the pair in the first figure

# %% tags=["hide-input"] mystnb={"figure": {"caption": "One θ can correct one digit, not both. Top: channel A, bottom: channel B of the same image. Left to right: the input; both channels sampled with the θ that corrects A; with the θ that corrects B; each with its own.", "name": "fig-09-one-theta"}, "image": {"alt": "Two rows of four pictures, one row for each channel. First: a small rotated digit in each, at different positions. Second: the digit of A upright and large, that of B moved by the wrong theta. Third: the reverse. Fourth: both digits upright and large."}}
data = datasets.load()
x, y = data.x_train[:TRAIN_SIZE], data.y_train[:TRAIN_SIZE]
x_test, y_test = np.resize(data.x_test, (TEST_SIZE, 28, 28, 1)), np.resize(data.y_test, TEST_SIZE)
pairs, sums = distortions.addition(x_test, y_test, SEED)
partner, placed = distortions.pairing(TEST_SIZE, SEED)
digits = y_test, y_test[partner]
right = [np.asarray(transforms.invert(theta)) for theta in placed]  # theta that corrects A, and B


def sample_pairs(images, first, second):
    """Channel A sampled with the first theta, channel B with the second."""
    both = [distortions.warp(images, theta, (28, 28)) for theta in (first, second)]
    return np.concatenate([both[0][..., :1], both[1][..., 1:]], axis=-1)


WAYS = {"θ for A": (right[0], right[0]), "θ for B": (right[1], right[1]), "each its own": right}
column = {"input": pairs[SHOWN]} | {name: sample_pairs(pairs, *thetas)[SHOWN] for name, thetas in WAYS.items()}
figure, axes = plt.subplots(2, 4, figsize=(6, 3.5))
for (name, image), (top, bottom) in zip(column.items(), axes.T):
    plotting.show(top, image[..., 0], name)
    plotting.show(bottom, image[..., 1])
for row, channel in zip(axes, "AB"):
    row[0].set_ylabel(channel, rotation=0, ha="right", va="center")
figure.tight_layout(pad=0.4)

# %% [markdown]
# After this chapter you can
#
# - say when one $\theta$ isn't enough, and what it costs in accuracy;
# - put two transformers side by side, and check what each has learned;
# - compare networks with no, one and two transformers on the full task.
#
# ## One θ, one digit
#
# Correct one digit, and the other stays distorted or leaves the frame. A classifier that has seen only upright digits
# then predicts the sum hardly better than by guessing. We train one on single digits and give it both channels.

# %%
training.set_seed(SEED)
upright = training.compile(models.fcn())
history = training.fit(upright, x, y, epochs=8, seed=SEED)


# %%
def classify(images):
    return [training.probabilities(upright, images[..., c : c + 1]).argmax(axis=1)
            for c in (0, 1)]


# %% tags=["hide-input"]
lines, sum_right = [], {}
clean = np.concatenate([x_test, x_test[partner]], axis=-1)
for name, images in [*((name, sample_pairs(pairs, *thetas)) for name, thetas in WAYS.items()), ("*undistorted*", clean)]:
    found = classify(images)
    sum_right[name] = np.mean(found[0] + found[1] == sums)
    lines.append((name, *(f"{np.mean(found[c] == digits[c]):.2f}" for c in (0, 1)), f"{sum_right[name]:.2f}"))
guess = np.bincount(sums).argmax()
chance = np.mean(sums == guess)
lines.append((f"*always {guess}*", "–", "–", f"*{chance:.2f}*"))
Markdown(plotting.markdown_table(("Channels sampled with", "Digit in A", "Digit in B", "Sum"), lines)
         + f"\n\nAccuracy; `{data.name}`, {TEST_SIZE:,} test pairs. *Undistorted*: the test digits themselves, "
           "which the classifier predicts about as well as corrected ones. Last row: the most frequent sum, always.")

# %% tags=["claim"]
one_theta = max(sum_right["θ for A"], sum_right["θ for B"])
assert one_theta < chance + 0.06 and sum_right["each its own"] > 4 * one_theta
assert abs(sum_right["*undistorted*"] - sum_right["each its own"]) < 0.03

# %% [markdown]
# ## Two transformers, side by side
#
# The paper uses two transformers that see the same two-channel image. Each has its own localization network and
# $\theta$, and each resamples *both* channels. The classifier gets all four results.

# %%
def side_by_side(localization, classifier, count, size=(42, 42)):
    image = Input((*size, 2))
    views = [SpatialTransformer(localization(), output_size=(21, 21),
                                name=f"transformer_{i + 1}")(image)
             for i in range(count)]
    return Model(image, classifier(layers.Concatenate()(views)),
                 name=f"transformers_{count}")


# %% [markdown]
# Nobody tells the transformers which digit to correct: the only label is the sum. Yet in our run they divide
# the work, as {numref}`fig-09-follow` shows. To see it within seconds, we train on an easier task: digits 0, 1 and 2, only
# shifted. The hidden code defines the pairs, a small localization network and a dense classifier.

# %% tags=["hide-input"]
def shifted_pairs(x, y, count, rng):
    """Pairs of small digits, each at a random position in its own channel; their sums and positions, (x, y)."""
    x, y = x[y < 3], y[y < 3]
    chosen = rng.integers(len(x), size=(2, count))
    places = rng.uniform(-1 / 3, 1 / 3, (2, count, 2))
    theta = np.zeros((2, count, 2, 3))
    theta[..., :2] = 1.5 * np.eye(2)
    theta[..., 2] = -1.5 * places
    channels = [distortions.warp(x[i], t.reshape(count, 6), (42, 42)) for i, t in zip(chosen, theta)]
    return np.concatenate(channels, axis=-1), y[chosen].sum(axis=0), places


def localization():
    return Sequential([Input((42, 42, 2)), layers.AveragePooling2D(2),
                       layers.Flatten(), layers.Dense(64, activation="relu"),
                       layers.Dense(32, activation="relu")])


def classifier(views):
    hidden = layers.Dense(128, activation="relu")(layers.Flatten()(views))
    return layers.Dense(5)(hidden)  # sums 0 to 4


EPOCHS, COUNT = 8, 8448
rng = np.random.default_rng(SEED)
shifted, shifted_sums, _ = shifted_pairs(x, y, COUNT, rng)
unseen, unseen_sums, places = shifted_pairs(data.x_test, data.y_test, TEST_SIZE, rng)

# %%
adders = {}
for count in (1, 2):
    training.set_seed(SEED)
    rate = keras.optimizers.schedules.CosineDecay(2e-3, COUNT // 64 * EPOCHS)
    adder = side_by_side(localization, classifier, count)
    adders[count] = training.compile(adder, rate)
    training.fit(adder, shifted, shifted_sums, EPOCHS, seed=SEED)
    print(f"test accuracy {training.accuracy(adder, unseen, unseen_sums):.2f}")

# %% [markdown]
# Trained from end to end, even the network with one transformer gets most sums right: its classifier learns to read
# digits that are off the centre. The second transformer adds little to this easy task.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "A single transformer follows both digits alike; with two, each follows mainly one. Left: each dot is a test pair. Horizontal: where the digit lies; vertical: how far the transformer shifts its sampling grid, both in x and in normalised units (the image runs from −1 to 1). r is their correlation. On the grey line the digit ends in the middle; a flatter slope is enough, because the classifier has learned to read digits off the centre. Right: one pair and the outputs for it. The line marks the middle, where a digit would end that is followed exactly.", "name": "fig-09-follow"}, "image": {"alt": "At the top right the two channels of one input. Below, three rows, each with two scatter plots and two pictures. A single transformer: a broad rising band for both digits, flatter than the grey diagonal. The first of two transformers: a narrow rising band for one digit, a cloud without direction for the other. The second of two: the reverse. The pictures show the two channels of the input as each transformer outputs them."}}
transformers = {"one alone": (1, 1), "first of two": (2, 1), "second of two": (2, 2)}
layer_of = {name: adders[count].get_layer(f"transformer_{number}") for name, (count, number) in transformers.items()}
centres = {name: np.asarray(layer.theta(unseen))[:, [2, 5]] for name, layer in layer_of.items()}
follows = {name: [np.corrcoef(centre[:, 0], places[c][:, 0])[0, 1] for c in (0, 1)] for name, centre in centres.items()}
apart = int((places[1] - places[0])[:, 0].argmax())  # the pair to show: one digit at the left, one at the right
figure, axes = plt.subplots(4, 4, figsize=(6.4, 6.2), layout="constrained", width_ratios=(1.5, 1.5, 1, 1))
for row, (name, centre) in zip(axes[1:], centres.items()):
    for c, channel in enumerate("AB"):
        row[c].axline((0, 0), slope=1, color=plotting.COLORS["neutral"], lw=1, zorder=3)
        row[c].scatter(places[c][:, 0], centre[:, 0], s=3, alpha=0.3, color=plotting.COLORS["grid"])
        row[c].set(xlim=(-0.4, 0.4), ylim=(-0.7, 0.7), xticks=(-0.3, 0, 0.3), yticks=(-0.5, 0, 0.5))
        row[c].text(-0.37, 0.48, f"r = {follows[name][c]:.2f}".replace("-", "−"))
        row[c].tick_params(labelbottom=name == [*centres][-1], labelleft=c == 0)
        axes[3, c].set_xlabel(f"position of {channel}")
    row[0].set_ylabel("grid shift")
    row[0].set_title(name, loc="left", fontsize="medium")
shown = unseen[apart : apart + 1]
for row, kind, image in zip(axes, ("input", *3 * ("output",)), (shown, *(layer(shown) for layer in layer_of.values()))):
    for ax, channel, pixels in zip(row[2:], "AB", np.moveaxis(np.asarray(image)[0], -1, 0)):
        plotting.show(ax, pixels, f"{channel}, {kind}")
        ax.axvline(len(pixels) / 2 - 0.5, color=plotting.COLORS["grid"], lw=0.8)
for ax in axes[0, :2]:
    ax.axis("off")
note = axes[0, 0].text(0, 0.5, "Dots: test pairs.\nGrey line: the grid shifts\nas far as the digit.", va="center")
note.set_in_layout(False)  # it may reach over the next column
plt.show()

# %% tags=["claim"]
of_first, of_second = follows["first of two"], follows["second of two"]
assert sorted([np.argmax(of_first), np.argmax(of_second)]) == [0, 1]
assert min(max(of_first), max(of_second)) > max(min(of_first), min(of_second)) + 0.2
assert np.ptp(follows["one alone"]) < 0.15 and max(follows["one alone"]) < min(max(of_first), max(of_second))
assert min(follows["one alone"]) > max(min(of_first), min(of_second))
reached = [training.accuracy(adder, unseen, unseen_sums) for adder in adders.values()]
assert min(reached) > 0.75 and abs(reached[1] - reached[0]) < 0.1

# %% [markdown]
# ## Results on the full task

# %% tags=["remove-input"]
recorded = table.by_model(table.pick("addition", "addition"))
ours = [recorded[model]["mean"] for model in ("st_fcn", "st2_fcn")]
Markdown(f"With two transformers in place of one, our error falls from {ours[0]:.1f}% to {ours[1]:.1f}%. All networks have "
         "about 400,000 parameters. We trained on all of MNIST, one run each, which takes too long for this page.")

# %% tags=["hide-input"] mystnb={"figure": {"caption": "In our runs, two transformers learn faster than one and end with less than half of its error. Test error on the addition task after each of 80 epochs, one run each.", "name": "fig-09-curves"}, "image": {"alt": "Three falling curves of the test error over 80 epochs. The FCN stays above two thirds, ST-FCN ends at about a quarter, two times ST-FCN at about a tenth."}}
figure, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
for model, color in (("fcn", "neutral"), ("st_fcn", "input"), ("st2_fcn", "gradient")):
    (curve,) = recorded[model]["error_per_epoch"]
    ax.plot(range(1, len(curve) + 1), curve, color=plotting.COLORS[color])
    ax.annotate(table.network(recorded[model]), (len(curve), curve[-1]), (4, 0),
                textcoords="offset points", va="center", annotation_clip=False)
ax.set(xlabel="epoch", ylabel="test error (%)", xlim=(0, 80), ylim=(0, 100))
plt.show()

# %% tags=["hide-input"]
MODELS = "fcn", "cnn", "st_fcn", "st2_fcn"
of_length = {epochs: table.by_model(table.pick("addition", "addition", epochs=epochs)) for epochs in (20, 80)}
lines = [(table.network(recorded[model]),
          *(f"{rows[model]['mean']:.1f}" if model in rows else "–" for rows in of_length.values()),
          f"{'~' if recorded[model]['second_hand'] else ''}{recorded[model]['published']:.1f}") for model in MODELS]
(one_kind, one), (two_kind, two) = published.ADDITION_BEST.values()
elsewhere, theirs = published.ADDITION_ELSEWHERE
Markdown(plotting.markdown_table(("Network", "20 epochs", "80 epochs", "Paper"), lines)
         + "\n\nTest error in %. The 20- and 80-epoch columns are separate runs, each with its own decay of the learning rate "
         "to zero. In the short ones it probably decays too early: the curves above are already lower at epoch 20.\n\n"
         "All these transformers are affine. The paper's best of any kind reach "
         f"{one}% with one ({one_kind}) and {two}% with two ({two_kind}). We had no copy of the paper to check its affine "
         f"figures (~); [another implementation]({elsewhere}) reports {theirs}% with two.")

# %% tags=["claim"]
assert ours[1] < 0.5 * ours[0]
assert all(400_000 * 0.9 < r["parameters"] < 400_000 * 1.1 for r in recorded.values())
assert recorded["cnn"]["published"] < one < recorded["st_fcn"]["published"]
assert all(recorded[model]["epochs"] == 80 for model in ("fcn", "st_fcn", "st2_fcn"))

# %% tags=["hide-input"]
short = {model: f"{row['mean']:.1f}%" for model, row in of_length[20].items()}
Markdown(f"""
- **Two transformers are one way, not the only one.** In the paper, a CNN without a transformer
  ({recorded['cnn']['published']}%) also beats the FCN with one, of any kind. In our 20-epoch runs it doesn't
  ({short['cnn']} against {short['st_fcn']}), and we don't know why it
  is that far off. We didn't train it for 80 epochs: it is the slowest per epoch.
- **More epochs help.** All three networks that we trained for 80 epochs have lower errors than after 20.
""")

# %% tags=["claim"]
assert set(of_length[20]) == set(MODELS) and set(of_length[80]) == {"fcn", "st_fcn", "st2_fcn"}
assert all(row["mean"] < of_length[20][name]["mean"] for name, row in of_length[80].items())
assert of_length[20]["cnn"]["mean"] > of_length[20]["st_fcn"]["mean"]
assert all(row["error_per_epoch"][0][19] < of_length[20][name]["mean"] for name, row in of_length[80].items())

# %% [markdown]
# We logged only errors, so we can't tell whether these larger networks divide the work as the small ones did. The paper
# reports that each of its two transformers focused on one digit. {doc}`Chapter 13 <13_paper>` compares all runs.
#
# ## Recap
#
# 1. **One θ** applies to the whole image. When two digits were distorted independently, it corrects one of them. A
#    classifier that has seen only upright digits then predicts the sum hardly better than by guessing; a
#    classifier trained jointly partly learns to cope.
# 2. **Side by side**, two transformers each have a localization network and a $\theta$. In our small example, each
#    followed mainly one digit, while one alone followed both alike and less closely.
# 3. **On the full task**, in one run each, two transformers left less than half of the error of one. Where things move
#    independently, try a transformer for each.
#
# ## Exercises
#
# :::{exercise} A compromise
# :label: ex-09-compromise
#
# Sample both channels with the mean of the two correct $\theta$. How many digits, and how many sums, are right?
# :::
#
# :::{solution-start} ex-09-compromise
# :class: dropdown
# :::

# %%
middle = (right[0] + right[1]) / 2
found = classify(sample_pairs(pairs, middle, middle))
compromise = np.mean(found[0] + found[1] == sums)
print(f"digit in A {np.mean(found[0] == digits[0]):.2f}, "
      f"digit in B {np.mean(found[1] == digits[1]):.2f}, sum {compromise:.2f}")

# %% tags=["claim"]
assert compromise < sum_right["each its own"] / 2

# %% [markdown]
# Neither digit is corrected. A compromise serves only pairs that happen to be distorted alike.
#
# :::{solution-end}
# :::
#
# :::{exercise} When would one be enough?
# :label: ex-09-together
#
# Distort both digits of each pair with the *same* $\theta$, and sample both channels with its inverse. How many sums are
# right?
# :::
#
# :::{solution-start} ex-09-together
# :class: dropdown
# :::

# %%
together = distortions.warp(clean, placed[0], (42, 42))
found = classify(sample_pairs(together, right[0], right[0]))
print(f"sums right: {np.mean(found[0] + found[1] == sums):.2f}")

# %% tags=["claim"]
assert abs(np.mean(found[0] + found[1] == sums) - sum_right["each its own"]) < 0.03

# %% [markdown]
# As many as with a $\theta$ each. What moves together needs one $\theta$; what moves independently needs one each.
#
# :::{solution-end}
# :::
