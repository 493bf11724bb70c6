// A digit's pose: how it is rotated, scaled and shifted in the picture; and the frame that MNIST gives its digits.

import { affineGrid, gridSample } from "../shared/sampling.js";

export const PIXELS = 28; // a side of the picture
export const HALF_BOX = 10; // half the side of the box that holds an upright digit, in pixels
export const UPRIGHT = { angle: 0, size: 1, shift: [0, 0] };

// theta that shows a digit rotated counter-clockwise by `angle` degrees, scaled by `size`, shifted by `shift` pixels.
function poseTheta({ angle, size, shift }) {
  const radians = (angle * Math.PI) / 180;
  const [cos, sin] = [Math.cos(radians) / size, Math.sin(radians) / size];
  const [x, y] = shift.map((pixels) => (2 * pixels) / PIXELS);
  return [cos, -sin, sin * y - cos * x, sin, cos, -sin * x - cos * y];
}

// The picture with a digit in a pose.
export function placed(image, pose) {
  const data = gridSample(image, affineGrid(poseTheta(pose), [PIXELS, PIXELS], false));
  return { ...image, data, height: PIXELS, width: PIXELS };
}

// A drawing as MNIST has its digits: in a box of 20 pixels, centred by mass.
export function framed(image) {
  const { data, width, height } = image;
  let [left, right, top, bottom, sum, sumX, sumY] = [width, -1, height, -1, 0, 0, 0];
  data.forEach((ink, p) => {
    if (ink <= 0) return;
    const [x, y] = [p % width, Math.floor(p / width)];
    [left, right, top, bottom] = [Math.min(left, x), Math.max(right, x), Math.min(top, y), Math.max(bottom, y)];
    [sum, sumX, sumY] = [sum + ink, sumX + ink * x, sumY + ink * y];
  });
  if (!sum) return image;
  const zoom = Math.max(right - left + 1, bottom - top + 1) / (2 * HALF_BOX);
  const centre = [(2 * sumX) / sum / width + 1 / width - 1, (2 * sumY) / sum / height + 1 / height - 1];
  const theta = [(zoom * PIXELS) / width, 0, centre[0], 0, (zoom * PIXELS) / height, centre[1]];
  return { ...image, data: gridSample(image, affineGrid(theta, [PIXELS, PIXELS], false)), height: PIXELS, width: PIXELS };
}
