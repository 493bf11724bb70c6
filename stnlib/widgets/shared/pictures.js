// Images in the page: as Python writes them, as they are drawn here, and those on offer by name.

const DRAWN_SIDE = 28;

// {shape, range, data} as Python writes it, 8 bits a value, to an image; `low` and `high` are shown as black and white.
export function decodeImage({ shape: [height, width, channels], size, range: [low, high] = [0, 1], data }) {
  const text = atob(data);
  const values = Float32Array.from(text, (c) => low + (c.charCodeAt(0) / 255) * (high - low));
  return { data: values, height, width, channels, low, high, size: size || [height, width] };
}

// The inverse: for a drawing on its way to Python.
export function encodeImage({ data, height, width, channels }) {
  const bytes = Array.from(data, (v) => String.fromCharCode(Math.round(v * 255)));
  return { shape: [height, width, channels], data: btoa(bytes.join("")) };
}

export function blankImage() {
  const data = new Float32Array(DRAWN_SIDE * DRAWN_SIDE);
  return { data, height: DRAWN_SIDE, width: DRAWN_SIDE, channels: 1, low: 0, high: 1 };
}

// Returns `find(name)`: one of `digits` (as Python writes them), "drawing", "own", or a name in `makers`; each is made once.
export function makeLibrary(model, digits, makers = {}) {
  const made = {};
  const make = (name) => {
    if (makers[name]) return makers[name]();
    if (name === "drawing") return model.get("drawing") ? decodeImage(model.get("drawing")) : blankImage();
    if (name === "own" && model.get("image")) return decodeImage(model.get("image"));
    return decodeImage(digits[name] || Object.values(digits)[0]);
  };
  const find = (name) => (made[name] ||= make(name));
  find.forget = (name) => delete made[name];
  return find;
}

// A soft round brush of white at (x, y) in pixels.
export function dab(image, x, y, radius = 1.5) {
  const { data, width, height } = image;
  for (let row = Math.max(0, Math.floor(y - 3)); row <= Math.min(height - 1, y + 3); row++) {
    for (let column = Math.max(0, Math.floor(x - 3)); column <= Math.min(width - 1, x + 3); column++) {
      const ink = Math.min(Math.max(radius + 0.5 - Math.hypot(column - x, row - y), 0), 1);
      data[row * width + column] = Math.max(data[row * width + column], ink);
    }
  }
}

// Dabs along the way from (x0, y0) to (x1, y1).
export function stroke(image, x0, y0, x1, y1) {
  const steps = Math.max(1, Math.ceil(2 * Math.hypot(x1 - x0, y1 - y0)));
  for (let i = 0; i <= steps; i++) dab(image, x0 + ((x1 - x0) * i) / steps, y0 + ((y1 - y0) * i) / steps);
}
