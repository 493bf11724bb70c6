// The 1,797 UCI digits: 8x8 pixels of 4 bits each, two in a byte, enlarged to 20x20 with a border of one black pixel.

const SOURCE = 8;
const BOX = 20;
export const SIDE_BORDERED = BOX + 2;

// `packed` holds base64 of pixels and labels, and how many of the digits are for training; the others are the test's.
export function unpackDigits({ pixels, labels, train }) {
  const bytes = Uint8Array.from(atob(pixels), (letter) => letter.charCodeAt(0));
  const count = labels.length;
  const across = enlarging();
  const images = new Float32Array(count * SIDE_BORDERED * SIDE_BORDERED);
  const small = new Float64Array(SOURCE * SOURCE);
  for (let n = 0; n < count; n++) {
    for (let p = 0; p < small.length; p++) {
      const byte = bytes[(n * small.length + p) >> 1];
      small[p] = (p % 2 ? byte & 15 : byte >> 4) / 15;
    }
    enlarge(small, across, images, n * SIDE_BORDERED * SIDE_BORDERED);
  }
  return { images, labels: Uint8Array.from(labels, Number), train, count };
}

// One axis's weights, BOX x SOURCE: the Catmull-Rom cubic at the centres of the larger pixels, black outside.
function enlarging() {
  const weights = new Float64Array(BOX * SOURCE);
  for (let to = 0; to < BOX; to++) {
    const place = ((to + 0.5) * SOURCE) / BOX - 0.5;
    for (let from = Math.floor(place) - 1; from <= Math.floor(place) + 2; from++) {
      if (from >= 0 && from < SOURCE) weights[to * SOURCE + from] = catmullRom(Math.abs(place - from));
    }
  }
  return weights;
}

function catmullRom(t) {
  return t < 1 ? 1 + t * t * (1.5 * t - 2.5) : 2 + t * (-4 + t * (2.5 - 0.5 * t));
}

function enlarge(small, across, images, offset) {
  const rows = new Float64Array(BOX * SOURCE);
  for (let y = 0; y < BOX; y++) {
    for (let x = 0; x < SOURCE; x++) {
      for (let k = 0; k < SOURCE; k++) rows[y * SOURCE + x] += across[y * SOURCE + k] * small[k * SOURCE + x];
    }
  }
  for (let y = 0; y < BOX; y++) {
    for (let x = 0; x < BOX; x++) {
      let value = 0;
      for (let k = 0; k < SOURCE; k++) value += across[x * SOURCE + k] * rows[y * SOURCE + k];
      images[offset + (y + 1) * SIDE_BORDERED + x + 1] = Math.min(Math.max(value, 0), 1);
    }
  }
}
