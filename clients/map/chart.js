'use strict';

/* CHART: the flat view. A view shows the picture and places a point. */

const screen_size = {width: 1, height: 1};              // of the sea on the page, in pixels
const pen = $('#chart').getContext('2d');

const chart = {
  x: 300, y: 200, zoom: 1,                              // the middle of the view; 1 = the whole ocean
  scale() { return this.zoom * Math.min(screen_size.width / ocean.width, screen_size.height / ocean.height); },
  place(x, y) {                                         // a cell of the ocean -> a pixel; everything appears exactly once
    const s = this.scale();
    return {x: screen_size.width / 2 + east(this.x, x) * s, y: screen_size.height / 2 - north(this.y, y) * s, seen: true};
  },
  cell(px, py) {                                        // a pixel -> a cell, or nothing beyond the edge
    const s = this.scale(), dx = (px - screen_size.width / 2) / s, dy = (screen_size.height / 2 - py) / s;
    if (Math.abs(dx) > ocean.width / 2 || Math.abs(dy) > ocean.height / 2) return null;
    return {x: wrap(this.x + dx, ocean.width), y: wrap(this.y + dy, ocean.height)};
  },
  drag(dx, dy) { this.move(-dx / this.scale(), dy / this.scale()); },
  move(dx, dy) { this.x = wrap(this.x + dx, ocean.width); this.y = wrap(this.y + dy, ocean.height); },
  step(dx, dy) { this.move(dx * 40 / this.zoom, dy * 40 / this.zoom); },
  zoom_by(factor, px = screen_size.width / 2, py = screen_size.height / 2) {
    const under = this.cell(px, py);
    this.zoom = clamp(this.zoom * factor, 1, 16);
    const now = under && this.cell(px, py);
    if (now) this.move(east(now.x, under.x), north(now.y, under.y));
  },
  whole() { Object.assign(this, {x: ocean.width / 2, y: ocean.height / 2, zoom: 1}); },
  approach(spot, ease) { this.move(east(this.x, spot.x) * ease, north(this.y, spot.y) * ease); },
  turn() {},
  show() {
    const s = this.scale(), width = ocean.width * s, height = ocean.height * s;
    const left = (screen_size.width - width) / 2, top = (screen_size.height - height) / 2;
    pen.save();
    pen.beginPath();
    pen.rect(left, top, width, height);
    pen.clip();
    pen.imageSmoothingQuality = 'high';
    const x = left + width / 2 - this.x * s, y = top + height / 2 + this.y * s - height;
    for (const across of [-1, 0, 1]) {
      for (const down of [-1, 0, 1]) pen.drawImage(picture, x + across * width, y + down * height, width, height);
    }
    draw_grid(Math.max(left, 0), Math.max(top, 0));
    pen.restore();                                      // boats and names may stand over the edge
  },
};

/* Lines every hundred cells, or every sector when near; the seams are dashed; numbers at the left and the top. */
function draw_grid(left, top) {
  const every = chart.zoom > 5 ? ocean.sector : chart.zoom > 2 ? 50 : 100;
  pen.font = `600 ${unit() * 0.95}px system-ui, sans-serif`;
  pen.strokeStyle = pen.fillStyle = colours.grid;
  pen.lineWidth = 1;
  for (let x = 0; x < ocean.width; x += every) draw_line(x, chart.place(x, 0).x, true, left, top);
  for (let y = 0; y < ocean.height; y += every) draw_line(y, chart.place(0, y).y, false, left, top);
}

function draw_line(number, at, upright, left, top) {
  pen.setLineDash(number ? [] : [10, 8]);
  pen.beginPath();
  pen.moveTo(upright ? at : 0, upright ? 0 : at);
  pen.lineTo(upright ? at : screen_size.width, upright ? screen_size.height : at);
  pen.stroke();
  pen.setLineDash([]);
  pen.fillStyle = colours.ink;
  pen.globalAlpha = 0.7;
  pen.textAlign = 'left';
  pen.textBaseline = 'top';
  const text = number ? String(number) : upright ? '0 x' : '0 y';
  if (upright) pen.fillText(text, at + 5, top + 5);
  else if (at < screen_size.height - 20 && at > top + 30) pen.fillText(text, left + 5, at - unit() * 1.2);
  pen.globalAlpha = 1;
}
