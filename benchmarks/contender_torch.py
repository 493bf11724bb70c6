"""PyTorch's sampler; apart from the others, whose TensorFlow would slow it in the same process."""

import torch
from common import MODES


def torch_sampler(images, theta):
    """PyTorch's pair, channels first as it wants them."""
    grid = torch.nn.functional.affine_grid(theta.reshape(-1, 2, 3), list(images.shape), align_corners=False)
    return torch.nn.functional.grid_sample(images, grid, align_corners=False)


def on_torch(images, theta, upstream):
    """Builder of the three timed calls on PyTorch."""

    def gradients(images, *wanted):
        out = torch_sampler(images, wanted[0])
        return out, *torch.autograd.grad(out, wanted, upstream)

    images, theta, upstream = map(torch.tensor, (images, theta, upstream))
    images, upstream = (a.permute(0, 3, 1, 2).contiguous() for a in (images, upstream))
    free, leaf = theta.clone().requires_grad_(), images.clone().requires_grad_()
    calls = (
        torch.no_grad()(lambda: (torch_sampler(images, theta),)),
        lambda: gradients(images, free),
        lambda: gradients(leaf, free, leaf),
    )
    return dict(zip(MODES, calls, strict=True))


CONTENDERS = {"torch": on_torch}
