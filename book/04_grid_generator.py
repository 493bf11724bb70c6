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
# # Which input point does each output pixel want?
#
# The localization network of {doc}`03_localization` ends, with its head, in six numbers. Six numbers
# are not a picture yet. Two machines stand between them and a straightened digit: one says, for each
# pixel of the output, *where* in the input to read; the other reads there. This chapter builds the
# first one, the **grid generator**. The next chapter builds the second.
#
# After this chapter you can
#
# - write a turn, a stretch, a shear and a shift as one matrix product, and say what each of the six
#   numbers does;
# - place pixels on an axis from -1 to 1, in both ways that are in use, and go back;
# - say why $\theta$ maps output to input, and what goes wrong the other way round;
# - build the sampling grid of a whole batch in a few lines, and check it against a loop;
# - turn a picture that is not square without skewing it.
#
# *Reading: about 20 minutes. Running: under 15 seconds on two processor cores.*

# %% tags=["remove-input"] mystnb={"figure": {"caption": "This chapter builds the grid generator: it turns θ into one input point for every output pixel. The dot marks the point of the first pixel, at the top left of the output.", "name": "fig-pipeline-grid"}}
from stnlib.pipeline import pipeline

pipeline(lit="grid")

# %%
import matplotlib.pyplot as plt
import numpy as np
from keras import ops

from stnlib import affine_grid, datasets, grid_sample, plotting
from stnlib.widgets import AffineExplorer

plotting.use_style()

# %% [markdown]
# The chapter needs one digit that looks different when you turn it or mirror it. A 2 does.

# %%
DIGIT = 2  # the digit in the pictures
ANGLE = np.deg2rad(30)  # how far the examples turn
ZOOM = 1.5  # how much the digit that is pushed and pulled grows

# %%
data = datasets.load()
digit = data.x_train[data.y_train == DIGIT][0]
print(f"one {DIGIT} from {data.name}: {digit.shape}")

# %% [markdown]
# ## One matrix for turn, stretch and shift
#
# Start with a single point $(x, y)$. A matrix of 2 by 2 can turn it. Here is a quarter turn,
# applied to the point one step to the right of the centre.

# %%
quarter_turn = np.array([[0, -1], [1, 0]])
quarter_turn @ [1, 0]

# %% [markdown]
# The point went from $(1, 0)$ to $(0, 1)$. In this book, as in most image libraries, y grows
# **downwards**, so "right" became "down": on the screen, a clockwise turn. Other matrices of 2 by
# 2 stretch, mirror or shear.
#
# One move is out of their reach. Whatever you put into the matrix, the centre stays where it is:

# %%
quarter_turn @ [0, 0]

# %% [markdown]
# To shift the centre you have to add something. There is a trick that makes adding part of the
# multiplication: give each point a third coordinate that is always 1. A third column in the matrix
# is then multiplied by 1, and so added. The point $(x, y, 1)$ is said to be in **homogeneous
# coordinates**, and a matrix of 2 by 3 can do everything that the matrix of 2 by 2 could, plus a
# shift:
#
# $$
# \begin{pmatrix} x^s \\ y^s \end{pmatrix}
# = \underbrace{\begin{pmatrix} \theta_{11} & \theta_{12} & \theta_{13} \\
#   \theta_{21} & \theta_{22} & \theta_{23} \end{pmatrix}}_{A_\theta}
#   \begin{pmatrix} x^t \\ y^t \\ 1 \end{pmatrix}
# $$
#
# shapes: `(2, 3) @ (3,)` → `(2,)`
#
# This is equation (1) of the paper {cite}`jaderberg2015stn`, and the six entries of $A_\theta$ are the six
# numbers of the localization network. In code, and where no confusion is possible, we call the matrix
# $\theta$, too: the same six numbers, in two rows. The letters $t$ and $s$ stand for *target* and *source*; a
# later section says which is which and why. First the product itself, with a quarter turn and a
# shift together:

# %%
theta = np.array([[0, -1, 0.5],
                  [1, 0, 0.2]])
point = np.array([1, 0, 1])
theta @ point

# %% [markdown]
# Check that nothing is hidden in there: the left block of the matrix turns, the last column adds.

# %%
turned = theta[:, :2] @ point[:2]
assert np.array_equal(theta @ point, turned + theta[:, 2])
print("turned:", turned, " then shifted:", turned + theta[:, 2])

# %% [markdown]
# What does each of the six numbers do on its own? Start from the identity, raise one number, and
# look at what the dashed square from -1 to 1 becomes (orange). The panels are laid out like the matrix.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Six panels arranged like the 2 by 3 matrix. Raising theta 11 widens the square, theta 12 shears it sideways, theta 13 shifts it right; raising theta 21 slants it, theta 22 makes it taller, theta 23 shifts it down. Two arrows in each panel show where the unit steps right and down go."}}
corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]])
names = [["stretch x", "shear x", "shift x"], ["shear y", "stretch y", "shift y"]]
fig, axes = plt.subplots(2, 3, figsize=(5.4, 4.2), sharex=True, sharey=True)
for row, col in np.ndindex(2, 3):
    ax, A = axes[row, col], np.eye(2, 3)
    A[row, col] += 0.5
    moved = corners @ A[:, :2].T + A[:, 2]
    ax.plot(*corners.T, "--", color=plotting.COLORS["neutral"], linewidth=1)
    ax.plot(*moved.T, color=plotting.COLORS["grid"], linewidth=2.5)
    for arrow, color in zip(A.T[:2], ["black", "#CC79A7"]):
        ax.annotate("", A[:, 2] + arrow, A[:, 2],
                    arrowprops={"arrowstyle": "-|>", "color": color, "linewidth": 2, "shrinkA": 0, "shrinkB": 0})
    ax.set_title(rf"$\theta_{{{row + 1}{col + 1}}}$: {names[row][col]}")
    ax.set(aspect="equal", xticks=[-1, 0, 1], yticks=[-1, 0, 1])
    ax.set(xlabel="x" if row else None, ylabel=None if col else "y (down)")
axes[0, 0].set(xlim=(-1.7, 1.7), ylim=(1.7, -1.7))
fig.tight_layout()

# %% [markdown]
# Read the matrix by **columns**. The first column is what the step to the right, $(1, 0)$, becomes (black
# arrow), the second what the step down, $(0, 1)$, becomes (pink arrow), both measured from the moved
# centre. The third is where the centre goes. (In {doc}`chapter 3 <03_localization>` a larger $\theta_{11}$ made
# the digit *narrower*, and a larger $\theta_{13}$ moved it to the *left*. These panels move points, and what the
# points do to a picture is the question of a later section.) With that you can write any of these matrices without a
# formula: decide what the two arrows become and where the centre goes, and write the three side by side.
#
# Homogeneous coordinates pay a second time. Append the row $(0, 0, 1)$, and the matrix becomes
# square, 3 by 3; then one map after another is a product of matrices. The order counts:

# %%
shift = np.array([[1, 0, 0.5], [0, 1, 0], [0, 0, 1]])
turn = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])
print("centre, shifted then turned:", (turn @ shift)[:2, 2])
print("centre, turned then shifted:", (shift @ turn)[:2, 2])

# %% [markdown]
# The matrix on the right acts first. If the centre is shifted first, the turn then carries it
# round.
#
# ## Where is -1?
#
# In which units are $x$ and $y$? Pixels come to mind. But then "shift by 14" means half of a 28-pixel
# digit and a sixteenth of a 224-pixel photo, the network has to produce numbers of very different size
# for the two, and $\theta$ has to change whenever the image is stored at another resolution. So
# the axes are **normalised**: they run from -1 to 1 across the image, whatever its size, with
# $(0, 0)$ in the middle and $(-1, -1)$ at the top left.
#
# That leaves a question that sounds like splitting hairs, and is behind a great many bugs. A pixel
# is a small square. Is -1 at the outer *edge* of the first pixel, or at its *centre*? Both are in
# use. The option is called `align_corners`, after PyTorch: `False` puts -1 and 1 on the edges,
# `True` on the centres of the corner pixels. On an axis of $n$ pixels, the centre of pixel $i$ is
# at
#
# $$
# x_i = \begin{cases}
# \dfrac{2i + 1}{n} - 1 & \text{(False)} \\[2ex]
# \dfrac{2i}{n - 1} - 1 & \text{(True)}
# \end{cases}
# $$
#
# The first comes from stretching $0 \dots n$ to $-1 \dots 1$, the centre of pixel $i$ being at
# $i + \frac12$. The second comes from stretching $0 \dots n - 1$ instead. On four pixels:

# %%
n = 4
by_hand = {False: [(2 * i + 1) / n - 1 for i in range(n)],
           True: [2 * i / (n - 1) - 1 for i in range(n)]}
for align_corners, row in by_hand.items():
    print(f"{align_corners!s:5}", " ".join(f"{x:+.3f}" for x in row))

# %% tags=["hide-input"] mystnb={"image": {"alt": "The same four pixels drawn twice with an axis below. With align_corners False the axis from -1 to 1 spans the outer edges of the first and last pixel. With True it spans the centres of the first and last pixel, so half a pixel sticks out on each side."}}
fig, axes = plt.subplots(2, 1, figsize=(5.4, 4))
for ax, (align_corners, row) in zip(axes, by_hand.items()):
    for i, x in enumerate(row):
        ax.add_patch(plt.Rectangle((i - 0.5, 0), 1, 1, facecolor="#dcebf5", edgecolor="black"))
        ax.plot(i, 0.5, "o", color=plotting.COLORS["input"], markersize=8)
        ax.text(i, 0.62, f"{x:+.2f}", ha="center", va="bottom")
    reach = (0, n - 1) if align_corners else (-0.5, n - 0.5)
    ax.annotate("", (reach[1], -0.3), (reach[0], -0.3), arrowprops={
        "arrowstyle": "<->", "color": plotting.COLORS["grid"], "linewidth": 2.5})
    for x, label in zip(reach, ["-1", "1"]):
        ax.plot([x, x], [-0.3, 0.42], ":", color=plotting.COLORS["grid"], linewidth=2)
        ax.text(x, -0.42, label, ha="center", va="top", weight="bold")
    ax.set(xlim=(-0.8, n - 0.2), ylim=(-0.9, 1.05), title=f"align_corners={align_corners}")
    ax.axis("off")
fig.tight_layout()

# %% [markdown]
# The dots are the same four pixel centres; only the ruler below them is laid on differently. With
# `False` the ruler covers the whole picture. With `True` half a pixel sticks out at either end.
#
# Both formulas in one function, as in stnlib. An axis of a single pixel needs care with `True`:
# the formula divides 0 by 0. Its only centre is put in the middle, at 0.

# %% tags=["listing:stnlib.grid.axis_coordinates"]
def axis_coordinates(size, align_corners=False):
    index = np.arange(size)
    if align_corners and size > 1:
        return 2 * index / (size - 1) - 1
    return (2 * index + 1) / size - 1


# %%
for align_corners, row in by_hand.items():
    assert np.allclose(axis_coordinates(4, align_corners), row)
    print(align_corners, "one pixel:", axis_coordinates(1, align_corners))

# %% [markdown]
# We shall also need the way back, from normalised to pixel units, in which pixel $i$ has its
# centre at $i$. Solve the two formulas for $i$:
#
# $$
# i = \begin{cases}
# \dfrac{(x + 1)\,n - 1}{2} & \text{(False)} \\[2ex]
# \dfrac{(x + 1)(n - 1)}{2} & \text{(True)}
# \end{cases}
# $$

# %% tags=["listing:stnlib.sampling.to_pixels"]
def to_pixels(coordinate, size, align_corners=False):
    if align_corners:
        return (coordinate + 1) * (size - 1) / 2
    return ((coordinate + 1) * size - 1) / 2


# %% [markdown]
# There and back again must give 0, 1, 2, 3. And if the two conventions are mixed, it does not. (Each line
# begins with the value of `align_corners` on the way there, and on the way back.)

# %%
for there, back in [(False, False), (True, True), (True, False)]:
    pixels = to_pixels(axis_coordinates(4, there), 4, back)
    print(f"{there!s:>5}, {back!s:5}", np.round(pixels, 2))

# %% [markdown]
# The last line is what happens when points are placed with one convention and read with the other. Here
# the picture comes out a little too small (too large the other way round): correct in the middle, up to
# half a pixel off at the rim, and so easy to overlook. (PyTorch changed its default in version 1.3, after
# [reports like this one](https://github.com/pytorch/pytorch/issues/20785).)
#
# Neither convention is wrong. This book uses `False`. It treats a pixel as an area: double the
# resolution, and the frame of the picture stays where it was.
#
# ## Output to input
#
# Now the direction. You want to turn and enlarge a picture by a matrix $M$. There are two programs
# that sound equally good:
#
# - **Push**: go through the *input* pixels. Compute where each one lands, and write it there.
# - **Pull**: go through the *output* pixels. Compute where each one comes from, and read it there.
#
# Places to write and places to read fall between pixels, so for now both programs round to the nearest
# one; a place outside the image is skipped.

# %%
def nearest_pixel(x, y, height, width):
    col = np.floor(to_pixels(x, width, False) + 0.5)
    row = np.floor(to_pixels(y, height, False) + 0.5)
    inside = 0 <= row < height and 0 <= col < width
    return (int(row), int(col)) if inside else None


def pixel_centres(height, width):
    xs, ys = axis_coordinates(width, False), axis_coordinates(height, False)
    return [(i, j, xs[j], ys[i]) for i, j in np.ndindex(height, width)]


# %% [markdown]
# Apart from who asks whom, the two programs are the same. `pull` needs the map from output to
# input, the inverse of $M$.

# %%
def push(image, M, height, width):
    output = np.zeros((height, width))
    for i, j, x, y in pixel_centres(*image.shape):
        target = nearest_pixel(*(M @ [x, y, 1]), height, width)
        if target:
            output[target] = image[i, j]
    return output


def pull(image, M_inverse, height, width):
    output = np.zeros((height, width))
    for i, j, x, y in pixel_centres(height, width):
        source = nearest_pixel(*(M_inverse @ [x, y, 1]), *image.shape)
        if source:
            output[i, j] = image[source]
    return output


# %% [markdown]
# Try them on a toy before a digit: show an image of 3 by 3 pixels on a canvas of 7 by 7. Both run from -1
# to 1, so the picture fills the canvas, and $M$ is the identity. (Seven pixels cannot be shared out evenly
# among three: the pulled strips will be 2, 3 and 2 pixels wide.)

# %% mystnb={"image": {"alt": "A 3 by 3 image, and the same image shown on 7 by 7 pixels in two ways. Pushed, only nine scattered pixels are written and the rest stay empty. Pulled, every pixel has a value."}}
toy = np.array([[0.9, 0.3, 0.6], [0.5, 1.0, 0.4], [0.8, 0.6, 0.2]])
identity = np.eye(2, 3)
pushed, pulled = push(toy, identity, 7, 7), pull(toy, identity, 7, 7)
fig = plotting.strip([toy, pushed, pulled], ["input", "push", "pull"],
                     size=1.8, frame=True)
print(f"of 49: push {np.sum(pushed > 0)}, pull {np.sum(pulled > 0)}")

# %% [markdown]
# Nine input pixels can write at most nine output pixels. The others are **holes**: nobody landed
# there. Pulling cannot leave a hole, because each output pixel fetches its own value. Does it
# matter when the canvas keeps its size? Turn the 2 and enlarge it.

# %% mystnb={"image": {"alt": "The digit 2, turned and enlarged in two ways. Pushed, its strokes are riddled with black holes. Pulled, they are solid."}}
cos, sin = np.cos(ANGLE), np.sin(ANGLE)
M = ZOOM * np.array([[cos, -sin, 0], [sin, cos, 0]])
M_inverse = np.array([[cos, sin, 0], [-sin, cos, 0]]) / ZOOM
two = digit[..., 0]
pushed, pulled = push(two, M, 28, 28), pull(two, M_inverse, 28, 28)
fig = plotting.strip([two, pushed, pulled], ["input", "push", "pull"],
                     size=1.8, frame=True)

# %% [markdown]
# As many pixels as before, and the pushed digit is riddled with holes. To count them, push an
# image that is white all over: whatever stays black although pulling finds a source for it is a
# hole.

# %%
white = np.ones((28, 28))
reached = push(white, M, 28, 28) > 0
wanted = pull(white, M_inverse, 28, 28) > 0
holes = np.sum(wanted & ~reached)
print(f"{holes} holes in {np.sum(wanted)} pixels")

# %% tags=["claim"]
area = 28**2 / ZOOM**2  # of the input, as far as it lands in the frame
rim = 4 * 28 / ZOOM  # leeway: pixels cut by its border
assert holes > 0 and np.sum(reached) < area + rim

# %% [markdown]
# You could have foreseen the number. Of an image enlarged by 1.5, only about $784 / 1.5^2 \approx 348$
# pixels land inside the frame. The other $784 - 348 = 436$ places stay empty.
#
# When a picture shrinks the opposite happens: several input pixels land on the same output pixel,
# and the last one wins. (Pulling skips pixels then, too. An exercise of the next chapter mends that.)
# Pulling has two more virtues. No two output pixels write to the same place, so all can be computed at
# once. And each output value is a reading of the input at one point: the next chapter makes that reading
# smooth, so that a gradient can reach the matrix.
#
# So here is the rule for the rest of the book. (PyTorch and Keras map in this direction as well. But Keras's
# `affine_transform` counts in pixels, and on TensorFlow it passes no gradient to the matrix.)
#
# :::{important}
# $\theta$ maps **output to input**: it is `M_inverse`, not `M`. It takes the place of an output pixel
# (target, $t$) and answers where in the input to read (source, $s$). The picture, therefore, does the
# *opposite* of what $\theta$ says.
# :::
#
# Mind the order, then. Warp a picture with $A_1$, and the result with $A_2$: the last output reads the
# first picture at $A_1 A_2\, p$. The matrix on the right still acts first on the point $p$, but it belongs to
# the warp that you did *last*.
#
# Must the network then invert a matrix? No. In chapter 3 we inverted the $\theta$ of a distortion to get the
# one that undoes it. But that one is again a map from output to input, and the network says it directly:
# trained through a classifier, it says whichever numbers make the output easy to classify.
#
# ## The grid generator
#
# Now put it together. The output has height $H'$ and width $W'$. Let $k$ count its pixels, row by row;
# pixel $k$ has its centre at $(x_k^t, y_k^t)$. The grid generator applies $A_\theta$ to every one of
# them, and the points that come out are the **sampling grid**:
#
# $$
# \begin{pmatrix} x_k^s \\ y_k^s \end{pmatrix} = A_\theta \begin{pmatrix} x_k^t \\ y_k^t \\ 1 \end{pmatrix},
# \qquad k = 0, \dots, H'W' - 1
# $$
#
# shapes: `theta (2, 3)`, output size `(H', W')` → `grid (H', W', 2)`
#
# (Pixel $k$ is the one in row $i$ and column $j$ with $k = i\,W' + j$. The code keeps $i$ and $j$.) As a loop, on an output of 3 by 3 pixels that should read the middle of the input, turned a
# little:

# %%
theta = 0.7 * np.array([[cos, -sin, 0], [sin, cos, 0]])
looped = np.zeros((3, 3, 2))
for i, j, x_t, y_t in pixel_centres(3, 3):
    looped[i, j] = theta @ [x_t, y_t, 1]
print("the first reads at", np.round(looped[0, 0], 3))

# %% [markdown]
# Draw all nine where they belong.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Left, an output of 3 by 3 pixels with a green dot at each pixel centre. Right, a 3 by 3 input with nine orange dots on it: the same lattice, smaller and turned. A line joins the top left output pixel to the point it reads."}}
fig, axes = plt.subplots(1, 2, figsize=(5.4, 2.9))
targets = np.array([[x, y] for _, _, x, y in pixel_centres(3, 3)])
sides = [(targets, "output", "output: targets"), (looped.reshape(-1, 2), "grid", "input: sources")]
for ax, (points, color, title) in zip(axes, sides):
    for edge in np.linspace(-1, 1, 4):
        ax.plot([edge, edge], [-1, 1], color="#bbbbbb", linewidth=1)
        ax.plot([-1, 1], [edge, edge], color="#bbbbbb", linewidth=1)
    ax.plot(*points.T, "o", color=plotting.COLORS[color], markersize=9)
    for number, (x, y) in enumerate(points):
        ax.annotate(number, (x, y), (7, -14), textcoords="offset points")
    ax.set(title=title, aspect="equal", xlim=(-1.1, 1.1), ylim=(1.1, -1.1), xlabel="x")
    ax.set(xticks=[-1, 0, 1], yticks=[-1, 0, 1])
axes[0].set_ylabel("y (down)")
line = plt.matplotlib.patches.ConnectionPatch(
    targets[0], looped[0, 0], "data", "data", axesA=axes[0], axesB=axes[1],
    arrowstyle="->", connectionstyle="arc3,rad=-0.12", shrinkA=6, shrinkB=6, color=plotting.COLORS["neutral"])
fig.tight_layout()
arrow = fig.add_artist(line)

# %% [markdown]
# Each green dot on the left has its partner with the same number on the right. Output pixel 0 reads at
# the point where the arrow ends. (The grey squares are pixels. The input is drawn with 3 by 3, too, but
# its size entered nowhere.) Only source 4 is on a pixel centre. That is the next chapter's problem.
#
# Python loops are slow, and a network works on batches, with one $\theta$ for each image. The
# vectorised form writes out the two rows of the product and leaves the looping to broadcasting. With
# $B$ images in the batch, `x` ($x^t$) has the shape `(W',)`. `y` gets one `None` and has `(H', 1)`. Each entry
# of $\theta$ gets two and has `(B, 1, 1)`. Together they spread to `(B, H', W')`, the shape of `x_in` ($x^s$).
#
# shapes: `theta (B, 2, 3)` → `grid (B, H', W', 2)`

# %% tags=["listing:stnlib.grid.affine_points"]
def affine_points(theta, height, width, align_corners=False):
    x = ops.convert_to_tensor(axis_coordinates(width, align_corners), theta.dtype)
    y = ops.convert_to_tensor(axis_coordinates(height, align_corners),
                              theta.dtype)[:, None]
    theta = theta[:, :, :, None, None]
    x_in = theta[:, 0, 0] * x + theta[:, 0, 1] * y + theta[:, 0, 2]
    y_in = theta[:, 1, 0] * x + theta[:, 1, 1] * y + theta[:, 1, 2]
    return ops.stack([x_in, y_in], axis=-1)


# %%
grid = affine_points(ops.convert_to_tensor(theta[None]), 3, 3)
difference = np.abs(grid[0] - looped).max()
print(tuple(grid.shape), f"difference from the loop {difference:.0e}")
assert difference < 1e-6

# %% [markdown]
# The public function, `stnlib.affine_grid`, is this core behind a door that checks what comes in.
# It also takes the six numbers as a flat row, as a network delivers them. From here on we use it.

# %%
flat = np.array([[1, 0, 0, 0, 1, 0], theta.ravel()], "float32")
print(flat.shape, "->", tuple(affine_grid(flat, (28, 28)).shape))

# %% [markdown]
# ## Five moves
#
# Time to see what $\theta$ does to the 2. The small function below draws the sampling grid over the
# input (grey: outside the image), and beside it what the output reads there, at the same scale. A dot
# is one point; only every third row and column is drawn (every sixth in the wide pictures further on).
# The frame joins the points of the outermost output pixels. These are pixel centres, so even the
# identity's frame lies half a pixel inside the input. The square marks what the top left output pixel
# reads. (`grid_sample` is the subject of
# {doc}`05_sampler`.) Before you look at each picture, predict what the digit will do.

# %% tags=["hide-input"]
def picture(theta, image=digit):
    """Draw the sampling grid over the input, and the output beside it."""
    size, margin = image.shape[:2], 0.26 * image.shape[1]
    height, width = size[0] + 2 * margin, size[1] + 2 * margin
    grid = affine_grid(np.array([theta], "float32"), size)
    fig, axes = plt.subplots(1, 2, figsize=(5.4, 3.2 * height / width + 0.35), width_ratios=[width, size[1]])
    plotting.show(axes[0], image, "input and grid")
    plotting.draw_grid(axes[0], np.asarray(grid)[0], size, every=size[1] // 9)
    first = [to_pixels(p, n) for p, n in zip(np.asarray(grid)[0, 0, 0], size[::-1])]
    axes[0].plot(*first, "s", color=plotting.COLORS["grid"], markeredgecolor="black", markersize=9, clip_on=False)
    axes[0].set(xlim=(-margin, size[1] + margin), ylim=(size[0] + margin, -margin), facecolor="#e6e6e6")
    plotting.show(axes[1], np.asarray(grid_sample(image[None], grid))[0], "output")
    fig.tight_layout(pad=0.3)
    return fig


# %% [markdown]
# **Turn.** The matrix turns points clockwise (right becomes down). What will the digit do?

# %% mystnb={"image": {"alt": "The sampling grid is turned clockwise over the input 2. The output shows the 2 turned anticlockwise."}}
fig = picture([[cos, -sin, 0], [sin, cos, 0]])

# %% [markdown]
# The grid turned clockwise, the digit anticlockwise. Tilt your head to the right and the world
# tilts to the left: the grid is your head.
#
# **Scale.** Multiply both coordinates by 0.6. Will the digit be smaller or larger?

# %% mystnb={"image": {"alt": "The sampling grid covers only the middle of the input. The output shows the 2 enlarged."}}
fig = picture([[0.6, 0, 0], [0, 0.6, 0]])

# %% [markdown]
# Larger. The output reads a smaller field, and spreads it over the same number of pixels. A factor
# below 1 zooms in; a factor above 1 zooms out, and reads beyond the picture.
#
# **Translate.** Add 0.4 to x. Left or right?

# %% mystnb={"image": {"alt": "The sampling grid is shifted to the right, partly outside the input. The output shows the 2 shifted to the left, with black on the right."}}
fig = picture([[1, 0, 0.4], [0, 1, 0]])

# %% [markdown]
# The grid went right, so the digit went left. A shift of 0.4 is 0.4 of *half* the picture, since
# the axis is 2 long. Points outside the input read 0. (You cannot tell here, because the ground of the
# digit is 0, too.)
#
# **Shear.** Let x depend on y: the lower a row, the further right it reads.

# %% mystnb={"image": {"alt": "The sampling grid is a parallelogram leaning to one side. In the output the 2 leans to the other side."}}
fig = picture([[1, 0.5, 0], [0, 1, 0]])

# %% [markdown]
# The lower rows read further right, so the foot of the 2 slid left, and the digit now leans to the right.
# No row is turned or stretched. The opposite shear puts slanted writing upright.
#
# **Flip.** Read x from the other end.

# %% mystnb={"image": {"alt": "The sampling grid looks like that of the identity, yet the output shows the 2 mirrored left to right."}}
fig = picture([[-1, 0, 0], [0, 1, 0]])

# %% [markdown]
# The grid covers the same points as the identity, but in another order: the top left output pixel reads at
# the top *right*. So the 2 is mirrored. No turn can do this. The sign of $\theta_{11}\theta_{22} - \theta_{12}\theta_{21}$, the determinant,
# tells: it is negative if and only if the picture is mirrored. A mirrored 2 is no digit any more,
# so a good transformer has little reason to go there. But nothing in an affine $\theta$ forbids
# it.
#
# ## Pictures that are not square
#
# So far the image was as wide as high. Put two digits side by side, 28 by 56 pixels, and turn them
# with the same matrix.

# %% mystnb={"image": {"alt": "Two digits side by side under a grid that is sheared as well as turned. In the output the digits are skewed."}}
wide = np.concatenate([digit, data.x_train[data.y_train == 5][0]], axis=1)
normalised_turn = np.array([[cos, -sin, 0], [sin, cos, 0]])
fig = picture(normalised_turn, wide)

# %% [markdown]
# That is not a turn: the digits are skewed, and the cells of the grid are no longer rectangles. The cause
# is the axes: on this image one unit of $x$ is 28 pixels and one
# unit of $y$ is 14, so equal numbers are unequal lengths. **On an image that is not square, a normalised
# rotation is no rotation in pixels** (but for half a turn).
#
# The cure is to turn in pixels. Let $D$ stretch normalised units to pixels; input and output have the
# same size here, so one $D$ serves both. Go to pixels, turn by the angle $\alpha$ (matrix $R$), and
# come back:
#
# $$
# \begin{aligned}
# D &= \begin{pmatrix} W/2 & 0 \\ 0 & H/2 \end{pmatrix} \\[1ex]
# D^{-1} R\, D &= \begin{pmatrix} \cos\alpha & -\frac{H}{W} \sin\alpha \\
# \frac{W}{H} \sin\alpha & \cos\alpha \end{pmatrix}
# \end{aligned}
# $$
#
# shapes: `(2, 2) @ (2, 2) @ (2, 2)` → `(2, 2)`

# %% mystnb={"image": {"alt": "The grid over the two digits is now a turned rectangle with right angles. In the output both digits are turned and keep their shape."}}
H, W = wide.shape[:2]
D = np.diag([W / 2, H / 2])
R = normalised_turn[:, :2]
pixel_turn = np.column_stack([np.linalg.inv(D) @ R @ D, [0, 0]])
fig = picture(pixel_turn, wide)

# %% [markdown]
# What is left of the digits keeps its shape. (The corners of a wide picture leave the frame when it
# turns.) To be sure, measure: take one pixel to the right and one pixel down,
# and apply $\theta$. A turn keeps the angle between them at 90 degrees and both lengths at 1.

# %%
def pixel_steps(theta):
    right, down = (D @ theta[:, :2] @ np.linalg.inv(D)).T
    lengths = np.linalg.norm(right), np.linalg.norm(down)
    angle = np.degrees(np.arccos(right @ down / np.prod(lengths)))
    return angle, *lengths


for name, matrix in {"normalised": normalised_turn, "pixel": pixel_turn}.items():
    print("{}: {:.1f} degrees, {:.2f}, {:.2f}".format(
        name, *pixel_steps(matrix)))
assert np.allclose(pixel_steps(pixel_turn), (90, 1, 1))

# %% [markdown]
# Does a spatial transformer care? Not if $\theta$ is free: the network learns the six numbers that
# work, whatever their units. It matters when *you* build $\theta$ from an angle, to distort data
# or to restrict a transformer to turns.
#
# ## Try it
#
# Here are the grid and the output of the single 2 again, alive. Drag a corner to turn and zoom, the middle to
# move, an edge to stretch or slant (the opposite edge stays, so the shift changes, too). For exact numbers use
# the sliders, or type into the matrix. Here the frame shows -1 to 1, so that of the identity lies on the edge
# of the image; its filled corner is the one that the top left of the output reads. Three things to try, each
# with a guess first:
#
# 1. Make the 2 half as large, by scale x and scale y. Which numbers changed, and to what?
# 2. Turn the 2 by 180 degrees, and look at $\theta_{11}$ and $\theta_{22}$. Go back to the identity. Then
#    mirror it top to bottom by a scale y of -1. How do the numbers differ?
# 3. Choose the photo, and pull the grid half out of it. What does the output show where there is nothing to
#    read?
#
# (*Sampling* and *outside the image* belong to the next chapter.)

# %%
AffineExplorer(image=digit)

# %% [markdown]
# What was to be seen: for half the size $\theta_{11}$ and $\theta_{22}$ become 2, not one half,
# because the output has to read twice as far. A half turn makes both of them -1; a mirror makes
# only $\theta_{22}$ negative. And beyond the picture everything is black, as long as *outside the image* says
# zeros.
#
# ## Recap
#
# - You wrote turn, stretch, shear and shift as one matrix of 2 by 3, thanks to a third coordinate
#   that is always 1. Its columns say what the two steps become and where the centre goes.
# - You placed pixels on an axis whose ends, -1 and 1, are the outer edges with `align_corners=False`, the
#   centres of the corner pixels with `True`. Never mix the two.
# - You pushed and you pulled. Pulling leaves no holes, so $\theta$ maps **output to input**, and
#   the picture does the opposite of $\theta$.
# - You built the **grid generator**, `(B, 2, 3)` → `(B, H', W', 2)`, and checked it against a
#   loop.
# - You turned a wide picture in pixels, with $D^{-1} R\, D$, and kept its right angles.
#
# The grid says where to read. Almost none of its points is a pixel, though. How do you read an
# image *between* its pixels, and in such a way that a network can learn from it? {doc}`05_sampler`
# answers that.
#
# ## Exercises
#
# :::{exercise} A quarter of the picture
# :label: ex-grid-crop
#
# Write the $\theta$ that makes an output of 14 by 14 pixels show exactly the **top right quarter**
# of a 28 by 28 image, and show that it equals the slice `digit[:14, 14:]`. (What do the two
# steps become, and where does the centre go?)
# :::
#
# :::{solution-start} ex-grid-crop
# :class: dropdown
# :::
#
# The output reads half the width and half the height, so both steps are halved. The centre of the
# output reads the centre of that quarter: half a unit to the right and half a unit *up*, which is
# negative.

# %%
quarter = np.array([[0.5, 0, 0.5, 0, 0.5, -0.5]], "float32")
crop = np.asarray(grid_sample(digit[None], affine_grid(quarter, (14, 14))))[0]
print(f"largest difference: {np.abs(crop - digit[:14, 14:]).max():.1e}")
assert np.allclose(crop, digit[:14, 14:], atol=1e-5)

# %% [markdown]
# With `align_corners=False` every point falls on a pixel centre, so no pixels are mixed. What is left is the
# rounding of 32-bit numbers.
#
# :::{solution-end}
# :::
#
# :::{exercise} Undo
# :label: ex-grid-undo
#
# Distort the 2 with the $\theta$ that turns points by 30 degrees, then scales them by 1.4, then shifts them by
# (0.2, -0.1). Find the $\theta$ that undoes the distortion, and apply it to the distorted picture. What does
# not come back, and why?
# :::
#
# :::{solution-start} ex-grid-undo
# :class: dropdown
# :::
#
# Append the row $(0, 0, 1)$, invert, drop the row again.

# %% mystnb={"image": {"alt": "The 2, the distorted 2, and the restored 2, which looks like the first but softer."}}
distort = np.array([[1.4 * cos, -1.4 * sin, 0.2],
                    [1.4 * sin, 1.4 * cos, -0.1],
                    [0, 0, 1]])
undo = np.linalg.inv(distort)
print(undo[:2].round(3))
images = [digit[None]]
names = ["input", "distorted", "restored"]
for matrix in (distort, undo):
    grid = affine_grid(matrix[None, :2].astype("float32"), (28, 28))
    images.append(np.asarray(grid_sample(images[-1], grid)))
strip = [image[0] for image in images]
fig = plotting.strip(strip, names, size=1.8, frame=True)

# %% [markdown]
# Position, size and turn are back. Sharpness is not: the distorted 2 was smaller, so it had fewer
# pixels to be stored in, and `grid_sample` mixes neighbouring pixels, as the next chapter shows. Nothing of
# this 2 left the frame; what does leave is lost for good. This is all that a spatial transformer can do: it
# can undo the *geometry*, not the loss.
#
# :::{solution-end}
# :::
#
# :::{exercise} The half-pixel colleague
# :label: ex-grid-mixed
#
# A colleague makes grids with `align_corners=True` and samples them with `False`. By how many
# pixels is each column of a 28 pixel wide image off? Which $\theta$ makes up for it?
# :::
#
# :::{solution-start} ex-grid-mixed
# :class: dropdown
# :::

# %%
n = 28
error = to_pixels(axis_coordinates(n, True), n, False) - np.arange(n)
for column in (0, 7, 13, 14, 20, 27):
    print(f"column {column:2}: {error[column]:+.3f} pixels")
fixed = to_pixels(axis_coordinates(n, True) * (n - 1) / n, n, False)
print(f"with 27/28: {np.abs(fixed - np.arange(n)).max():.0e} pixels at most")

# %% tags=["claim"]
assert np.allclose(error, np.arange(n) / (n - 1) - 0.5)
assert np.allclose(fixed, np.arange(n), atol=1e-5)

# %% [markdown]
# Column $i$ is off by $i / (n - 1) - \frac12$: half a pixel too far out at both ends, next to nothing
# in the middle. The grid is too wide by the factor $n / (n - 1)$, so $\theta_{11} = (n - 1) / n$ with zeros
# beside it cancels that, here 27/28; for $\theta_{22}$ take the height. A network that learns $\theta$ can make up for that factor, so such a mix-up
# is easy to miss.
#
# :::{solution-end}
# :::
