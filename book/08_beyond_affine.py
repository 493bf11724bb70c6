# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # What if the distortion is not affine?
#
# An affine $\theta$ keeps straight lines straight and parallel lines parallel. A page photographed from the side
# doesn't keep its lines parallel, and quick handwriting doesn't keep them straight. {numref}`fig-08-distortions` shows
# the paper's two distortions of this kind {cite}`jaderberg2015stn`. Two more grid generators can correct them, with 8
# and with 32 numbers. Are more numbers better?

# %% tags=["hide-input"]
from functools import partial

import keras
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from keras import layers, ops

from stnlib import (
    SpatialTransformer,
    affine_grid,
    datasets,
    distortions,
    grid_sample,
    models,
    plotting,
    poses,
    projective_grid,
    tps_grid,
    training,
)
from stnlib.experiments import report
from stnlib.fitting import fit, project
from stnlib.grid import HORIZON, affine_points, axis_coordinates, spline_weights

plotting.use_style()

# %% tags=["hide-input"]
SEED = 0
EPOCHS = 4
TRAIN_SIZE = 1408  # at most this many digits to train on: all batches are full
COPIES = 6         # and so many distorted copies of each
TEST_SIZE = 1800   # distorted digits to test on
STRONG = 3         # pixels: how far control points move in the last experiment

data = datasets.load()
x, y = data.x_train[:TRAIN_SIZE], data.y_train[:TRAIN_SIZE]
x_test = np.resize(data.x_test, (TEST_SIZE, 28, 28, 1))
y_test = np.resize(data.y_test, TEST_SIZE)
distorted = {name: distortions.distort(x_test, name, SEED + 1) for name in "PE"}

# %% tags=["hide-input"] mystnb={"figure": {"caption": "P looks like a board seen from the side; E makes strokes wavy. Top: test digits. Middle, P: the four corners of the image moved at random, by about 5 pixels. Bottom, E: sixteen control points moved, by about 1.5 pixels. Both also shrink the digit.", "name": "fig-08-distortions"}, "image": {"alt": "Three rows of six digits. Top: upright digits. Middle: the same digits as if on a tilted board, one side larger than the other, some rotated or cut off at an edge. Bottom: the same digits, still upright, a little smaller, with strokes that are bent here and there."}}
figure = plotting.strip(np.concatenate([x_test[:6], distorted["P"].images[:6], distorted["E"].images[:6]]),
                        columns=6, rows=["digits", "P", "E"])

# %% [markdown]
# After this chapter you can
#
# - write a change of perspective as eight numbers, and say where its horizon is;
# - distort a grid with control points, as a thin plate spline;
# - find out before training how much a transformation can correct;
# - say when more numbers are worth it.
#
# ## Eight numbers: perspective
#
# Extend the matrix of {doc}`chapter 4 <04_grid_generator>` by a third row, and divide by the third coordinate $w$.
# Where $w$ is small, the output reads farther out; where it is large, it reads closer in. That is what distance does.
#
# $$
# \begin{aligned}
# \begin{pmatrix} x' \\ y' \\ w \end{pmatrix}
# &= \begin{pmatrix} \theta_{11} & \theta_{12} & \theta_{13} \\
#   \theta_{21} & \theta_{22} & \theta_{23} \\
#   \theta_{31} & \theta_{32} & 1 \end{pmatrix}
#   \begin{pmatrix} x^t \\ y^t \\ 1 \end{pmatrix} \\[1ex]
# \begin{pmatrix} x^s \\ y^s \end{pmatrix}
# &= \frac{1}{w} \begin{pmatrix} x' \\ y' \end{pmatrix}
# \end{aligned}
# $$
#
# shapes: $\theta$ `(8,)` → matrix `(3, 3)`; `(3, 3) @ (3,)` → `(3,)` → `(2,)`
#
# The last entry is always 1: multiplying all nine numbers by a factor would change nothing after the division. For one
# point:

# %%
def project_point(theta, x, y):
    matrix = np.append(theta, 1).reshape(3, 3)
    x_prime, y_prime, w = matrix @ [x, y, 1]
    return x_prime / w, y_prime / w


tilted = np.array([1, 0, 0, 0, 1, 0, 0.5, 0])  # the identity, but for theta_31
for point in [(-1, 1), (0, 1), (1, 1)]:
    print(point, "->", np.round(project_point(tilted, *point), 3))

# %% [markdown]
# In the library the numerator is the affine core of chapter 4. `depth` is $w$, kept away from 0.

# %% tags=["listing:stnlib.grid.projective_points"]
def projective_points(theta, height, width, align_corners=False):
    points = affine_points(theta[:, :2], height, width, align_corners)
    x = ops.convert_to_tensor(axis_coordinates(width, align_corners), theta.dtype)
    y = ops.convert_to_tensor(
        axis_coordinates(height, align_corners), theta.dtype)[:, None]
    last = theta[:, 2, :, None, None]
    depth = last[:, 0] * x + last[:, 1] * y + last[:, 2]
    nearest = ops.where(depth < 0, -HORIZON, HORIZON)
    depth = ops.where(ops.abs(depth) < HORIZON,
                      ops.cast(nearest, depth.dtype), depth)
    return points / depth[..., None]


# %%
eight = distorted["P"].theta[0]
matrices = ops.convert_to_tensor(np.append(eight, 1).reshape(1, 3, 3), "float32")
points = np.asarray(projective_points(matrices, 4, 4))[0]
for i, j in np.ndindex(4, 4):
    by_hand = project_point(eight, axis_coordinates(4)[j], axis_coordinates(4)[i])
    np.testing.assert_allclose(points[i, j], by_hand, atol=1e-5)
print("16 points agree with the loop")

# %% tags=["hide-input"] mystnb={"figure": {"caption": "θ₃₁ tilts the grid. Top: the grid over the digit; its lines stay straight, but its rows are no longer parallel. Bottom: the output; it is magnified where the grid is dense.", "name": "fig-08-perspective"}, "image": {"alt": "Two rows of four pictures. Above, a digit with the sampling grid over it for theta 31 equal to 0, 0.3, 0.6 and 0.9: its columns stay straight and vertical, they become shorter and denser to the right, taller and wider to the left, and leave the image there. Below, the output: the left part of the digit shrinks and the right part grows."}}
def draw_read(axes, image, grid, title=None, margin=5, every=3):
    """Show the grid over the input above, and what it reads below."""
    plotting.show(axes[0], image, title)
    limits = -0.5 - margin, 27.5 + margin
    axes[0].set(xlim=limits, ylim=limits[::-1])
    plotting.draw_grid(axes[0], np.asarray(grid)[0], image.shape[:2], every=every, points=False)
    axes[0].set_autoscale_on(False)
    plotting.show(axes[1], np.asarray(grid_sample(image[None], grid))[0])


digit = x[np.flatnonzero(y == 2)[0]]
figure, axes = plt.subplots(2, 4, figsize=(6, 3.4))
for column, g in zip(axes.T, (0, 0.3, 0.6, 0.9)):
    theta = np.array([[1, 0, 0, 0, 1, 0, g, 0]], "float32")
    draw_read(column, digit, projective_grid(theta, (28, 28)), rf"$\theta_{{31}}={g}$", margin=12)
figure.tight_layout(pad=0.3)

# %% [markdown]
# Where $w = 0$, points go to infinity: the **horizon**. As long as $|\theta_{31}| + |\theta_{32}| < 1$, it stays outside
# the output. A transformer starts at 0 for both, far from it, and the transformations that undo P stay on the safe
# side. If training ever crosses the horizon, the guard in the listing prevents NaN.

# %% tags=["claim"]
undoing = np.linalg.inv(np.append(distorted["P"].theta, np.ones((TEST_SIZE, 1)), axis=1).reshape(-1, 3, 3))
assert np.all(np.abs(undoing[:, 2, :2] / undoing[:, 2, 2:]).sum(axis=1) < 1)
beyond = np.asarray(projective_grid(np.array([[1, 0, 0, 0, 1, 0, 1.4, 0]], "float32"), (1, 9)))
assert np.all(np.isfinite(beyond))

# %% [markdown]
# ## Thirty-two numbers: a thin plate spline
#
# For E we want to say: *this* point reads a bit farther left, *that* one farther up, and everything between follows
# smoothly. Put a lattice of 4 by 4 **control points** $p_k$ on the output. $\theta$ has a displacement $d_k$ for each:
# 16 times 2 numbers, where 0 means "stay".
#
# What should points in between do? Think of a thin metal plate that is fixed at height $d_k$ above each $p_k$, once
# for x and once for y. It takes the shape that bends least {cite}`bookstein1989tps`, and this shape is known:
#
# $$
# \begin{aligned}
# d(p) &= a_0 + a_x x + a_y y + \sum_{k=1}^{K} c_k\, U(|p - p_k|) \\
# U(r) &= r^2 \log r^2
# \end{aligned}
# $$
#
# The weights $c$ and $a$ solve one linear system. Its upper part says that the plate passes through the control
# points, its lower part that it becomes flat far away. With $U_{kl} = U(|p_k - p_l|)$, and $Q$ the matrix with the rows
# $(1, x_k, y_k)$:
#
# $$
# \underbrace{\begin{pmatrix} U & Q \\ Q^\top & 0 \end{pmatrix}}_{L}
# \begin{pmatrix} c \\ a \end{pmatrix}
# = \begin{pmatrix} d \\ 0 \end{pmatrix}
# $$
#
# shapes: $L$ `(K + 3, K + 3)`, $c$ `(K, 2)`, $a$ `(3, 2)`, $d$ `(K, 2)`
#
# $L$ depends on the lattice only. So we solve once, for unit vectors on the right, and multiply by what each pixel
# needs, $\big(U(|p - p_1|), \dots, U(|p - p_K|), 1, x, y\big)$. The result is a fixed matrix $B$, and a grid costs one
# product: $d(p)$ for all pixels is $B\,d$.

# %%
def lattice_of(axis):
    """All points (x, y) of a square lattice, row by row."""
    return np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)


def basis(p, lattice):
    r2 = np.sum((p[:, None] - lattice) ** 2, axis=-1)
    U = r2 * np.log(np.where(r2 == 0, 1, r2))  # and 0 at r = 0
    return np.column_stack([U, np.ones(len(p)), p])


# %%
lattice = lattice_of(np.linspace(-1, 1, 4))
pixels = lattice_of(axis_coordinates(28))
K = len(lattice)
L = np.zeros((K + 3, K + 3))
L[:K] = basis(lattice, lattice)
L[K:, :K] = L[:K, K:].T
B = basis(pixels, lattice) @ np.linalg.solve(L, np.eye(K + 3, K))

# %% [markdown]
# `tps_grid` in the library does the same: each output point $p$ reads the input at $p + d(p)$.

# %%
d = distorted["E"].theta[0].reshape(K, 2)
grid = np.asarray(tps_grid(distorted["E"].theta[:1], (28, 28)))[0]
np.testing.assert_allclose(grid.reshape(-1, 2), pixels + B @ d, atol=1e-5)
print("B", B.shape, "agrees with tps_grid")

# %% tags=["hide-input"] mystnb={"figure": {"caption": "A control point moves its neighbourhood and nothing at the other control points. A column of B, over the output, for a control point in the corner, on the edge and inside: 1 at its own dot, 0 at all others.", "name": "fig-08-basis"}, "image": {"alt": "Three maps over the output, for a control point in the corner, one on the edge and one inside. Each is dark red, one, at its own control point and white at all others, marked by dots; between and beyond them it is faintly blue, a little below zero."}}
figure, axes = plt.subplots(1, 3, figsize=(6, 2.4), layout="constrained", sharey=True)
for ax, k, title in zip(axes, (0, 1, 5), ("corner", "edge", "inside")):
    drawn = ax.imshow(B[:, k].reshape(28, 28), cmap="RdBu_r", vmin=-1, vmax=1, extent=(-1, 1, 1, -1))
    ax.plot(*lattice.T, ".", color=plotting.COLORS["neutral"], ms=7)
    ax.set(xlim=(-1.1, 1.1), ylim=(1.1, -1.1), xticks=[-1, 0, 1], yticks=[-1, 0, 1], title=title)
figure.colorbar(drawn, ax=axes, shrink=0.8, label="share of $d_k$")
plt.show()

# %% [markdown]
# No single one of the 32 numbers is a rotation or a scale. But affine transformations are among the splines: if all
# control points move as an affine map says, so do all points between them.

# %% tags=["claim"]
an_affine = np.array([[0.8, -0.4, 0.1], [0.4, 0.8, -0.2]])
where_to = np.column_stack([lattice, np.ones(K)]) @ an_affine.T
as_spline = tps_grid((where_to - lattice).reshape(1, 2 * K).astype("float32"), (28, 28))
as_matrix = affine_grid(an_affine[None].astype("float32"), (28, 28))
np.testing.assert_allclose(np.asarray(as_spline), np.asarray(as_matrix), atol=1e-5)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Freedom can be misused: on the right the grid folds over itself, and nothing in a spline forbids that. Left to right: no displacement; one control point moved; all moved at random; all moved three times as far.", "name": "fig-08-spline"}, "image": {"alt": "Two rows of four pictures: above, a digit with a sampling grid, below the output. First the identity; then one inner control point moved, which dents the grid there; then a grid with all points moved at random, gently wavy; then the same with three times the displacements: its lines cross each other and the grid folds."}}
one = np.zeros((1, 2 * K), "float32")
one[0, 10] = 0.4  # dx of control point 5
wave = np.random.default_rng(SEED).normal(0, 0.15, (1, 2 * K)).astype("float32")
examples = {"identity": 0 * one, "one point": one, "all points": wave, "three times": 3 * wave}
figure, axes = plt.subplots(2, 4, figsize=(6, 3.4))
for column, (title, theta) in zip(axes.T, examples.items()):
    draw_read(column, digit, tps_grid(theta, (28, 28)), title)
figure.tight_layout(pad=0.3)

# %% [markdown]
# ## How much can each transformation correct?
#
# You can know before you train. On P and E the best *affine* map already leaves less than a third of a stroke's width.
#
# We know how each test digit was distorted: pixel $p$ of the distorted image shows the digit's point $T(p)$. To undo
# that, the output at $T(p)$ must read the distorted image at $p$. `stnlib.fitting.fit` finds the $\theta$ of each kind
# that comes nearest for all pixels near the digit, by least squares. What it can't correct, no training can.

# %%
def apply(transform, theta, points):
    if transform == "tps":
        weights = spline_weights(points, (4, 4))
        return points + weights @ theta.reshape(-1, 2)
    if transform == "attention":
        return theta[0] * points + theta[1:]
    return project(np.pad(theta, (0, 8 - len(theta)))[None], points)[0]


# %%
def remainder(name, transform, count=200):
    """How far points near the digit are still off, in pixels."""
    make = projective_grid if name == "P" else tps_grid
    grids = np.asarray(make(distorted[name].theta[:count], (28, 28)))
    left = []
    for T in grids.reshape(count, -1, 2):
        near = np.abs(T).max(axis=1) < 20 / 28
        theta = fit(transform, T[near], pixels[near][None])[0]
        miss = apply(transform, theta, T[near]) - pixels[near]
        left.append(14 * np.sqrt(np.mean(np.sum(miss**2, axis=1))))
    return np.median(left)


# %% [markdown]
# Beside P and E we try a third distortion, **strong E**: the control points move by 3 pixels instead of 1.5.

# %%
strong = poses.elastic(np.random.default_rng(SEED + 1), TEST_SIZE, sigma=STRONG)
distorted["strong E"] = distortions.Distorted(
    distortions.warp(x_test, strong, transform="tps"), strong.astype("float32"))
KINDS = "attention", "affine", "projective", "tps"
left = {name: {kind: remainder(name, kind) for kind in KINDS}
        for name in distorted}

# %% tags=["hide-input"]
ink = x_test[..., 0] > 0.5
outline = np.sum(ink[:, 1:] != ink[:, :-1]) + np.sum(ink[:, :, 1:] != ink[:, :, :-1])
stroke = 2 * np.sum(ink) / (outline * np.pi / 4)  # area over half the outline; pixel edges overrate a slanting one
rows = [(name, *(f"{value:.2f}" for value in row.values())) for name, row in left.items()]
Markdown(f"**Pixels left after the best θ of each kind** (median of 200 digits; a stroke is {stroke:.1f} pixels wide)\n\n"
         + plotting.markdown_table(("Distortion", *KINDS), rows))

# %% tags=["claim"]
assert left["P"]["projective"] < 0.01 < left["P"]["affine"]
assert all(left[name]["tps"] < left[name]["affine"] < left[name]["attention"] for name in left)
assert left["strong E"]["affine"] > 1.9 * left["E"]["affine"]
assert left["strong E"]["tps"] < left["strong E"]["affine"] / 2
assert max(left["P"]["affine"], left["E"]["affine"]) < stroke / 3 < left["strong E"]["affine"]

# %% [markdown]
# A stroke that is off by less than a third of its width still lies mostly where it should. So expect little from more
# numbers on P and E. On the strong E, the spline could correct more than half of what affine leaves.
#
# ## Train and compare
#
# On E the spline gains little over affine; on the strong E it has more to gain. The localization network is the same
# each time, only `transform` differs. All networks see the same images in the same order.

# %%
def localization():
    return keras.Sequential([
        keras.Input((28, 28, 1)), layers.AveragePooling2D(2),
        layers.Conv2D(16, 3, activation="relu"), layers.MaxPooling2D(2),
        layers.Conv2D(32, 3, activation="relu"), layers.Flatten(),
        layers.Dense(64, activation="relu"),
    ], name="localization")


def stn(transform):
    transformer = SpatialTransformer(localization(), transform, name="transformer")
    return keras.Sequential(
        [keras.Input((28, 28, 1)), transformer, models.fcn()], name=transform)


# %%
def train(build, x_mixed, y_mixed):
    steps = -(-len(x_mixed) // 64) * EPOCHS
    rate = keras.optimizers.schedules.CosineDecay(1e-3, steps)
    training.set_seed(SEED)
    model = training.compile(build(), rate)
    training.fit(model, x_mixed, y_mixed, EPOCHS, seed=SEED)
    return model


# %% [markdown]
# The training set has the upright digits and `COPIES` distorted copies of each.

# %%
rng = np.random.default_rng(SEED)
thetas = {"E": poses.elastic(rng, COPIES * len(x)),
          "strong E": poses.elastic(rng, COPIES * len(x), sigma=STRONG)}
trained = {}
for name, theta in thetas.items():
    copies = distortions.warp(np.tile(x, (COPIES, 1, 1, 1)), theta, transform="tps")
    x_mixed, y_mixed = np.concatenate([x, copies]), np.tile(y, COPIES + 1)
    trained[name] = {"none": train(models.fcn, x_mixed, y_mixed)}
    for transform in ("affine", "tps"):
        trained[name][transform] = train(partial(stn, transform), x_mixed, y_mixed)

# %% tags=["hide-input"]
accuracy, lines = {}, []
for name, by_kind in trained.items():
    score = accuracy[name] = {kind: training.accuracy(model, distorted[name].images, y_test)
                              for kind, model in by_kind.items()}
    as_rows = {kind: {"mean": 100 * (1 - value), "spread": None, "seeds": 1,
                      "test_images": len(data.x_test[:TEST_SIZE])} for kind, value in score.items()}
    for kind, value in score.items():
        against = "–" if kind == "affine" else report.verdict(as_rows[kind], as_rows["affine"])
        lines.append((name, kind, f"{value:.3f}", against))
head = "Distortion", "Transformer", "Accuracy", "Error against affine's"
Markdown(plotting.markdown_table(head, lines, words=2) + f"\n\n`{data.name}`, one seed.")

# %% tags=["claim"]
assert all(min(of["affine"], of["tps"]) > of["none"] + 0.05 for of in accuracy.values())
assert abs(accuracy["E"]["tps"] - accuracy["E"]["affine"]) < 0.05
assert accuracy["strong E"]["tps"] > accuracy["strong E"]["affine"] - 0.01

# %% [markdown]
# The last column says whether a difference is more than twice its standard error; {doc}`how_to_compare` explains the
# rule. Every transformer is far ahead of none, and most of the gain comes with affine
# ({numref}`fig-08-worth`).

# %% tags=["hide-input"] mystnb={"figure": {"caption": "From no transformer to affine, the accuracy rises steeply; from affine to the spline, far less. Accuracy reached against what the best θ of a kind leaves, which we knew before training.", "name": "fig-08-worth"}, "image": {"alt": "Accuracy against the remainder in pixels, one line for E and one for the strong E, with a dot for each kind of transformer. On both lines the dot without a transformer lies at the lower right, far from the others, and the affine one further left and higher."}}
figure, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
nothing = {}
for name, color in (("E", "input"), ("strong E", "gradient")):
    T = np.asarray(tps_grid(distorted[name].theta[:200], (28, 28))).reshape(200, -1, 2)
    near = np.abs(T).max(axis=2) < 20 / 28
    squares = [np.mean(np.sum((one - pixels)[inside] ** 2, axis=1)) for one, inside in zip(T, near)]
    nothing[name] = 14 * np.sqrt(np.median(squares))
    rest = [nothing[name], left[name]["affine"], left[name]["tps"]]
    ax.plot(rest, list(accuracy[name].values()), marker="o", color=plotting.COLORS[color])
    for place, (kind, value) in zip(rest, accuracy[name].items()):
        label = f"{name}: {kind}" if kind == "none" else kind
        ax.annotate(label, (place, value), (5, 5), textcoords="offset points")
ax.set(xlabel="left by the best θ of this kind (pixels)", ylabel="accuracy")
ax.margins(0.15)
plt.show()

# %% tags=["claim"]
for of_name, reached in accuracy.items():
    gains = np.diff([reached[kind] for kind in ("none", "affine", "tps")])
    pixels_less = -np.diff([nothing[of_name], left[of_name]["affine"], left[of_name]["tps"]])
    assert gains[0] / pixels_less[0] > gains[1] / pixels_less[1]

# %% [markdown]
# Part of the first step isn't due to the shape of the grid. Any transformer also enlarges the digit and adds
# convolutions. Only the step from affine to spline compares like with like.
#
# The grids show what the transformers do first: they zoom in, so that the digit fills the output. The spline does it
# in its own way, as {numref}`fig-08-grids` shows.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Both transformers zoom in; the spline pulls in its sides more than its corners, where there is hardly ever ink. For each transformer, top: distorted test digits of E with the learned grid; bottom: what it reads.", "name": "fig-08-grids"}, "image": {"alt": "Four rows of five pictures, two rows for each transformer. Above, distorted digits with the learned sampling grid; below, what the transformer passes on. Both grids enlarge the digit. The affine one is smaller than the image and has straight lines; the spline's is pulled in at its sides, with curved lines and corners that stick out."}}
def grid_of(model, images):
    """The grids that a trained transformer lays over some images."""
    layer = model.get_layer("transformer")
    return (affine_grid if layer.transform == "affine" else tps_grid)(layer.theta(images), (28, 28))


some = np.stack([distorted["E"].images[np.flatnonzero(y_test == k)[0]] for k in (2, 3, 4, 5, 7)])
figure, axes = plt.subplots(4, 5, figsize=(6, 5.2))
for rows, transform in zip(axes.reshape(2, 2, 5), ("affine", "tps")):
    grids = grid_of(trained["E"][transform], some)
    for column, image, grid in zip(rows.T, some, grids):
        draw_read(column, image, grid[None], every=9)
    rows[0, 0].set_ylabel(transform)
figure.tight_layout(pad=0.3)

# %% tags=["hide-input"]
theta = np.asarray(trained["E"]["tps"].get_layer("transformer").theta(distorted["E"].images))
moves = theta.reshape(-1, K, 2)
outwards = lattice / np.linalg.norm(lattice, axis=1, keepdims=True)
inwards = -14 * np.sum(moves.mean(axis=0) * outwards, axis=1).reshape(4, 4)
on_edges = np.concatenate([inwards[::3, 1:3].ravel(), inwards[1:3, ::3].ravel()])
Markdown(f"On average the spline moves its control points on the edges {on_edges.mean():.1f} pixels inwards, "
         f"those in the corners {inwards[::3, ::3].mean():.1f}.")

# %% tags=["claim"]
assert inwards[::3, ::3].mean() < on_edges.mean()

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The mean of a class gets sharper behind a transformer, mostly by the affine one. Means of the test digits of strong E in five classes: as they come, after affine, and after the spline.", "name": "fig-08-means"}, "image": {"alt": "Three rows of five mean images, for the digits 2, 3, 5, 7 and 8. Above, the means of the strongly distorted digits: soft blurs of readable digits. In the middle, after the affine transformer: larger and sharper. Below, after the spline: a little sharper still."}}
shown = {"distorted": distorted["strong E"].images}
for name in ("affine", "tps"):
    shown[name] = np.asarray(trained["strong E"][name].get_layer("transformer")(distorted["strong E"].images))
means = np.concatenate([[images[y_test == k].mean(axis=0) for k in (2, 3, 5, 7, 8)] for images in shown.values()])
figure = plotting.strip(means / means.max(axis=(1, 2, 3), keepdims=True), columns=5, rows=list(shown))

# %% [markdown]
# ## When more numbers pay
#
# - They can pay when the simpler map leaves a good part of a stroke's width. Fit the kinds to your distortion first; it
#   takes seconds.
# - They are likelier to pay before a classifier that is sensitive to what is left. A dense one is; a convolutional one
#   tolerates a part of a pixel.
# - They cost search: each of the 32 numbers has to be found in the image. And a spline may fold, which an affine map
#   can't.
#
# When in doubt, take the smallest kind that leaves well below the width of a stroke. In the recorded runs on all of
# MNIST, with many more steps, no difference between affine, projective and `tps` is clear ({doc}`chapter 13
# <13_paper>`).
#
# ## Recap
#
# 1. **Perspective** is a 3 by 3 matrix, eight numbers, and a division by $w$. The horizon is where $w = 0$; it stays
#    outside while $|\theta_{31}| + |\theta_{32}| < 1$.
# 2. A **thin plate spline** moves all points along with $K$ control points. Its system depends on the lattice only, so
#    a grid costs one product with $B$.
# 3. **Before training** you fitted each kind to the distortion. On P and E, affine leaves less than a third of a
#    stroke's width.
# 4. **More numbers** gained little on E and have more to gain on the strong E. Most of the gain comes with affine.
#
# ## Exercises
#
# :::{exercise} Where do the rows meet?
# :label: ex-beyond-horizon
#
# For $\theta_{31} = 0.5$ and the rest as in the identity, rows of the output meet in one input point. Which one? Guess
# from {numref}`fig-08-perspective`, then compute it: where does the output point $(x, y)$ go as $x$ grows without end?
# :::
#
# :::{solution-start} ex-beyond-horizon
# :class: dropdown
# :::
#
# Both $x' = x$ and $w = 0.5x + 1$ grow, and their quotient goes to $1 / 0.5 = 2$; $y' = y$ stays, so its quotient goes
# to 0. All rows meet in $(2, 0)$.

# %%
for far in (1e2, 1e4, 1e6):
    print([np.round(project_point(tilted, far, y), 4) for y in (-1, 0.5)])

# %% tags=["claim"]
np.testing.assert_allclose(project_point(tilted, 1e9, 0.5), (2, 0), atol=1e-6)

# %% [markdown]
# :::{solution-end}
# :::
#
# :::{exercise} Four control points
# :label: ex-beyond-four
#
# A lattice of 2 by 2 has eight numbers, as many as a projective map. Do they describe the same transformations? Move
# one corner by $(0.5, 0.5)$ with a spline of four control points, and fit the projective map that moves the four
# corners likewise. Compare the grids.
# :::
#
# :::{solution-start} ex-beyond-four
# :class: dropdown
# :::

# %%
corners = lattice_of(np.array([-1.0, 1.0]))
moved = corners + np.array([[0, 0], [0, 0], [0, 0], [0.5, 0.5]])
by_spline = np.asarray(tps_grid((moved - corners).reshape(1, 8), (28, 28),
                                control_points=(2, 2)))
eight = fit("projective", corners, moved[None])
by_projection = np.asarray(projective_grid(eight, (28, 28)))
apart = 14 * np.linalg.norm(by_spline - by_projection, axis=-1)
print(f"at most {apart.max():.2f} pixels apart, {apart.mean():.2f} on average")

# %% tags=["claim"]
assert apart.max() > 0.5

# %% [markdown]
# The corners agree, the middle doesn't: a spline bends lines, a projective map keeps them straight.
#
# :::{solution-end}
# :::
#
# :::{exercise} Does the fold happen?
# :label: ex-beyond-fold
#
# A grid folds where a cell is turned inside out: the step to the right and the step down then no longer turn
# clockwise. How many grids of the two trained spline transformers fold anywhere? And how many of those that made E and
# the strong E?
# :::
#
# :::{solution-start} ex-beyond-fold
# :class: dropdown
# :::
#
# For each cell, take the determinant of the two steps. It is positive unless the cell is turned inside out.

# %%
def folds(grid):
    grid = np.asarray(grid)
    across = grid[:, :-1, 1:] - grid[:, :-1, :-1]
    down = grid[:, 1:, :-1] - grid[:, :-1, :-1]
    area = across[..., 0] * down[..., 1] - across[..., 1] * down[..., 0]
    return np.mean(np.any(area < 0, axis=(1, 2)))


for name in trained:
    made = tps_grid(distorted[name].theta, (28, 28))
    learned = grid_of(trained[name]["tps"], distorted[name].images)
    print(f"{name}: folded as made {folds(made):.1%}, "
          f"as learned {folds(learned):.1%}")

# %% [markdown]
# A fold in the distortion shows a part of the digit more than once. No smooth grid can undo that, so part of what is
# left on the strong E can't be corrected.
#
# :::{solution-end}
# :::
#
# :::{exercise} Does the spline respond to the digit?
# :label: ex-beyond-response
#
# For each test digit of E, `fit` gives the 32 numbers that would undo its distortion. Compare them with those that the
# trained spline predicts, at the four inner control points (5, 6, 9, 10), each less its mean over the digits. Four
# points can move like an affine map, or in ways that no affine map can. How well is each part predicted?
# :::
#
# :::{solution-start} ex-beyond-response
# :class: dropdown
# :::
#
# Fit a plane to the four displacements: that is the affine part, the rest is not affine.

# %%
inner, needed = [5, 6, 9, 10], []
grids = np.asarray(tps_grid(distorted["E"].theta[:500], (28, 28)))
for T in grids.reshape(500, -1, 2):
    near = np.abs(T).max(axis=1) < 20 / 28
    needed.append(fit("tps", T[near], pixels[near][None])[0].reshape(K, 2))
needed, predicted = (v[:, inner] - v[:, inner].mean(axis=0)
                     for v in (np.array(needed), moves[:500]))

# %%
plane = np.column_stack([lattice[inner], np.ones(4)])
project_on_plane = plane @ np.linalg.pinv(plane)
response = {}
for part, matrix in (("affine", project_on_plane),
                     ("not affine", np.eye(4) - project_on_plane)):
    a, b = (np.einsum("ij,njk->nik", matrix, v).ravel()
            for v in (needed, predicted))
    response[part] = np.corrcoef(a, b)[0, 1]
    print(f"{part:<10} correlation {response[part]:.2f}")

# %% tags=["claim"]
assert response["affine"] > 0.2 and response["affine"] > response["not affine"] + 0.1

# %% [markdown]
# It responds to the digit, but mostly in the way that an affine map could. That is one reason why the spline gains so
# little.
#
# :::{solution-end}
# :::
