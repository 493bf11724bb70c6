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
# # Which input point does each output pixel sample?
#
# The localization network of {doc}`chapter 3 <03_localization>` outputs six numbers, $\theta$. They map the coordinates of
# an output pixel to those of the input point that it samples. The **grid generator** applies this map to all output
# pixels.
#
# After this chapter you can
#
# - say what each of the six numbers does to the grid, and why the image undergoes the inverse transformation;
# - place pixels on an axis from -1 to 1, in both conventions that are in use;
# - say why $\theta$ maps output to input, and what goes wrong the other way round;
# - build the sampling grid of a whole batch, and check it against a loop;
# - rotate a picture that is not square without skewing it.

# %% tags=["remove-input"] mystnb={"figure": {"caption": "This chapter builds the grid generator: it turns θ into one input point for every output pixel. U is the input image, V the output; the dot marks the point of the output's first pixel, at the top left.", "name": "fig-pipeline-grid"}}
from stnlib.pipeline import pipeline

pipeline(lit="grid")

# %% tags=["hide-input"]
import matplotlib.pyplot as plt
import numpy as np
from keras import ops

from stnlib import affine_grid, datasets, grid_sample, plotting

plotting.use_style()

data = datasets.load()
digit = data.x_train[data.y_train == 2][0]

# %% [markdown]
# ## The image undergoes the inverse transformation
#
# The orange window is the grid: where the output reads the input. Drag a corner to rotate and scale it, the middle to
# shift it, an edge to stretch or slant it. The filled corner is what the top left of the output
# reads. Guess first:
#
# 1. Rotate the window clockwise. Which way does the 2 rotate?
# 2. Make the 2 half as large. Which numbers of $\theta$ change, and to what?
# 3. Press *flip*, which mirrors the 2. Then press *identity* and rotate the window by 180°. How does $\theta$ differ?

# %%
from stnlib.widgets import AffineExplorer

AffineExplorer(image=digit)

# %% [markdown]
# :::{dropdown} Answers
# 1. Counter-clockwise. It is like a camera: rotate the grid clockwise, and the picture rotates counter-clockwise.
# 2. $\theta_{11}$ and $\theta_{22}$ become 2, since the output has to read twice as far.
# 3. The mirror makes one of the two -1, the half rotation both.
# :::

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The image undergoes the inverse of the grid's transformation; a mirror is its own inverse. Top: the sampling grid over the input, with a square on the point that the top left output pixel reads. Bottom: the output.", "name": "fig-04-five"}, "image": {"alt": "Five columns. The grid rotated clockwise gives a 2 rotated counter-clockwise; a smaller grid gives a larger 2; a grid shifted right gives a 2 shifted left; a slanted grid gives a 2 that slants the other way; a mirrored grid, which covers the same points, gives a mirrored 2."}}
cos, sin = np.cos(np.deg2rad(30)), np.sin(np.deg2rad(30))
FIVE = {
    "rotate 30°": [[cos, -sin, 0], [sin, cos, 0]],
    "scale 0.6": [[0.6, 0, 0], [0, 0.6, 0]],
    "shift 0.4": [[1, 0, 0.4], [0, 1, 0]],
    "shear 0.5": [[1, 0.5, 0], [0, 1, 0]],
    "mirror": [[-1, 0, 0], [0, 1, 0]],
}


def draw_pair(above, below, theta, image, name):
    """Draw the sampling grid over an image, and below it the output."""
    (height, width), margin = image.shape[:2], 0.26 * image.shape[1]
    grid = np.asarray(affine_grid(np.array([theta], "float32"), (height, width)))
    plotting.show(above, image, name)
    plotting.draw_grid(above, grid[0], (height, width), every=width // 7, points=False)
    x, y = (((grid[0, 0, 0] + 1) * (width, height)) - 1) / 2
    above.plot(x, y, "s", color=plotting.COLORS["grid"], markeredgecolor="black", markersize=7, clip_on=False)
    plotting.show(below, np.asarray(grid_sample(image[None], grid))[0])
    above.set(xlim=(-margin, width + margin), ylim=(height + margin, -margin))
    below.set(xlim=above.get_xlim(), ylim=(height + 1, -1))  # at the same scale


fig, axes = plt.subplots(2, 5, figsize=(8, 3.1), height_ratios=[1.52, 1.07])
for column, (name, theta) in zip(axes.T, FIVE.items()):
    draw_pair(*column, theta, digit, name)
fig.tight_layout(pad=0.3)

# %% [markdown]
# **Why the inverse?** $\theta$ takes a point of the output to the input point that it reads. What is there in the input
# appears back at the output's point: the content goes the other way.
#
# Coordinates run from -1, at the left and top edges, to 1, at the right and bottom. Points outside the input read 0 (black)
# unless you choose otherwise ({doc}`chapter 5 <05_sampler>`).
#
# - **Scale** by 0.6: the output's point $(1, 0.5)$ reads the input at $(0.6, 0.3)$. A smaller region fills the same number
#   of pixels, so the digit grows.
# - **Shift** by 0.4: the digit goes left, by 0.4 of *half* the picture.
# - **Shear**: lower rows read further right. The opposite shear puts slanted writing upright.
# - **Mirror**: the grid covers the same points in another order. The determinant
#   $\theta_{11}\theta_{22} - \theta_{12}\theta_{21}$ is negative if and only if the picture is mirrored.
#
# ## One matrix for all of them
#
# A 2 × 2 matrix can rotate, scale, shear and mirror a point $(x, y)$, but it leaves the centre $(0, 0)$ where it is. To
# shift as well, give each point a third coordinate that is always 1 (**homogeneous coordinates**), so that the third
# column of the matrix is added:
#
# $$
# \begin{pmatrix} x^s \\ y^s \end{pmatrix}
# = \underbrace{\begin{pmatrix} \theta_{11} & \theta_{12} & \theta_{13} \\
#   \theta_{21} & \theta_{22} & \theta_{23} \end{pmatrix}}_{A_\theta}
#   \begin{pmatrix} x^t \\ y^t \\ 1 \end{pmatrix} \tag{1}
# $$
#
# shapes: `(2, 3) @ (3,)` → `(2,)`
#
# This is equation (1) of the paper {cite}`jaderberg2015stn`; $t$ stands for *target*, the output, and $s$ for *source*, the
# input. In code it is `theta`. For the output's point $(1, 0)$, a 90° rotation and a shift:

# %%
theta = np.array([[0, -1, 0.5],
                  [1, 0, -0.2]])
theta @ [1, 0, 1]

# %% [markdown]
# Rotation takes the point from $(1, 0)$ to $(0, 1)$, and the shift adds $(0.5, -0.2)$. y grows **downwards**, so "right"
# became "down": clockwise on the screen.
#
# Read the matrix by **columns**. A step of 1 to the right in the output moves the input point by the first column, a step
# down by the second; the third is where the centre goes. So you can write a crop without a formula. For the bottom left
# quarter both steps are halved and the centre goes to $(-0.5, 0.5)$:
#
# $$\begin{pmatrix} 0.5 & 0 & -0.5 \\ 0 & 0.5 & 0.5 \end{pmatrix}$$
#
# **To compose** two warps, append the row $(0, 0, 1)$ to each matrix and multiply, the *first* warp's on the left: after
# $A_1$, then $A_2$, the output at $p$ reads the first output at $A_2\, p$, and that reads the image at $A_1 A_2\, p$.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The order of two warps matters. Both use a grid shifted right by 0.3 and one rotated clockwise by 90°.", "name": "fig-04-order"}, "image": {"alt": "Three pictures: a 2 in the middle; the 2 moved left and then rotated about the centre, so that it lies near the bottom edge; the 2 rotated first and then moved left, so that it lies near the left edge."}}
shift = np.array([[1, 0, 0.3], [0, 1, 0], [0, 0, 1]])
rotation = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])
orders = {"shift, then rotate": shift @ rotation, "rotate, then shift": rotation @ shift}
warped = [grid_sample(digit[None], affine_grid(A[None, :2].astype("float32"), (28, 28)))[0] for A in orders.values()]
fig = plotting.strip([digit, *map(np.asarray, warped)], ["input", *orders], size=1.6, frame=True)

# %% tags=["claim"]
step_by_step = digit[None]
for one in (shift, rotation):
    step_by_step = grid_sample(step_by_step, affine_grid(one[None, :2].astype("float32"), (28, 28)))
rows, columns = np.mgrid[:28, :28]
middles = [[(np.asarray(one)[..., 0] * way).sum() / np.sum(one) - 13.5 for way in (columns, rows)] for one in warped]
assert np.mean(np.abs(step_by_step[0] - warped[0])) < 0.02 < np.mean(np.abs(step_by_step[0] - warped[1]))
assert middles[0][1] > 2 > abs(middles[0][0]) and middles[1][0] < -2 < -abs(middles[1][1])

# %% [markdown]
# ## Where is -1?
#
# In pixels, "shift by 14" would mean half of a 28-pixel digit and a sixteenth of a 224-pixel photo. So the axes are
# **normalised**: from -1 to 1 across the image, with $(0, 0)$ in the middle.
#
# But is -1 the outer *edge* of the first pixel, or its *centre*? Both are in use. The option is
# called `align_corners`, after PyTorch: `False` puts -1 and 1 on the edges, `True` on the centres of the corner pixels.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "The two conventions put different rulers on the same pixels. The dots are four pixel centres with their coordinates, the orange ruler runs from -1 to 1.", "name": "fig-04-rulers"}, "image": {"alt": "The same four pixels drawn twice with a ruler below. With align_corners False the ruler from -1 to 1 spans the outer edges of the first and last pixel. With True it spans the centres of the first and last pixel, so half a pixel sticks out on each side."}}
n = 4
fig, axes = plt.subplots(1, 2, figsize=(8, 2))
for ax, align_corners in zip(axes, (False, True)):
    for i in range(n):
        x = 2 * i / (n - 1) - 1 if align_corners else (2 * i + 1) / n - 1
        ax.add_patch(plt.Rectangle((i - 0.5, 0), 1, 1, facecolor="#dcebf5", edgecolor="black"))
        ax.plot(i, 0.4, "o", color=plotting.COLORS["input"], markersize=8)
        ax.text(i, 0.58, f"{x:+.2f}", ha="center", va="bottom", color="black")
    reach = (0, n - 1) if align_corners else (-0.5, n - 0.5)
    style = {"arrowstyle": "<->", "color": plotting.COLORS["grid"], "linewidth": 2.5}
    ax.annotate("", (reach[1], -0.3), (reach[0], -0.3), arrowprops=style)
    for end, label in zip(reach, ["-1", "1"]):
        ax.plot([end, end], [-0.3, 0.32], ":", color=plotting.COLORS["grid"], linewidth=2)
        ax.text(end, -0.42, label, ha="center", va="top", weight="bold")
    ax.set(xlim=(-0.8, n - 0.2), ylim=(-1, 1.05), title=f"align_corners={align_corners}")
    ax.axis("off")
fig.tight_layout()

# %% [markdown]
# On an axis of $n$ pixels, the centre of pixel $i$ is at
#
# $$
# x_i = \begin{cases}
# \dfrac{2i + 1}{n} - 1 & \text{(False)} \\[2ex]
# \dfrac{2i}{n - 1} - 1 & \text{(True)}
# \end{cases}
# $$
#
# In code:

# %% tags=["listing:stnlib.grid.axis_coordinates"]
def axis_coordinates(size, align_corners=False):
    index = np.arange(size)
    if align_corners and size > 1:
        return 2 * index / (size - 1) - 1
    return (2 * index + 1) / size - 1


# %%
print(axis_coordinates(4).round(2), axis_coordinates(4, True).round(2))

# %% [markdown]
# The sampler goes back to pixel units, in which pixel $i$ has its centre at $i$:

# %% tags=["listing:stnlib.sampling.to_pixels"]
def to_pixels(coordinate, size, align_corners=False):
    if align_corners:
        return (coordinate + 1) * (size - 1) / 2
    return ((coordinate + 1) * size - 1) / 2


# %%
# The grid is made with True and sampled with False.
to_pixels(axis_coordinates(4, True), 4, False).round(2)

# %% [markdown]
# Mix the two, and the samples at the edges are off by half a pixel: not 0, 1, 2, 3. (PyTorch changed its default in 1.3, after
# [such reports](https://github.com/pytorch/pytorch/issues/20785).) This book uses `False`, which treats a pixel as
# an area: -1 and 1 are the outer edges of the image, however many pixels lie between them.
#
# ## Output to input
#
# To rotate and enlarge a picture by a matrix $M$, there are two ways:
#
# - **Forward warping** goes through the *input* pixels, uses $M$ to compute where each one lands, and writes it there.
# - **Backward warping** goes through the *output* pixels, uses the inverse of $M$ to compute where each one comes from, and
#   reads it there. This inverse is $\theta$.

# %%
cos, sin = np.cos(np.deg2rad(30)), np.sin(np.deg2rad(30))
M = 1.5 * np.array([[cos, -sin], [sin, cos]])
print("M", M.round(2), "theta", np.linalg.inv(M).round(2), sep="\n")

# %% tags=["hide-input"] mystnb={"code_prompt_show": "Show pixel_centres, forward and backward"}
def nearest_pixel(point, height, width):
    col = np.floor(to_pixels(point[0], width) + 0.5)
    row = np.floor(to_pixels(point[1], height) + 0.5)
    inside = 0 <= row < height and 0 <= col < width
    return (int(row), int(col)) if inside else None


def pixel_centres(height, width):
    xs, ys = axis_coordinates(width), axis_coordinates(height)
    return [(i, j, xs[j], ys[i]) for i, j in np.ndindex(height, width)]


def forward(image, M, height, width):
    output = np.zeros((height, width))
    for i, j, x, y in pixel_centres(*image.shape):
        target = nearest_pixel(M @ [x, y], height, width)
        if target:
            output[target] = image[i, j]
    return output


def backward(image, theta, height, width):
    output = np.zeros((height, width))
    for i, j, x, y in pixel_centres(height, width):
        source = nearest_pixel(theta @ [x, y], *image.shape)
        if source:
            output[i, j] = image[source]
    return output


# %% tags=["hide-input"] mystnb={"figure": {"caption": "Forward warping leaves holes, backward warping cannot. Top: a 3 × 3 image, enlarged to 9 × 9 pixels (thin lines) and not rotated; its nine pixels can write at most nine of 81. Bottom: a 2 moved by the M above, enlarged 1.5 times and rotated by 30° clockwise. Both round to the nearest pixel.", "name": "fig-04-push-pull"}, "image": {"alt": "Two rows of three pictures: input, forward, backward. Forward, the 3 by 3 image writes only nine scattered pixels of 81, and the strokes of the 2 are riddled with black holes. Backward, every pixel has a value and the strokes are solid."}}
toy = np.array([[0.9, 0.3, 0.6], [0.5, 1.0, 0.4], [0.8, 0.6, 0.2]])
cases = [(toy, np.eye(2), 9), (digit[..., 0], M, 28)]
pictures = [
    picture
    for image, A, n in cases
    for picture in (image, forward(image, A, n, n), backward(image, np.linalg.inv(A), n, n))
]
fig = plotting.strip(pictures, ["input", "forward", "backward"] * 2, columns=3, size=1.6, frame=True)
for ax, picture in zip(fig.axes, pictures[:3]):
    for border in np.arange(1, len(picture)) - 0.5:
        ax.axhline(border, color=plotting.COLORS["input"], linewidth=0.8)
        ax.axvline(border, color=plotting.COLORS["input"], linewidth=0.8)

# %% tags=["claim"]
white = np.ones((28, 28))
reached, wanted = forward(white, M, 28, 28) > 0, backward(white, np.linalg.inv(M), 28, 28) > 0
assert np.sum(wanted & ~reached) > 0
assert np.sum(reached) < 28**2 / 1.5**2 + 4 * 28 / 1.5  # the area that lands in the frame, and its rim
assert np.sum(pictures[1] > 0) == 9 and np.all(pictures[2] > 0)

# %% [markdown]
# When forward warping shrinks a picture, several input pixels land on the same output pixel, and the last one wins. (Backward warping
# skips pixels then; an exercise of the next chapter fixes that.) The next chapter makes the samples smooth, so that a
# gradient can reach the matrix.
#
# :::{important}
# $\theta$ maps **output to input**: it takes the position of an output pixel (target) and gives the point of the input to
# read (source). The image, therefore, undergoes the inverse of $\theta$, which is $M$.
# :::
#
# The network need not invert a matrix: it predicts the map from output to input directly, whichever six numbers make the
# output easy to classify.
#
# :::{dropdown} Details: other libraries, and images one pixel wide
# PyTorch's `affine_grid` and Keras's `affine_transform` map in the same direction. Keras's counts in pixels, and on
# TensorFlow it passes no gradient to the matrix; on JAX it does.
#
# With `align_corners=True`, the formula for an axis of a single pixel would divide 0 by 0; its centre is put at 0.
# :::
#
# ## The grid generator
#
# The output has height $H'$ and width $W'$. The pixel in row $i$ and column $j$ has its centre at $(x_j^t, y_i^t)$. The grid
# generator applies $A_\theta$ to every one of them; the points that come out are the **sampling grid**.
#
# shapes: `theta (2, 3)`, output size `(H', W')` → `grid (H', W', 2)`
#
# As a loop, for an output of 3 × 3 pixels that reads the middle of the input, rotated by 30°. (`pixel_centres`, hidden
# above {numref}`fig-04-push-pull`, lists row, column and centre of each pixel.)

# %%
theta = 0.7 * np.array([[cos, -sin, 0],
                        [sin, cos, 0]])
looped = np.zeros((3, 3, 2))
for i, j, x_t, y_t in pixel_centres(3, 3):
    looped[i, j] = theta @ [x_t, y_t, 1]

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Each output pixel gets one input point. Left: the nine centres of a 3 × 3 output. Right: the points that they read in a 3 × 3 input; matching numbers are the same output pixel. Only point 4 lies on a pixel centre.", "name": "fig-04-grid"}, "image": {"alt": "Left, an output of 3 by 3 pixels with a green dot at each pixel centre. Right, a 3 by 3 input with nine orange dots on it: the same lattice, smaller and rotated. A line joins the top left output pixel to the point it reads."}}
fig, axes = plt.subplots(1, 2, figsize=(6, 3.2))
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
# For a batch, write out the two rows of the product and let broadcasting do the looping. `theta[:, :, :, None, None]` adds
# two axes of length 1, so each entry becomes a tensor of shape `(B, 1, 1)`. With a row of $x^t$, `(W',)`, and a column of
# $y^t$, `(H', 1)`, these make a whole batch of $x^s$ (`x_in`) and $y^s$ (`y_in`), `(B, H', W')`.
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
# The public `stnlib.affine_grid` is the same function plus input checks. It also takes the six numbers as a flat row, as a
# network outputs them.
#
# ## Pictures that are not square
#
# Rotate two digits side by side, 28 × 56 pixels, by the same 30° in normalised coordinates, and they come out skewed. One unit of $x$ is 28
# pixels here, one unit of $y$ is 14. **On an image that is not square, a rotation in normalised coordinates is not a
# rotation in pixels.**
#
# The fix is to rotate in pixels. Let $D$ scale normalised units to pixels: go to pixels, rotate by the angle $\alpha$
# (matrix $R$), and come back.
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

# %%
wide = np.concatenate([digit, data.x_train[data.y_train == 5][0]], axis=1)
H, W = wide.shape[:2]
R, D = np.array([[cos, -sin], [sin, cos]]), np.diag([W / 2, H / 2])
in_units = np.column_stack([R, [0, 0]])
in_pixels = np.column_stack([np.linalg.inv(D) @ R @ D, [0, 0]])

# %% tags=["hide-input"] mystnb={"figure": {"caption": "On a wide image a rotation by 30° in normalised coordinates skews; in pixels it keeps right angles. Top: the grid over the input. Bottom: the output.", "name": "fig-04-wide"}, "image": {"alt": "Two columns. Left, the grid over two digits is sheared as well as rotated, and the digits in the output are skewed. Right, the grid is a rotated rectangle with right angles, and both digits are rotated and keep their shape."}}
fig, axes = plt.subplots(2, 2, figsize=(8, 4.2), height_ratios=[2.04, 1.07])
for column, (name, matrix) in zip(axes.T, {"normalised rotation": in_units, "rotation in pixels": in_pixels}.items()):
    draw_pair(*column, matrix, wide, name)
fig.tight_layout(pad=0.3)


# %% tags=["claim"]
def pixel_steps(theta):
    right, down = (D @ theta[:, :2] @ np.linalg.inv(D)).T
    lengths = np.linalg.norm(right), np.linalg.norm(down)
    return np.degrees(np.arccos(right @ down / np.prod(lengths))), *lengths


assert np.allclose(pixel_steps(in_pixels), (90, 1, 1))
assert abs(pixel_steps(in_units)[0] - 90) > 10

# %% [markdown]
# A network that learns all six numbers can reach this matrix, too. The aspect ratio matters when *you* build $\theta$ from
# an angle, to distort data or to restrict a transformer to rotations.
#
# ## Recap
#
# - **Six numbers**: the columns of $\theta$ say what the steps right and down become, and where the centre goes. The
#   image undergoes the inverse.
# - **Units**: -1 and 1 are the outer edges with `align_corners=False`, the centres of the corner pixels with `True`.
#   Never mix the two.
# - **Direction**: $\theta$ maps output to input, because backward warping leaves no holes.
# - **Grid generator**: `(B, 2, 3)` → `(B, H', W', 2)`, one product for each output pixel.
# - **Not square**: rotate in pixels, with $D^{-1} R\, D$.
#
# The grid says where to read, but few of its points fall on a pixel centre. {doc}`Chapter 5 <05_sampler>` reads between them.
#
# ## Exercises
#
# :::{exercise} A quarter of the picture
# :label: ex-grid-crop
#
# Write the $\theta$ that makes an output of 14 by 14 pixels show exactly the **top right quarter**
# of a 28 by 28 image, and show that it equals the slice `digit[:14, 14:]`.
# :::
#
# :::{solution-start} ex-grid-crop
# :class: dropdown
# :::
#
# Both steps are halved again, and the centre goes half a unit to the right and half a unit *up*, which is negative.

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
# Distort the 2 with the $\theta$ that rotates points clockwise by 30 degrees, then scales them by 1.4, then shifts them by
# (0.2, -0.1). Find the $\theta$ that undoes the distortion, and apply it to the distorted picture. What does
# not come back, and why?
# :::
#
# :::{solution-start} ex-grid-undo
# :class: dropdown
# :::
#
# Append the row $(0, 0, 1)$, invert, drop the row again.

# %% mystnb={"figure": {"caption": "Position, size and rotation come back, sharpness does not.", "name": "fig-04-undo"}, "image": {"alt": "The 2, the distorted 2, and the restored 2, which looks like the first but softer."}}
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
# The distorted 2 was smaller, so it had fewer pixels to be stored in, and `grid_sample` mixes neighbouring pixels, as the
# next chapter shows. Nothing of this 2 left the frame; what does leave is lost for good.
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
# beside it cancels that, here 27/28; for $\theta_{22}$ take the height. {doc}`five_bugs` has more of its kind.
#
# :::{solution-end}
# :::
