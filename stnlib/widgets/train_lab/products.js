// Matrix products on flat arrays with strides, in tiles of 4x4 sums that stay in registers.

// c (rows x columns, dense) = a (rows x depth) times b (depth x columns), added to c where `add`.
// Strides are [from row to row, from column to column], so that a transposed matrix is only read differently.
export function multiply(c, a, b, [rows, depth, columns], [aRow, aColumn], [bRow, bColumn], add = false) {
  const evenRows = rows - (rows % 4), evenColumns = columns - (columns % 4);
  if (!add) c.fill(0, 0, rows * columns);
  for (let j = 0; j < evenColumns; j += 4) {
    for (let i = 0; i < evenRows; i += 4) tile(c, a, b, i, j, depth, columns, aRow, aColumn, bRow, bColumn);
  }
  for (let i = 0; i < rows; i++) {
    for (let j = i < evenRows ? evenColumns : 0; j < columns; j++) {
      let sum = 0;
      for (let p = 0, at = i * aRow, bt = j * bColumn; p < depth; p++, at += aColumn, bt += bRow) sum += a[at] * b[bt];
      c[i * columns + j] += sum;
    }
  }
}

function tile(c, a, b, i, j, depth, columns, aRow, aColumn, bRow, bColumn) {
  let s00 = 0, s01 = 0, s02 = 0, s03 = 0, s10 = 0, s11 = 0, s12 = 0, s13 = 0;
  let s20 = 0, s21 = 0, s22 = 0, s23 = 0, s30 = 0, s31 = 0, s32 = 0, s33 = 0;
  let a0 = i * aRow, a1 = a0 + aRow, a2 = a1 + aRow, a3 = a2 + aRow;
  let b0 = j * bColumn, b1 = b0 + bColumn, b2 = b1 + bColumn, b3 = b2 + bColumn;
  for (let p = 0; p < depth; p++) {
    const u = a[a0], v = a[a1], w = a[a2], x = a[a3];
    const d = b[b0], e = b[b1], f = b[b2], g = b[b3];
    s00 += u * d; s01 += u * e; s02 += u * f; s03 += u * g;
    s10 += v * d; s11 += v * e; s12 += v * f; s13 += v * g;
    s20 += w * d; s21 += w * e; s22 += w * f; s23 += w * g;
    s30 += x * d; s31 += x * e; s32 += x * f; s33 += x * g;
    a0 += aColumn; a1 += aColumn; a2 += aColumn; a3 += aColumn;
    b0 += bRow; b1 += bRow; b2 += bRow; b3 += bRow;
  }
  let at = i * columns + j;
  c[at] += s00; c[at + 1] += s01; c[at + 2] += s02; c[at + 3] += s03; at += columns;
  c[at] += s10; c[at + 1] += s11; c[at + 2] += s12; c[at + 3] += s13; at += columns;
  c[at] += s20; c[at + 1] += s21; c[at + 2] += s22; c[at + 3] += s23; at += columns;
  c[at] += s30; c[at + 1] += s31; c[at + 2] += s32; c[at + 3] += s33;
}
