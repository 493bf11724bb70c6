"""PoseGradient: how a label teaches a pose, from the loss through the output's pixels to theta."""

from stnlib.widgets.core import images, still, traits
from stnlib.widgets.core.host import Instrument

PICTURES = tuple(images.digits())
REACH = 60  # degrees that the digit may be rotated by


def rigid(value):
    """Three finite numbers, (angle, tx, ty), as a list of floats.

    >>> rigid((0.5, 0, 0))
    [0.5, 0.0, 0.0]
    """
    return traits.array("pose", value, [(3,)], "(angle, tx, ty)").tolist()


class PoseGradient(Instrument):
    """A frozen classifier, its loss, and the gradient of the loss at each sampling point and in theta, step by step.

    :param picture: "digit 2" and the like, one of the embedded digits.
    :param rotation: the digit's rotation in degrees, -60 to 60; positive is clockwise (in `DigitReader`:
        counter-clockwise).
    :param pose: the theta of a "rigid" transformer: the window's angle in radians, positive is clockwise; tx and ty
        normalised, y down.
    :Convention: a step moves the pose along the negative gradient of the cross-entropy, by at most 0.03. The classifier
        is linear, trained on upright UCI digits. All traits sync both ways.
    :Errors: ValueError names the argument, the expected value and the given one.
    :Source: Jaderberg et al. 2015, equations 6 and 7.

    >>> PoseGradient(rotation=-40).pose
    [0.0, 0.0, 0.0]
    """

    folder = "pose_gradient"
    picture = traits.Checked(traits.choice("picture", PICTURES))
    rotation = traits.Checked(traits.between("rotation", -REACH, REACH))
    pose = traits.Checked(rigid)

    def __init__(self, picture=PICTURES[0], rotation=30, pose=(0.0, 0.0, 0.0), **options):
        """See the class."""
        super().__init__(picture=picture, rotation=rotation, pose=pose, **options)

    def fallback(self):
        """The picture and the sentence for a page without JavaScript."""
        return still.still(images.digits()[self.picture], "A digit and the window that reads it", SQUARE), (
            "The loss says for each output pixel whether it should be brighter or darker. With JavaScript you can see "
            "here how that pulls on every sampling point, and how the pulls add up to a rotation and a shift."
        )


SQUARE = ((-1, -1), (1, -1), (1, 1), (-1, 1))
