'use strict';

/* CHART: the flat view. A view shows the picture and places a point. */

const screen_size = {width: 1, height: 1};              // of the sea on the page, in pixels
const pen = $('#chart').getContext('2d');

const chart = {
  x: 300, y: 200, zoom: 1,         // the middle of the view; 1 = the whole ocean

  /* Pixels a cell. Around the whole ocean there is room for half a boat. */
  scale() {
    const room = pixels => Math.max(pixels - 2 * unit(), 1);
    const {width, height} = screen_size;
    return this.zoom * Math.min(room(width) / ocean.width, room(height) / ocean.height);
  },

  /* A cell of the ocean -> a pixel; everything appears exactly once. */
  place(x, y) {
    const s = this.scale();
    return {x: screen_size.width / 2 + east(this.x, x) * s,
            y: screen_size.height / 2 - north(this.y, y) * s, seen: true};
  },

  /* A pixel -> a cell, or nothing beyond the edge. */
  cell(px, py) {
    const s = this.scale();
    const dx = (px - screen_size.width / 2) / s, dy = (screen_size.height / 2 - py) / s;
    if (Math.abs(dx) > ocean.width / 2 || Math.abs(dy) > ocean.height / 2) return null;
    return {x: wrap(this.x + dx, ocean.width), y: wrap(this.y + dy, ocean.height)};
  },

  drag(dx, dy) { this.move(-dx / this.scale(), dy / this.scale()); },
  step(dx, dy) { this.move(dx * 40 / this.zoom, dy * 40 / this.zoom); },
  move(dx, dy) {
    this.x = wrap(this.x + dx, ocean.width);
    this.y = wrap(this.y + dy, ocean.height);
  },

  /* What is under this pixel stays there. */
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
    const x = left + width / 2 - this.x * s, y = top + height / 2 + this.y * s - height;
    pen.save();
    pen.beginPath();
    pen.rect(left, top, width, height);
    pen.clip();
    pen.imageSmoothingQuality = 'high';
    for (const across of [-width, 0, width]) {
      for (const down of [-height, 0, height]) {
        pen.drawImage(picture, x + across, y + down, width, height);
      }
    }
    draw_grid(Math.max(left, 0), Math.max(top, 0));
    pen.restore();                                      // boats and names may stand over the edge
  },
};

/* Lines every hundred cells, or every sector when near; the seams are dashed; numbers at the left
   and the top. */
function draw_grid(left, top) {
  const every = chart.zoom > 5 ? ocean.sector : chart.zoom > 2 ? 50 : 100;
  pen.font = `600 ${letters(18)}px system-ui, sans-serif`;
  pen.strokeStyle = pen.fillStyle = colours.grid;
  pen.lineWidth = 1;
  for (let x = 0; x < ocean.width; x += every) draw_upright(x, chart.place(x, 0).x, top);
  for (let y = 0; y < ocean.height; y += every) draw_level(y, chart.place(0, y).y, left, top);
}

function draw_upright(number, x, top) {
  draw_grid_line(number, {x, y: 0}, {x, y: screen_size.height});
  write_number(number, 'x', x + 5, top + 5);
}

function draw_level(number, y, left, top) {
  draw_grid_line(number, {x: 0, y}, {x: screen_size.width, y});
  const room = y > top + 30 && y < screen_size.height - 20;
  if (room) write_number(number, 'y', left + 5, y - letters(18) * 1.2);
}

function draw_grid_line(number, from, to) {
  pen.setLineDash(number ? [] : [10, 8]);
  draw_line_between(from, to);
  pen.setLineDash([]);
}

function write_number(number, axis, x, y) {
  pen.fillStyle = colours.ink;
  pen.globalAlpha = 0.7;
  pen.textAlign = 'left';
  pen.textBaseline = 'top';
  pen.fillText(number || `0 ${axis}`, x, y);
  pen.globalAlpha = 1;
}
